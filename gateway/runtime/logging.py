"""Logs: text or JSON lines on standard error, with every credential masked."""

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

from gateway.runtime.settings import Log

MASK = "********"

# What must never be printed, and what stays of it. A key keeps its kind, a URL its user name.
_SECRETS = (
    (re.compile(r"\b(ak|pt|mk)_[A-Za-z0-9_]{20,}"), rf"\1_{MASK}"),
    (re.compile(r"(sentry_key=)[^\s&,;\"']+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(?=@)", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"([?&]password=)[^\s&]+", re.IGNORECASE), rf"\1{MASK}"),
)


def redact(text: str) -> str:
    """Mask keys, tokens, `sentry_key=` values and the passwords of URLs in a text."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class TextFormatter(logging.Formatter):
    """One line a record, for people: time, level, logger, message; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 (the base names it)
        """Answer the record's time in UTC (RFC 3339)."""
        del datefmt
        return _rfc3339(record)

    def format(self, record: logging.LogRecord) -> str:
        """Mask what the finished text holds, arguments and traceback included."""
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for machines: time, level, logger, process, message, traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record; each text is masked before it is escaped."""
        fields: dict[str, str | int] = {
            "time": _rfc3339(record),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process or 0,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            fields["traceback"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(fields).decode()


def set_up(log: Log) -> None:
    """Send the logs of this process to standard error as the settings say; call it once, at the start."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log.format == "json" else TextFormatter())
    logging.basicConfig(handlers=[handler], level=log.level, force=True)
    if log.level != "DEBUG":
        # At every rebalance it would list all partitions of all environments.
        logging.getLogger("aiokafka").setLevel(logging.WARNING)


def _rfc3339(record: logging.LogRecord) -> str:
    """Answer a record's time in UTC, in milliseconds."""
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
