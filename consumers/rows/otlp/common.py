"""What spans, logs and metric points have in common: the columns of their record, resource and scope."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from consumers.rows.binary import COUNT, INT8_MAX, NULL, int8, sized, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.otlp.wire import Resource, Scope
from consumers.rows.tables import COLUMNS, Rows
from schemas.record import Record
from schemas.stored import INDEXED_TEXT_MAX_BYTES

INT2_MAX = 2**15 - 1
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_SOURCE = sized(b"otlp")
_ENVIRONMENT_ATTRIBUTES = ("deployment.environment.name", "deployment.environment")


class Prefix:
    """The beginning of the tuples of one table: number of columns, record, resource; then the scope."""

    def __init__(self, table: str, record: Record, encoder: Encoder, into: Rows) -> None:
        self._head = COUNT(len(COLUMNS[table])) + b"".join(record_fields(record).values()) + _SOURCE
        self._table = table
        self._encoder = encoder
        self._into = into
        self._environment = ""
        self._scope_names = encoder.texts("scope_name")
        self._scope_versions = encoder.texts("scope_version")

    def resource(self, resource: Resource) -> tuple[bytes, tuple[str, ...]]:
        """Store a resource and write what precedes its scopes.

        Returns:
            The bytes, and what had to be changed in the resource, to be named on each of its rows.
        """
        encoder = self._encoder
        text, _ = encoder.attributes(resource.attributes, 0)
        attributes: dict[str, Any] = orjson.loads(text)
        resource_id = hashlib.blake2b(text, digest_size=16).digest()
        self._into.resources[resource_id] = text
        encoder.notes[:] = [f"resource.{note}" for note in encoder.notes]
        service = _text_of(attributes.get("service.name"))
        environment = next((_text_of(attributes[name]) for name in _ENVIRONMENT_ATTRIBUTES if name in attributes), "")
        self._environment = environment
        fields = (
            encoder.text("service_name", service, INDEXED_TEXT_MAX_BYTES) if service else NULL,
            sized(resource_id),
            encoder.text("event_environment", environment) if environment else NULL,
        )
        notes = tuple(encoder.notes)
        encoder.notes.clear()
        return self._head + b"".join(fields), notes

    def end(self, count: int) -> None:
        """Note that the resource had so many items."""
        self._into.compare(self._table, self._environment, count)

    def scope(self, resource: bytes, resource_notes: tuple[str, ...], scope: Scope) -> tuple[bytes, tuple[str, ...]]:
        """Write what precedes the items of a scope.

        Returns:
            The bytes, and what had to be changed in the resource and in the scope.
        """
        head = resource + self._scope_names[scope.name] + self._scope_versions[scope.version]
        notes = (*resource_notes, *self._encoder.notes)
        self._encoder.notes.clear()
        return head, notes


def record_fields(record: Record) -> dict[str, bytes]:
    """Write the columns that every table begins with, in their order."""
    return {
        "channel": int8(record.channel_id),
        "received_at": timestamptz(record.received_ns),
        "ingest_id": sized(record.ingest_id),
    }


def clamped(column: str, value: int, encoder: Encoder, *, low: int = 0, high: int = INT8_MAX) -> int:
    """Answer the nearest value that the column holds, and note it if that is another one."""
    nearest = min(max(value, low), high)
    if nearest != value:
        encoder.notes.append(column)
    return nearest


def ids(column: str, size_bytes: int, encoder: Encoder) -> Callable[[bytes], bytes]:
    """Answer what writes an id that an item may lack; what is no id is null, and named unless it is merely zero."""
    zero = bytes(size_bytes)
    length = sized(zero)[:-size_bytes]

    def write(value: bytes) -> bytes:
        if len(value) == size_bytes and value != zero:
            return length + value
        if any(value):
            encoder.notes.append(column)
        return NULL

    return write


def _text_of(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """Answer an attribute that should be a string as one."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
