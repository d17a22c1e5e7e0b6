"""A Sentry envelope as the rows need it: each item with its JSON, and the key under which it is stored once."""

from typing import Any

from msgspec import Struct

from consumers.rows import values
from consumers.rows.encoder import Encoder
from consumers.rows.otlp.common import record_fields
from consumers.rows.sentry.lenient import hex_id, mapping, moment_ns
from consumers.rows.tables import Rows
from gateway.protocols.sentry.envelope import CONTAINERS, Envelope
from schemas.errors import Malformed
from schemas.record import Record

# Channel, item type and event id (16 bytes).
EventKey = tuple[int, str, bytes]

EVENT_ID_BYTES = 16
_STORED_ONCE = {"event", "transaction"}
# What is stored, or counted, by what it holds is read, whatever its size.
_ALWAYS_READ = _STORED_ONCE | CONTAINERS
# What columns hold of an envelope's header, and what no row may hold: a key stands in the DSN, and in the context of a
# trace.
_KNOWN = {"event_id", "sent_at", "sdk", "dsn", "trace"}
_KEY_IN_TRACE = "public_key"
# Its payload is a line of JSON and compressed bytes.
_RECORDING = "replay_recording"
_TRACE_ID_BYTES = 16


class Item(Struct):
    """One item. `json` is None unless the payload is JSON; `key` is set for what is stored once."""

    index: int
    type: str
    headers: dict[str, Any]
    payload: bytes
    json: Any
    key: EventKey | None


class Content(Struct):
    """An envelope's items, and what its header says of them all.

    `unreadable` names what cannot be read of the header, `headers` holds what there is no column for.
    """

    event_id: bytes | None
    sent_at_ns: int | None
    unreadable: list[str]
    sdk: dict[str, Any]
    headers: dict[str, Any]
    items: list[Item]


class Target(Struct):
    """Where the rows of an envelope go, and what they have in common."""

    content: Content
    record: Record
    encoder: Encoder
    into: Rows

    def common(self) -> dict[str, bytes]:
        """Write the columns that every table begins with."""
        return record_fields(self.record)


def read(envelope: Envelope, record: Record, json_max_bytes: int) -> Content:
    """Read the JSON of an envelope's items and the ids of its events.

    Args:
        envelope: The envelope.
        record: The record that it came in; its ingest id stands in for an event id where nobody chose one.
        json_max_bytes: Larger payloads of items that are neither events nor containers are not looked at.
    """
    event_id = hex_id(envelope.headers.get("event_id"), EVENT_ID_BYTES)
    items: list[Item] = []
    for index, item in enumerate(envelope.items, record.item):
        value = None
        if item.type == _RECORDING and not record.chunk:
            value = _json_of(bytes(item.payload[:json_max_bytes]).partition(b"\n")[0])
        elif record.chunk is None and (item.type in _ALWAYS_READ or len(item.payload) <= json_max_bytes):
            value = _json_of(item.content())
        key = None
        if item.type in _STORED_ONCE and isinstance(value, dict):
            own_id = hex_id(mapping(value).get("event_id"), EVENT_ID_BYTES)
            key = (record.channel_id, item.type, event_id or own_id or record.ingest_id)
        items.append(Item(index, item.type, values.with_plain_numbers(item.headers), item.content(), value, key))
    sent_at_ns = moment_ns(envelope.headers.get("sent_at"))
    sdk = values.with_plain_numbers(mapping(envelope.headers.get("sdk")))
    unreadable = _unreadable(envelope.headers, sent_at_ns)
    return Content(event_id, sent_at_ns, unreadable, sdk, _unknown(envelope.headers, unreadable), items)


def _unreadable(headers: dict[str, Any], sent_at_ns: int | None) -> list[str]:
    """Name what stands in an envelope's header and is ignored."""
    names = ["sent_at"] if sent_at_ns is None and headers.get("sent_at") is not None else []
    trace = headers.get("trace")
    if trace is not None and hex_id(mapping(trace).get("trace_id"), _TRACE_ID_BYTES) is None:
        names.append("trace")
    return names


def _unknown(headers: dict[str, Any], unreadable: list[str]) -> dict[str, Any]:
    """Answer what an envelope's header says that no column holds, without the key that it was sent with."""
    unknown = {key: value for key, value in headers.items() if key not in _KNOWN}
    if "trace" not in unreadable and (trace := mapping(headers.get("trace"))):
        unknown["trace"] = {key: value for key, value in trace.items() if key != _KEY_IN_TRACE}
    return values.with_plain_numbers(unknown)


def _json_of(payload: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    """Read a payload that may be JSON."""
    try:
        return values.load(payload)
    except Malformed:
        return None
