"""OTLP messages as the rows need them: the official descriptors, with every attribute and body left as bytes.

A request repeats most of its attributes from item to item. Left as bytes they can be looked up in a memo (`encoder.py`)
without an object for each key and each value: two fifths less time for the attributes of a request in which every
fourth is new. The bytes are those of the official messages `KeyValue` and `AnyValue`: on the wire, a message and bytes
are written alike.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.protocols.otlp.views import LEAN
from schemas.signals import Signal


class Scope(Protocol):
    """`opentelemetry.proto.common.v1.InstrumentationScope`."""

    name: str
    version: str
    attributes: Sequence[bytes]
    dropped_attributes_count: int


class EntityRef(Protocol):
    """`opentelemetry.proto.common.v1.EntityRef`."""

    schema_url: str
    type: str
    id_keys: Sequence[str]
    description_keys: Sequence[str]


class Resource(Protocol):
    """`opentelemetry.proto.resource.v1.Resource`; each attribute is the bytes of a KeyValue."""

    attributes: Sequence[bytes]
    dropped_attributes_count: int
    entity_refs: Sequence[EntityRef]


class ResourceGroup(Protocol):
    """What `ResourceSpans`, `ResourceLogs` and `ResourceMetrics` say of what they hold."""

    resource: Resource
    schema_url: str


class ScopeGroup(Protocol):
    """What `ScopeSpans`, `ScopeLogs` and `ScopeMetrics` say of what they hold."""

    scope: Scope
    schema_url: str


class Status(Protocol):
    """`opentelemetry.proto.trace.v1.Status`."""

    code: int
    message: str


class Event(Protocol):
    """`opentelemetry.proto.trace.v1.Span.Event`."""

    time_unix_nano: int
    name: str
    attributes: Sequence[bytes]
    dropped_attributes_count: int


class Link(Protocol):
    """`opentelemetry.proto.trace.v1.Span.Link`."""

    trace_id: bytes
    span_id: bytes
    trace_state: str
    flags: int
    attributes: Sequence[bytes]
    dropped_attributes_count: int


class Span(Protocol):
    """`opentelemetry.proto.trace.v1.Span`."""

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes
    trace_state: str
    flags: int
    name: str
    kind: int
    start_time_unix_nano: int
    end_time_unix_nano: int
    status: Status
    attributes: Sequence[bytes]
    events: Sequence[Event]
    links: Sequence[Link]
    dropped_attributes_count: int
    dropped_events_count: int
    dropped_links_count: int


class ScopeSpans(ScopeGroup, Protocol):
    """`opentelemetry.proto.trace.v1.ScopeSpans`."""

    spans: Sequence[Span]


class ResourceSpans(ResourceGroup, Protocol):
    """`opentelemetry.proto.trace.v1.ResourceSpans`."""

    scope_spans: Sequence[ScopeSpans]


class TracesRequest(Protocol):
    """`opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`."""

    resource_spans: Sequence[ResourceSpans]


class LogRecord(Protocol):
    """`opentelemetry.proto.logs.v1.LogRecord`; the body is the bytes of an AnyValue."""

    time_unix_nano: int
    observed_time_unix_nano: int
    severity_number: int
    severity_text: str
    body: bytes
    attributes: Sequence[bytes]
    dropped_attributes_count: int
    flags: int
    trace_id: bytes
    span_id: bytes
    event_name: str


class ScopeLogs(ScopeGroup, Protocol):
    """`opentelemetry.proto.logs.v1.ScopeLogs`."""

    log_records: Sequence[LogRecord]


class ResourceLogs(ResourceGroup, Protocol):
    """`opentelemetry.proto.logs.v1.ResourceLogs`."""

    scope_logs: Sequence[ScopeLogs]


class LogsRequest(Protocol):
    """`opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest`."""

    resource_logs: Sequence[ResourceLogs]


class Exemplar(Protocol):
    """`opentelemetry.proto.metrics.v1.Exemplar`."""

    filtered_attributes: Sequence[bytes]
    time_unix_nano: int
    span_id: bytes
    trace_id: bytes

    def WhichOneof(self, oneof_group: str, /) -> str | None: ...  # noqa: N802, D102 (protobuf's name)


class Buckets(Protocol):
    """`opentelemetry.proto.metrics.v1.ExponentialHistogramDataPoint.Buckets`."""

    offset: int
    bucket_counts: Sequence[int]


class Quantile(Protocol):
    """`opentelemetry.proto.metrics.v1.SummaryDataPoint.ValueAtQuantile`."""

    quantile: float
    value: float


class Point(Protocol):
    """The data points of `opentelemetry.proto.metrics.v1`: the fields of all kinds; each kind has its own."""

    attributes: Sequence[bytes]
    start_time_unix_nano: int
    time_unix_nano: int
    flags: int
    exemplars: Sequence[Exemplar]
    as_double: float
    as_int: int
    count: int
    sum: float
    bucket_counts: Sequence[int]
    explicit_bounds: Sequence[float]
    scale: int
    zero_count: int
    zero_threshold: float
    positive: Buckets
    negative: Buckets
    quantile_values: Sequence[Quantile]

    def WhichOneof(self, oneof_group: str, /) -> str | None: ...  # noqa: N802, D102 (protobuf's name)
    def HasField(self, field_name: str, /) -> bool: ...  # noqa: N802, D102 (protobuf's name)


class Metric(Protocol):
    """`opentelemetry.proto.metrics.v1.Metric`; the data stands in the field that `WhichOneof("data")` names."""

    name: str
    description: str
    unit: str
    metadata: Sequence[bytes]

    def WhichOneof(self, oneof_group: str, /) -> str | None: ...  # noqa: N802, D102 (protobuf's name)


class ScopeMetrics(ScopeGroup, Protocol):
    """`opentelemetry.proto.metrics.v1.ScopeMetrics`."""

    metrics: Sequence[Metric]


class ResourceMetrics(ResourceGroup, Protocol):
    """`opentelemetry.proto.metrics.v1.ResourceMetrics`."""

    scope_metrics: Sequence[ScopeMetrics]


class MetricsRequest(Protocol):
    """`opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest`."""

    resource_metrics: Sequence[ResourceMetrics]


def parse(signal: Signal, data: bytes) -> Any:  # noqa: ANN401 (TracesRequest, LogsRequest or MetricsRequest)
    """Parse the protobuf bytes of an OTLP request.

    Raises:
        google.protobuf.message.DecodeError: the bytes are no such request. The inside of attributes and bodies is not
            looked at here; `encoder.py` does when it meets them.
    """
    return LEAN[signal].FromString(data)
