"""OTLP's JSON for metrics, typed as in `structs`."""

# ruff: noqa: D101 (each class mirrors the protobuf message of its name)
from gateway.protocols.otlp.as_json.structs import (
    Hex,
    Int32,
    Int64,
    KeyValue,
    Message,
    Resource,
    Scope,
    Temporality,
    UInt32,
    UInt64,
    either_case,
)


@either_case
class Exemplar(Message):
    filtered_attributes: list[KeyValue] | None = None
    time_unix_nano: UInt64 | None = None
    as_double: float | None = None
    as_int: Int64 | None = None
    span_id: Hex | None = None
    trace_id: Hex | None = None


@either_case
class NumberDataPoint(Message):
    attributes: list[KeyValue] | None = None
    start_time_unix_nano: UInt64 | None = None
    time_unix_nano: UInt64 | None = None
    as_double: float | None = None
    as_int: Int64 | None = None
    exemplars: list[Exemplar] | None = None
    flags: UInt32 | None = None


@either_case
class HistogramDataPoint(Message):
    attributes: list[KeyValue] | None = None
    start_time_unix_nano: UInt64 | None = None
    time_unix_nano: UInt64 | None = None
    count: UInt64 | None = None
    sum: float | None = None
    bucket_counts: list[UInt64] | None = None
    explicit_bounds: list[float] | None = None
    exemplars: list[Exemplar] | None = None
    flags: UInt32 | None = None
    min: float | None = None
    max: float | None = None


@either_case
class Buckets(Message):
    offset: Int32 | None = None
    bucket_counts: list[UInt64] | None = None


@either_case
class ExponentialHistogramDataPoint(Message):
    attributes: list[KeyValue] | None = None
    start_time_unix_nano: UInt64 | None = None
    time_unix_nano: UInt64 | None = None
    count: UInt64 | None = None
    sum: float | None = None
    scale: Int32 | None = None
    zero_count: UInt64 | None = None
    positive: Buckets | None = None
    negative: Buckets | None = None
    flags: UInt32 | None = None
    exemplars: list[Exemplar] | None = None
    min: float | None = None
    max: float | None = None
    zero_threshold: float | None = None


class ValueAtQuantile(Message):
    quantile: float | None = None
    value: float | None = None


@either_case
class SummaryDataPoint(Message):
    attributes: list[KeyValue] | None = None
    start_time_unix_nano: UInt64 | None = None
    time_unix_nano: UInt64 | None = None
    count: UInt64 | None = None
    sum: float | None = None
    quantile_values: list[ValueAtQuantile] | None = None
    flags: UInt32 | None = None


@either_case
class Gauge(Message):
    data_points: list[NumberDataPoint] | None = None


@either_case
class Sum(Message):
    data_points: list[NumberDataPoint] | None = None
    aggregation_temporality: Int32 | Temporality | None = None
    is_monotonic: bool | None = None


@either_case
class Histogram(Message):
    data_points: list[HistogramDataPoint] | None = None
    aggregation_temporality: Int32 | Temporality | None = None


@either_case
class ExponentialHistogram(Message):
    data_points: list[ExponentialHistogramDataPoint] | None = None
    aggregation_temporality: Int32 | Temporality | None = None


@either_case
class Summary(Message):
    data_points: list[SummaryDataPoint] | None = None


@either_case
class Metric(Message):
    name: str | None = None
    description: str | None = None
    unit: str | None = None
    gauge: Gauge | None = None
    sum: Sum | None = None
    histogram: Histogram | None = None
    exponential_histogram: ExponentialHistogram | None = None
    summary: Summary | None = None
    metadata: list[KeyValue] | None = None


@either_case
class ScopeMetrics(Message):
    scope: Scope | None = None
    metrics: list[Metric] | None = None
    schema_url: str | None = None


@either_case
class ResourceMetrics(Message):
    resource: Resource | None = None
    scope_metrics: list[ScopeMetrics] | None = None
    schema_url: str | None = None


@either_case
class Metrics(Message):
    resource_metrics: list[ResourceMetrics] | None = None
