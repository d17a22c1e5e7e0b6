"""Reading OTLP's JSON: bytes to structs, or Malformed that says what and where."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, cast

from msgspec import DecodeError, Raw, Struct, ValidationError, field
from msgspec.json import Decoder

from gateway.protocols.otlp.as_json.metrics import Metrics
from gateway.protocols.otlp.as_json.structs import SNAKE, Logs, Traces, decode_hook
from gateway.protocols.text import mend_surrogates
from schemas.errors import Malformed, PayloadTooLarge
from schemas.signals import Signal

JsonRequest = Traces | Logs | Metrics

_DECODERS: dict[Signal, Decoder[Any]] = {
    Signal.TRACES: Decoder(Traces, strict=False, dec_hook=decode_hook),
    Signal.LOGS: Decoder(Logs, strict=False, dec_hook=decode_hook),
    Signal.METRICS: Decoder(Metrics, strict=False, dec_hook=decode_hook),
}
_NULL = Raw(b"null")
_OBJECTS_MAX_COUNT = 1_000_000  # about 20,000 spans; JSON within a text (`{\"`) does not count
_COMMAS_MAX_COUNT = 4_000_000  # of metrics: their lists of numbers are no objects


class _Keys(Struct):
    """The first level of any signal's request."""

    traces: Raw = field(default=_NULL, name="resourceSpans")
    snake_traces: Raw = field(default=_NULL, name="resource_spans")
    logs: Raw = field(default=_NULL, name="resourceLogs")
    snake_logs: Raw = field(default=_NULL, name="resource_logs")
    metrics: Raw = field(default=_NULL, name="resourceMetrics")
    snake_metrics: Raw = field(default=_NULL, name="resource_metrics")


_KEYS = Decoder(_Keys)
_LIST = Decoder(list[Raw])


def read(signal: Signal, data: bytes) -> tuple[JsonRequest, bytes | None]:
    """Decode a request, and answer its bytes too where they had to be mended first (else None).

    Raises:
        Malformed: the bytes are no JSON, or a field has a wrong type.
        PayloadTooLarge: it has too many objects, each of which takes up to eighty times its text in memory.
    """
    if len(data) > _OBJECTS_MAX_COUNT and data.count(b"{") - data.count(b'{\\"') > _OBJECTS_MAX_COUNT:
        raise PayloadTooLarge(f"The JSON body has more than {_OBJECTS_MAX_COUNT} objects. Send it in parts.")
    if signal is Signal.METRICS and len(data) > _COMMAS_MAX_COUNT and data.count(b",") > _COMMAS_MAX_COUNT:
        raise PayloadTooLarge(f"The JSON body has more than {_COMMAS_MAX_COUNT} values. Send it in parts.")
    try:
        try:
            return _DECODERS[signal].decode(data), None
        except ValidationError:
            raise
        except DecodeError:
            mended = mend_surrogates(data)
            if mended == data:
                raise
            return _DECODERS[signal].decode(mended), mended
    except ValidationError as error:
        msg = f"The JSON body is no OTLP {signal} request: {error}."
        raise Malformed(msg) from error
    except (DecodeError, UnicodeDecodeError) as error:
        msg = f"The JSON body of {len(data)} bytes cannot be read: {error}."
        raise Malformed(msg) from error
    except RecursionError as error:
        msg = "The JSON body is nested too deeply."
        raise Malformed(msg) from error


def other_key(signal: Signal, data: bytes) -> Signal | None:
    """Answer the other signal whose items a request without any of its own carries, where there are some."""
    found = _KEYS.decode(data)
    others = (other for other in _DECODERS if other is not signal)
    return next(
        (other for other in others if _has_items(getattr(found, other)) or _has_items(getattr(found, SNAKE + other))),
        None,
    )


def _has_items(text: Raw) -> bool:
    try:
        return bool(_LIST.decode(text))
    except ValidationError:
        return False


def column(items: Sequence[Struct], name: str) -> list[str]:
    """Answer a text field of all items, which may be written in snake_case; "" where it is absent."""
    values: list[str | None] = list(map(attrgetter(name), items))
    if None not in values:
        return cast("list[str]", values)
    snake = attrgetter(SNAKE + name)
    return [(snake(item) or "") if value is None else value for item, value in zip(items, values, strict=True)]
