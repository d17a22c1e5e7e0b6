"""The tables that rows go to: their columns in COPY order, and the accumulator of a batch."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct, field

from consumers.rows.binary import COUNT, NULL
from consumers.rows.encoder import Encoder

# Without `environment`: the leaf's default fills it. What is the same for all items of a scope comes first, so that it
# is written once for all of them.
_RECORD = ("channel", "received_at", "ingest_id")
_SCOPE = (
    *(*_RECORD, "source", "service_name", "resource_id", "event_environment", "scope_name", "scope_version"),
    *("scope_attributes", "scope_dropped_attributes_count", "scope_schema_url"),
)

GEN_AI = (
    "gen_ai_operation",
    "gen_ai_provider",
    "gen_ai_request_model",
    "gen_ai_response_model",
    "gen_ai_input_tokens",
    "gen_ai_output_tokens",
    "gen_ai_cached_tokens",
    "gen_ai_reasoning_tokens",
    "gen_ai_conversation_id",
    "gen_ai_agent_name",
    "gen_ai_tool_name",
    "error_type",
)

COLUMNS: dict[str, tuple[str, ...]] = {
    "spans": (
        *_SCOPE,
        *("trace_id", "span_id", "kind", "start_ns", "start_ts", "duration_ns", "status_code", "flags"),
        *("dropped_attributes_count", "dropped_events_count", "dropped_links_count"),
        *("parent_span_id", "trace_state", "name", "status_message", "attributes", "events", "links", "truncated"),
        *GEN_AI,
    ),
    "logs": (
        *_SCOPE,
        *("ts", "severity_number", "flags", "dropped_attributes_count"),
        *("time_ns", "observed_ns", "trace_id", "span_id", "severity_text", "event_name"),
        *("body", "body_text", "attributes", "truncated"),
    ),
    "metric_points": (
        *_SCOPE,
        *("name", "type", "unit", "description", "temporality", "monotonic", "metadata"),
        *("start_ns", "time_ns", "ts", "flags", "value_double", "value_int", "histogram", "exemplars"),
        *("attributes", "dropped_attributes_count", "truncated"),
    ),
    "error_events": (
        *_RECORD,
        *("event_id", "item_type", "sent_at", "timestamp", "platform", "level", "logger", "transaction"),
        *("server_name", "release", "dist", "sdk_environment", "sdk_name", "sdk_version", "type", "value", "culprit"),
        *("handled", "trace_id", "span_id", "fingerprint", "grouping_hash", "grouping_version", "user", "tags"),
        *("headers", "envelope_headers", "payload", "truncated"),
    ),
    "sentry_items": (
        *(*_RECORD, "item", "event_id", "type", "category", "headers", "envelope_headers"),
        *("json", "payload", "payload_bytes"),
    ),
    "attachments": (
        *_RECORD,
        *("item", "chunk", "event_id", "filename", "content_type", "attachment_type", "item_type"),
        *("size_bytes", "headers", "envelope_headers", "data"),
    ),
}

# Minutes since 1970, outcome, reason, category: see the table sentry_outcomes.
OutcomeKey = tuple[int, str, str, str]


class ResourceRow(NamedTuple):
    """A resource, in the order of the columns of `resources`; attributes and references to entities are JSON."""

    attributes: str
    schema_url: str | None
    dropped_attributes_count: int
    entity_refs: str | None


class Rows(Struct):
    """The rows of a batch that go to one leaf of one environment.

    Attributes:
        copy: Table → tuples in binary COPY format, without its header and trailer.
        counts: Table → how many rows, of attachments how many first chunks.
        resources: Id (16 bytes) → the resource.
        encoder: What the batch has encoded so far; `pack` makes it.
        slug: The environment's; empty where nothing is to be compared with it.
        mismatched: Table → how many of the rows say that they are of another environment.
        outcomes: How many of Sentry's items became what.
    """

    copy: dict[str, bytearray] = field(default_factory=dict[str, bytearray])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    resources: dict[bytes, ResourceRow] = field(default_factory=dict[bytes, ResourceRow])
    encoder: Encoder | None = None
    slug: str = ""
    mismatched: dict[str, int] = field(default_factory=dict[str, int])
    outcomes: dict[OutcomeKey, int] = field(default_factory=dict[OutcomeKey, int])

    def compare(self, table: str, environment: str, count: int) -> None:
        """Note what rows say of their environment, empty where they say nothing; letters compare in any case."""
        if environment and self.slug and count and environment.strip().lower() != self.slug:
            self.mismatched[table] = self.mismatched.get(table, 0) + count

    def add(self, table: str, tuples: bytes | bytearray, count: int) -> None:
        """Add tuples to a table."""
        if not tuples:
            return
        if table in self.copy:
            self.copy[table] += tuples
        else:
            self.copy[table] = bytearray(tuples)
        self.counts[table] = self.counts.get(table, 0) + count

    def note_outcome(self, key: OutcomeKey, quantity: int) -> None:
        """Count what became of some of Sentry's items."""
        self.outcomes[key] = self.outcomes.get(key, 0) + quantity

    def merge(self, other: "Rows") -> None:
        """Add all rows of another accumulator."""
        for table, tuples in other.copy.items():
            self.add(table, tuples, other.counts[table])
        for table, count in other.mismatched.items():
            self.mismatched[table] = self.mismatched.get(table, 0) + count
        for key, quantity in other.outcomes.items():
            self.note_outcome(key, quantity)
        self.resources.update(other.resources)


def tuple_of(table: str, fields: Mapping[str, bytes]) -> bytes:
    """Write one tuple from fields by column; a column without a field is null."""
    columns = COLUMNS[table]
    return COUNT(len(columns)) + b"".join([fields.get(column, NULL) for column in columns])
