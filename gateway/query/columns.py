"""Which table holds each kind of events, and which of its columns fill the fields of an answer; pure."""

from msgspec import Struct

from schemas.stored import ErrorEvent, EventKind, ItemEvent, LogEvent, MetricEvent, SpanEvent


class Source(Struct, frozen=True):
    """Where a kind of events stands.

    `columns` are the SQL expressions of the fields that have not the name of their column.
    """

    table: str
    struct: type[Struct]
    columns: dict[str, str]
    has_trace_id: bool = False
    has_resource: bool = True

    def select(self) -> str:
        """Write the list of what is selected, in the order of the struct's fields; the events are named `e`."""
        return ", ".join(self.columns.get(name) or f"e.{name}" for name in self.struct.__struct_fields__)


def _hex(column: str) -> str:
    return f"encode(e.{column}, 'hex')"


def _text(column: str) -> str:
    return f"e.{column}::text"


def _uuid(column: str) -> str:
    return f"replace(e.{column}::text, '-', '')"


def _count(column: str) -> str:
    return f"coalesce(e.{column}, 0)"


_ANY = {"channel_id": "e.channel", "ingest_id": _text("ingest_id")}
_IDS = {"trace_id": _hex("trace_id"), "span_id": _hex("span_id")}
_TELEMETRY = {
    **_ANY,
    "scope_attributes": _text("scope_attributes"),
    "scope_dropped_attributes_count": _count("scope_dropped_attributes_count"),
    "resource": "r.attributes::text",
    "resource_dropped_attributes_count": "coalesce(r.dropped_attributes_count, 0)",
    "resource_schema_url": "r.schema_url",
    "resource_entity_refs": "r.entity_refs::text",
    "attributes": _text("attributes"),
}

# Four numbers a name, as OpenTelemetry's data model of logs has it ("Severity fields"); 0 says nothing.
_SEVERITY = (
    "CASE WHEN e.severity_number BETWEEN 1 AND 24 THEN"
    " (ARRAY['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'])[(e.severity_number + 3) / 4] END"
)

SOURCES = {
    EventKind.SPAN: Source(
        table="spans",
        struct=SpanEvent,
        columns={
            **_TELEMETRY,
            **_IDS,
            "parent_span_id": _hex("parent_span_id"),
            "span_kind": "e.kind",
            "started_at": "e.start_ts",
            "start_unix_nano": _text("start_ns"),
            "duration_nano": _text("duration_ns"),
            "events": _text("events"),
            "links": _text("links"),
        },
        has_trace_id=True,
    ),
    EventKind.LOG: Source(
        table="logs",
        struct=LogEvent,
        columns={
            **_TELEMETRY,
            **_IDS,
            "at": "e.ts",
            "time_unix_nano": _text("time_ns"),
            "observed_unix_nano": _text("observed_ns"),
            "severity": _SEVERITY,
            "body": _text("body"),
        },
        has_trace_id=True,
    ),
    EventKind.METRIC: Source(
        table="metric_points",
        struct=MetricEvent,
        columns={
            **_TELEMETRY,
            "at": "e.ts",
            "start_unix_nano": _text("start_ns"),
            "time_unix_nano": _text("time_ns"),
            "value_int": _text("value_int"),
            "metadata": _text("metadata"),
            "dropped_attributes_count": _count("dropped_attributes_count"),
            "histogram": _text("histogram"),
            "exemplars": _text("exemplars"),
        },
    ),
    EventKind.ERROR: Source(
        table="error_events",
        struct=ErrorEvent,
        columns={
            **_ANY,
            **_IDS,
            "event_id": _uuid("event_id"),
            "at": "e.timestamp",
            "event_environment": "e.sdk_environment",
            "grouping_hash": _hex("grouping_hash"),
            "user": 'e."user"::text',
            "tags": _text("tags"),
            "headers": _text("headers"),
            "envelope_headers": _text("envelope_headers"),
            "payload": _text("payload"),
        },
        has_trace_id=True,
        has_resource=False,
    ),
    EventKind.ITEM: Source(
        table="sentry_items",
        struct=ItemEvent,
        columns={
            **_ANY,
            "event_id": _uuid("event_id"),
            "headers": _text("headers"),
            "envelope_headers": _text("envelope_headers"),
            "json": _text("json"),
            "payload_size_bytes": "coalesce(e.payload_bytes, octet_length(e.payload))",
        },
        has_resource=False,
    ),
}
