"""OTLP requests of one item with every field set that their messages have, and what is not set of any request."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, EntityRef, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.unit.rows.requests import START_NS, any_value, attributes, logs, metrics, span, traces

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
RESOURCE_SCHEMA, SCOPE_SCHEMA = "https://example.org/schemas/1.2.0", "https://example.org/schemas/1.3.0"
RESOURCE = Resource(
    attributes=attributes({"service.name": "shop", "deployment.environment.name": "staging"}),
    dropped_attributes_count=6,
    entity_refs=[
        EntityRef(schema_url=RESOURCE_SCHEMA, type="service", id_keys=["service.name"], description_keys=["note"])
    ],
)
# What the columns of a resource and of a scope hold of it.
STORED_RESOURCE: dict[str, Any] = {
    "attributes": {"service.name": "shop", "deployment.environment.name": "staging"},
    "schema_url": RESOURCE_SCHEMA,
    "dropped_attributes_count": 6,
    "entity_refs": [
        {"schema_url": RESOURCE_SCHEMA, "type": "service", "id_keys": ["service.name"], "description_keys": ["note"]}
    ],
}
SCOPE = InstrumentationScope(name="lib", version="1.2", attributes=attributes({"shard": 7}), dropped_attributes_count=8)
STORED_SCOPE: dict[str, Any] = {
    "service_name": "shop",
    "event_environment": "staging",
    "scope_name": "lib",
    "scope_version": "1.2",
    "scope_attributes": {"shard": 7},
    "scope_dropped_attributes_count": 8,
    "scope_schema_url": SCOPE_SCHEMA,
}
EXEMPLAR = Exemplar(
    time_unix_nano=3, as_double=0.5, trace_id=b"\1" * 16, span_id=b"\2" * 8, filtered_attributes=attributes({"k": 1})
)
STORED_EXEMPLAR = {"time_ns": 3, "value": 0.5, "trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {"k": 1}}
_POINT: dict[str, Any] = {"start_time_unix_nano": 1, "time_unix_nano": 2, "flags": 1}
_MEASURED = {**_POINT, "exemplars": [EXEMPLAR]}
_TOTALS: dict[str, Any] = {"count": 6, "sum": 1.5}
_BUCKETS = ExponentialHistogramDataPoint.Buckets(offset=-1, bucket_counts=[2, 3])


def whole_span(values: dict[str, Any]) -> Span:
    """Make a span with these attributes."""
    inner: dict[str, Any] = {"attributes": attributes({"x": 1}), "dropped_attributes_count": 2}
    return span(
        parent_span_id=b"p" * 8,
        trace_state="a=b",
        flags=257,
        kind=Span.SPAN_KIND_CLIENT,
        status=Status(code=Status.STATUS_CODE_ERROR, message="broke"),
        attributes=values,
        events=[Span.Event(time_unix_nano=5, name="exception", **inner)],
        links=[Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, trace_state="k=v", flags=1, **inner)],
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )


def whole_log(values: dict[str, Any]) -> LogRecord:
    """Make a log record with these attributes."""
    return LogRecord(
        time_unix_nano=START_NS,
        observed_time_unix_nano=START_NS + 1,
        severity_number=SeverityNumber.SEVERITY_NUMBER_ERROR,
        severity_text="ERROR",
        body=any_value("it broke"),
        attributes=attributes(values),
        dropped_attributes_count=1,
        flags=1,
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        event_name="shop.broke",
    )


def whole_metric(kind: str, values: dict[str, Any]) -> Metric:
    """Make a metric of one kind, whose points have these attributes; of one with numbers a point of each type."""
    one: dict[str, Any] = {"attributes": attributes(values)}
    histogram = HistogramDataPoint(
        **_MEASURED, **one, **_TOTALS, min=0.5, max=2, bucket_counts=[1], explicit_bounds=[2]
    )
    exponential = ExponentialHistogramDataPoint(
        **_MEASURED, **one, **_TOTALS, min=-4, max=2, scale=-2, zero_count=1, zero_threshold=0.5,
        positive=_BUCKETS, negative=_BUCKETS,
    )  # fmt: skip
    quantile = SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=2)
    numbers = [NumberDataPoint(**_MEASURED, **one, as_double=0.5), NumberDataPoint(**_MEASURED, **one, as_int=7)]
    data: dict[str, Any] = {
        "gauge": Gauge(data_points=numbers),
        "sum": Sum(data_points=numbers, aggregation_temporality=DELTA, is_monotonic=True),
        "histogram": Histogram(data_points=[histogram], aggregation_temporality=DELTA),
        "exponential_histogram": ExponentialHistogram(data_points=[exponential], aggregation_temporality=DELTA),
        "summary": Summary(data_points=[SummaryDataPoint(**_POINT, **one, **_TOTALS, quantile_values=[quantile])]),
    }
    about: dict[str, Any] = {"unit": "ms", "description": "d", "metadata": attributes({"prometheus.type": "info"})}
    return Metric(name="m", **about, **{kind: data[kind]})


def surrounded(item: Span | LogRecord | Metric) -> Any:
    """Make a request of an item, with every field of what surrounds it."""
    if isinstance(item, Span):
        request = traces(item)
        (group,) = request.resource_spans
        (inner,) = group.scope_spans
    elif isinstance(item, LogRecord):
        request = logs(item)
        (group,) = request.resource_logs
        (inner,) = group.scope_logs
    else:
        request = metrics(item)
        (group,) = request.resource_metrics
        (inner,) = group.scope_metrics
    group.resource.CopyFrom(RESOURCE)
    group.schema_url = RESOURCE_SCHEMA
    inner.scope.CopyFrom(SCOPE)
    inner.schema_url = SCOPE_SCHEMA
    return request


def unset(message: Message, path: str = "") -> list[str]:
    """Name the fields of a message, and of all messages in it, that are not set.

    Of those that exclude each other one is enough; an attribute and a body count as one value.
    """
    given = {field.name: value for field, value in message.ListFields()}
    names: list[str] = []
    for field in message.DESCRIPTOR.fields:
        choices = field.containing_oneof.fields if field.containing_oneof else [field]
        if given.keys().isdisjoint([each.name for each in choices]):
            names.append(f"{path}{field.name}")
    for name, value in given.items():
        for inner in value if isinstance(value, Sequence) else [value]:
            if isinstance(inner, Message) and not isinstance(inner, KeyValue | AnyValue):
                names += unset(inner, f"{path}{name}.")
    return names
