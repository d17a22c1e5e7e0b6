"""Sentry's envelope: bytes to headers and items, total for any bytes; what `dsn` and `event_id` it carries.

Source: develop.sentry.dev, Envelopes; getsentry/relay where that is silent.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct

from gateway.protocols.text import BOM, read_json, write_json
from schemas.errors import Malformed, PayloadTooLarge

ITEMS_MAX_COUNT = 10_000
HEADER_MAX_BYTES = 8 * 1024
"""Most bytes of a header line."""
CONTAINERS = frozenset({"log", "span", "trace_metric"})
"""Types of items that may hold many of their kind: `{"items": […]}`, and how many in the header's `item_count`."""
_VIEWED_FROM_BYTES = 4 * 1024  # so that all copies of an envelope together are small beside it
_EVENT_TYPES = frozenset({"event", "transaction"})
_EVENT_ID = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\Z", re.IGNORECASE)
# All zeros are how some SDKs write that they have none.
_NO_ID = "0" * 32
_DSN = re.compile(
    r"https?://(?P<key>[^:@/?#]+)(?::[^@/?#]*)?@[^/?#]+(?:/[^?#]*)?/(?P<project>[^/?#]+)/?\Z", re.IGNORECASE
)


class Item(Struct):
    """One item: its type, its whole header, and its payload byte for byte; a large one is a view of the envelope."""

    type: str
    headers: dict[str, Any]
    payload: bytes | memoryview

    def content(self) -> bytes:
        """Answer the payload, copied where it is a view."""
        return bytes(self.payload)


class Envelope(Struct):
    """A parsed envelope: its header, keys that are unknown here included, and its items in their order."""

    headers: dict[str, Any]
    items: list[Item]


class Dsn(NamedTuple):
    """What counts of a DSN: the key and the project id; the host is whatever a client reaches us by."""

    key: str
    project: str


class _Payload(Struct):
    """What is looked for in an event's payload."""

    event_id: Any = None


_PAYLOAD = msgspec.json.Decoder(_Payload)


def parse(data: bytes, *, header_max_bytes: int = HEADER_MAX_BYTES) -> Envelope:
    """Parse an envelope whose header lines have at most so many bytes.

    Raises:
        Malformed: it is none; the message names the item and the byte.
        PayloadTooLarge: a header line is too long, or there are too many items; SDKs send a 400 again for ever.
    """
    if not data:
        raise Malformed("The body is empty; an envelope begins with a line of JSON.")
    line, position = _line(data, 0, header_max_bytes)
    headers = _header(line, "envelope's first line")
    items: list[Item] = []
    while position < len(data):
        line, after = _line(data, position, header_max_bytes)
        if not line.strip():  # blank lines between items do no harm
            position = after
            continue
        if len(items) == ITEMS_MAX_COUNT:
            raise PayloadTooLarge(f"The envelope has more than {ITEMS_MAX_COUNT} items; send them in parts.")
        where = f"header of item {len(items)}, at byte {position},"
        item_headers = _header(line, where)
        item_type = item_headers.get("type")
        if not isinstance(item_type, str):
            raise Malformed(f"The {where} has no type.")
        payload, position = _payload(data, after, item_headers.get("length"), where)
        items.append(Item(item_type, item_headers, payload))
    return Envelope(headers, items)


def event_id_of(envelope: Envelope) -> str | None:
    """Answer the event id as 32 hex digits: the envelope's, else that of its first event or transaction."""
    found = event_id(envelope.headers.get("event_id"))
    if found is not None:
        return found
    payload = next((item.content() for item in envelope.items if item.type in _EVENT_TYPES), None)
    return event_id(_event_id_in(payload)) if payload is not None else None


