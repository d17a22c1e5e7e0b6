"""What is stored, as the read side answers it: events of five kinds, and how they are asked for."""

from datetime import datetime
from enum import StrEnum

from msgspec import Raw, Struct

INDEXED_TEXT_MAX_BYTES = 1024
"""What is stored of a name that stands in an index: a btree's entry must stay below a third of a page, 2,704 bytes."""

# Numbers of nanoseconds are texts: as JSON numbers they lose digits in many clients, and OTLP's JSON has texts too.


class EventKind(StrEnum):
    """The kinds of stored events."""

    SPAN = "span"
    LOG = "log"
    METRIC = "metric"
    ERROR = "error"
    ITEM = "item"


class Order(StrEnum):
    """In which order, by time of receipt, events are listed."""

    OLDEST = "oldest"
    NEWEST = "newest"


class EventsAsked(Struct, frozen=True, kw_only=True):
    """Which events of an environment are asked for: received from `since` on and before `until`.

    `trace_id` has 16 bytes. `after` is the `next` of an earlier answer, empty for the first.
    """

    kinds: tuple[EventKind, ...]
    since: datetime
    until: datetime
    trace_id: bytes | None
    order: Order
    after: str
    limit: int


class RejectionsAsked(Struct, frozen=True, kw_only=True):
    """Which refused requests are asked for; None does not matter. `after` is the id of the last one before."""

    reason: str | None
    credential_id: str | None
    after: str | None
    limit: int


class Rejection(Struct, frozen=True, kw_only=True, rename="camel"):
    """A request that was refused although its key is real; `message` is what the client was told."""

    id: str
    at: datetime
    credential_id: str
    route: str
    status: int
    reason: str
    message: str


class RejectionPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the requests that were refused, the newest first; `next` is the `after` of the part behind it."""

    items: list[Rejection]
    next: str | None


class _Event(Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind"):
    """What all events have in common; ids are in hexadecimal digits."""

    received_at: datetime
    channel_id: int
    ingest_id: str


class _Telemetry(_Event, frozen=True, kw_only=True):
    """What the kinds of OpenTelemetry have in common; `source` is the protocol that brought it."""

    source: str
    service_name: str | None
    event_environment: str | None
    scope_name: str | None
    scope_version: str | None
    scope_attributes: Raw | None
    scope_dropped_attributes_count: int
    scope_schema_url: str | None
    resource: Raw | None
    resource_dropped_attributes_count: int
    resource_schema_url: str | None
    resource_entity_refs: Raw | None
    attributes: Raw | None
    truncated: list[str] | None


class SpanEvent(_Telemetry, frozen=True, kw_only=True, tag="span"):
    """A span, of OpenTelemetry or of a Sentry transaction."""

    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    trace_state: str | None
    flags: int
    name: str
    span_kind: int
    started_at: datetime
    start_unix_nano: str
    duration_nano: str
    status_code: int
    status_message: str | None
    events: Raw | None
    links: Raw | None
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int
    gen_ai_operation: str | None
    gen_ai_provider: str | None
    gen_ai_request_model: str | None
    gen_ai_response_model: str | None
    gen_ai_input_tokens: int | None
    gen_ai_output_tokens: int | None
    gen_ai_cached_tokens: int | None
    gen_ai_reasoning_tokens: int | None
    gen_ai_conversation_id: str | None
    gen_ai_agent_name: str | None
    gen_ai_tool_name: str | None
    error_type: str | None


class LogEvent(_Telemetry, frozen=True, kw_only=True, tag="log"):
    """A log record; `severity` is the name of its number's range: TRACE, DEBUG, INFO, WARN, ERROR or FATAL."""

    at: datetime
    time_unix_nano: str | None
    observed_unix_nano: str | None
    severity_number: int
    severity: str | None
    severity_text: str | None
    event_name: str | None
    body: Raw | None
    trace_id: str | None
    span_id: str | None
    flags: int
    dropped_attributes_count: int


class MetricEvent(_Telemetry, frozen=True, kw_only=True, tag="metric"):
    """A data point of a metric; `valueInt` is a text, as in OTLP's JSON."""

    at: datetime
    start_unix_nano: str | None
    time_unix_nano: str
    name: str
    type: str
    unit: str | None
    description: str | None
    metadata: Raw | None
    temporality: int | None
    monotonic: bool | None
    value_double: float | None
    value_int: str | None
    histogram: Raw | None
    exemplars: Raw | None
    flags: int
    dropped_attributes_count: int


class ErrorEvent(_Event, frozen=True, kw_only=True, tag="error"):
    """A Sentry event; `payload` is all of it.

    `headers` and `envelopeHeaders` are what the headers of its item and envelope say beside the other fields.
    """

    event_id: str
    item_type: str
    at: datetime
    sent_at: datetime | None
    platform: str | None
    level: str
    logger: str | None
    transaction: str | None
    server_name: str | None
    release: str | None
    dist: str | None
    event_environment: str | None
    sdk_name: str | None
    sdk_version: str | None
    type: str | None
    value: str | None
    culprit: str | None
    handled: bool | None
    trace_id: str | None
    span_id: str | None
    fingerprint: list[str] | None
    grouping_hash: str
    user: Raw | None
    tags: Raw | None
    headers: Raw | None
    envelope_headers: Raw | None
    payload: Raw | None
    truncated: list[str] | None


class ItemEvent(_Event, frozen=True, kw_only=True, tag="item"):
    """An item of a Sentry envelope that has no kind of its own; `json` is its payload where that is JSON.

    `category` is Sentry's, null where a type has none.
    """

    event_id: str | None
    item: int
    type: str
    category: str | None
    headers: Raw | None
    envelope_headers: Raw | None
    json: Raw | None
    payload_size_bytes: int


Event = SpanEvent | LogEvent | MetricEvent | ErrorEvent | ItemEvent


class TraceSpan(Struct, frozen=True, kw_only=True, rename="camel"):
    """A span where it stands in its trace; `span` is null for the root that stands in for one that is missing."""

    depth: int
    span: SpanEvent | None


class StoredTrace(Struct, frozen=True, kw_only=True, rename="camel"):
    """The spans that are stored of a trace, each behind its parent and with its depth; none where there are none.

    Where there is no one root, or the parents of some spans are not stored, the first of `spans` is a root that stands
    in. `isCut` says that there are more spans than are answered.
    """

    trace_id: str
    start_unix_nano: str | None
    duration_nano: str | None
    spans: list[TraceSpan]
    is_cut: bool


class EventPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the events that were asked for; `next` is the `after` of the part behind it, null at the end."""

    items: list[Event]
    next: str | None
