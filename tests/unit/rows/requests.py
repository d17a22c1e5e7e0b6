"""OTLP requests of one item, for tests that look at one rule."""

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

START_NS = 1_700_000_000_123_456_789


def any_value(value: Any) -> AnyValue:
    """Write a Python value as OTLP does; None is a value that is not set."""
    match value:
        case None:
            fields: dict[str, Any] = {}
        case bool():
            fields = {"bool_value": value}
        case int():
            fields = {"int_value": value}
        case float():
            fields = {"double_value": value}
        case str():
            fields = {"string_value": value}
        case bytes():
            fields = {"bytes_value": value}
        case list():
            fields = {"array_value": ArrayValue(values=[any_value(item) for item in value])}
        case _:
            fields = {"kvlist_value": KeyValueList(values=attributes(value))}
    return AnyValue(**fields)


def attributes(values: dict[str, Any]) -> list[KeyValue]:
    """Write attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def span(**fields: Any) -> Span:
    """Make a span; `fields` replace its own, `attributes` is a dict."""
    fields["attributes"] = attributes(fields.get("attributes", {}))
    own: dict[str, Any] = {
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "name": "checkout",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1_500,
    }
    return Span(**(own | fields))


def traces(*spans: Span, resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """Make a request of one resource and one scope around spans."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(attributes(resource or {}))
    scope = group.scope_spans.add()
    scope.scope.name, scope.scope.version = "lib", "1.2"
    scope.spans.extend(spans)
    return request


def logs(*records: LogRecord, resource: dict[str, Any] | None = None) -> ExportLogsServiceRequest:
    """Make a request of one resource and one scope around log records."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(attributes(resource or {}))
    group.scope_logs.add().log_records.extend(records)
    return request


def metrics(*instruments: Metric) -> ExportMetricsServiceRequest:
    """Make a request of one resource and one scope around metrics."""
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add().scope_metrics.add().metrics.extend(instruments)
    return request