def event_id(value: object) -> str | None:
    """Answer an event id, written with or without dashes, as 32 hex digits; None where it is none, or all zeros."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not _EVENT_ID.match(text):
        return None
    digits = text.replace("-", "").lower()
    return None if digits == _NO_ID else digits


def needs_event_id(envelope: Envelope) -> bool:
    """Tell whether a client expects an event id in the answer: there is an event or a transaction."""
    return any(item.type in _EVENT_TYPES for item in envelope.items)


def ignored_headers(envelope: Envelope) -> list[str]:
    """Answer which of the headers that something is read from are not what they should be: `sent_at`, `trace`."""
    headers = envelope.headers
    return [name for name, is_right in _CHECKED if name in headers and not is_right(headers[name])]


def dsn_of(data: bytes) -> Dsn | None:
    """Answer the `dsn` of an envelope's header, by reading its first line only; None where there is none.

    `data` may be the beginning of the body. A first line of more than 8 KiB is not read.
    """
    line = data[: HEADER_MAX_BYTES + 1].partition(b"\n")[0]
    if len(line) > HEADER_MAX_BYTES or (b"dsn" not in line and b"\\" not in line):
        return None
    try:
        headers = read_json(line)
    except Malformed:
        return None
    dsn: Any = cast("dict[str, Any]", headers).get("dsn") if isinstance(headers, dict) else None
    found = _DSN.match(dsn.strip()) if isinstance(dsn, str) else None
    return Dsn(found["key"], found["project"]) if found else None


def render(headers: dict[str, Any], items: list[Item]) -> bytes:
    """Write an envelope; `parse` reads it back, each payload with its length."""
    parts: list[bytes | memoryview] = [write_json(headers)]
    for item in items:
        parts.append(write_json(item.headers | {"type": item.type, "length": len(item.payload)}))
        parts.append(item.payload)
    return b"\n".join(parts) + b"\n"


def _is_moment(value: object) -> bool:
    """Tell whether a time is RFC 3339, or seconds since 1970."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value.strip())
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_trace(value: object) -> bool:
    """Tell whether a header is the context of a trace: an object that names the trace."""
    trace_id: Any = cast("dict[str, Any]", value).get("trace_id") if isinstance(value, dict) else None
    return isinstance(trace_id, str) and _EVENT_ID.match(trace_id) is not None


_CHECKED = (("sent_at", _is_moment), ("trace", _is_trace))


def _line(data: bytes, position: int, max_bytes: int) -> tuple[bytes, int]:
    """Answer the line that starts at a position, and the position after it."""
    end = data.find(b"\n", position, position + max_bytes + 1)
    if end < 0:
        end = len(data)
        if end - position > max_bytes:
            raise PayloadTooLarge(f"The header line at byte {position} is longer than {max_bytes} bytes.")
    return data[position:end], end + 1


def _header(line: bytes, where: str) -> dict[str, Any]:
    try:
        headers = read_json(line)
    except Malformed as error:
        raise Malformed(f"The {where} is no JSON object: {error.message}") from error
    if not isinstance(headers, dict):
        raise Malformed(f"The {where} is no JSON object.")
    return cast("dict[str, Any]", headers)


def _payload(data: bytes, position: int, length: object, where: str) -> tuple[bytes | memoryview, int]:
    """Answer a payload and the position after it: as long as its header says, else up to the newline or the end."""
    if length is None:
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        return _cut(data, position, end), end + 1
    if not isinstance(length, int) or isinstance(length, bool) or length < 0:
        raise Malformed(f"The {where} has a length that is no number of bytes.")
    end = position + length
    left = max(0, len(data) - position)
    if length > left:
        raise Malformed(f"The {where} says {length} bytes, but only {left} are left.")
    if end < len(data) and data[end] != ord("\n"):
        raise Malformed(f"The {where} says {length} bytes, but no newline follows them at byte {end}.")
    return _cut(data, position, end), end + 1


def _cut(data: bytes, position: int, end: int) -> bytes | memoryview:
    """Answer a payload; files have up to 100 MiB, which are not held twice."""
    return memoryview(data)[position:end] if end - position > _VIEWED_FROM_BYTES else data[position:end]


def _event_id_in(payload: bytes) -> object:
    try:
        return _PAYLOAD.decode(payload.removeprefix(BOM)).event_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # old SDKs write NaN and half surrogates: look again, laxly
    try:
        found = read_json(payload)
    except Malformed:
        return None  # an event is never refused for its content
    return cast("dict[str, Any]", found).get("event_id") if isinstance(found, dict) else None
