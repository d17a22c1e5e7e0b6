"""The protobuf messages of OTLP: which request a signal has, and the levels at which its items stand."""

from google.protobuf.internal import api_implementation
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.errors import ConfigError
from schemas.signals import Signal

if api_implementation.Type() != "upb":
    msg = (
        f"protobuf runs on its {api_implementation.Type()!r} implementation, which is too slow for a gateway. Install a"
        " protobuf wheel for this platform, and unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION."
    )
    raise ConfigError(msg)

Request = ExportTraceServiceRequest | ExportLogsServiceRequest | ExportMetricsServiceRequest

REQUESTS: dict[Signal, type[Request]] = {
    Signal.TRACES: ExportTraceServiceRequest,
    Signal.LOGS: ExportLogsServiceRequest,
    Signal.METRICS: ExportMetricsServiceRequest,
}

LEVELS: dict[Signal, tuple[str, str, str]] = {
    Signal.TRACES: ("resource_spans", "scope_spans", "spans"),
    Signal.LOGS: ("resource_logs", "scope_logs", "log_records"),
    Signal.METRICS: ("resource_metrics", "scope_metrics", "metrics"),
}
"""The repeated fields from a request down to its items, in protobuf messages and in the structs of `as_json`."""

METRIC_DATA = {5: "gauge", 7: "sum", 9: "histogram", 10: "exponential_histogram", 11: "summary"}
"""The kinds of data of a metric, by their numbers in protobuf; each has its points in `data_points`, number 1."""
