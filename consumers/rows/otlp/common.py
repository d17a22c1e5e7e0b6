"""What spans, logs and metric points have in common: the columns of their record, resource and scope."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson

from consumers.rows.binary import COUNT, INT8_MAX, NULL, int8, jsonb, sized, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.otlp.wire import ResourceGroup, Scope, ScopeGroup
from consumers.rows.tables import COLUMNS, ResourceRow, Rows
from schemas.record import Record
from schemas.stored import INDEXED_TEXT_MAX_BYTES

INT2_MAX = 2**15 - 1
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_SOURCE = sized(b"otlp")
# Of a resource row, all but its attributes.
_ATTRIBUTES_ALONE = (None, 0, None)
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
        self._scope_schema_urls = encoder.texts("scope_schema_url")

    def resource(self, group: ResourceGroup) -> tuple[bytes, tuple[str, ...]]:
        """Store a resource and write what precedes its scopes.

        Returns:
            The bytes, and what had to be changed in the resource, to be named on each of its rows.
        """
        encoder = self._encoder
        row = _resource_row(group, encoder)
        # Most resources are attributes alone, and keep the id that they had when nothing else was stored of them.
        identity = row.attributes.encode() if row[1:] == _ATTRIBUTES_ALONE else orjson.dumps([*row])
        resource_id = hashlib.blake2b(identity, digest_size=16).digest()
        self._into.resources[resource_id] = row
        attributes: dict[str, Any] = orjson.loads(row.attributes)
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

    def scope(
        self, resource: bytes, resource_notes: tuple[str, ...], group: ScopeGroup
    ) -> tuple[bytes, tuple[str, ...]]:
        """Write what precedes the items of a scope.

        Returns:
            The bytes, and what had to be changed in the resource and in the scope.
        """
        scope = group.scope
        attributes = _scope_attributes(scope, self._encoder)
        names = self._scope_names[scope.name] + self._scope_versions[scope.version]
        head = resource + names + attributes + self._scope_schema_urls[group.schema_url]
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


def _resource_row(group: ResourceGroup, encoder: Encoder) -> ResourceRow:
    """Write a resource."""
    resource = group.resource
    attributes, dropped = encoder.attributes(resource.attributes, resource.dropped_attributes_count)
    entities = [
        {
            "schema_url": entity.schema_url,
            "type": entity.type,
            "id_keys": list(entity.id_keys),
            "description_keys": list(entity.description_keys),
        }
        for entity in resource.entity_refs
    ]
    return ResourceRow(
        attributes=attributes.decode(),
        schema_url=orjson.loads(encoder.json("schema_url", group.schema_url)) if group.schema_url else None,
        dropped_attributes_count=dropped,
        entity_refs=encoder.json("entity_refs", entities).decode() if entities else None,
    )


def _scope_attributes(scope: Scope, encoder: Encoder) -> bytes:
    """Write a scope's attributes, and how many it lacks; most scopes have none."""
    if not (scope.attributes or scope.dropped_attributes_count):
        return NULL + NULL
    attributes, dropped = encoder.attributes(scope.attributes, scope.dropped_attributes_count)
    encoder.notes[:] = [f"scope.{note}" for note in encoder.notes]
    return jsonb(attributes) + (int8(dropped) if dropped else NULL)


def _text_of(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """Answer an attribute that should be a string as one."""
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
