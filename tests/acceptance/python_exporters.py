"""OpenTelemetry's exporters for Python, by the form of OTLP/HTTP that they send; all take the same arguments."""

from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.exporter.otlp.json.http import _log_exporter as json_logs
from opentelemetry.exporter.otlp.json.http import metric_exporter as json_metrics
from opentelemetry.exporter.otlp.json.http import trace_exporter as json_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as protobuf_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as protobuf_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as protobuf_traces
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter


class Exporters(NamedTuple):
    """What makes the exporter of each signal."""

    spans: Callable[..., SpanExporter]
    logs: Callable[..., LogRecordExporter]
    metrics: Callable[..., MetricExporter]


EXPORTERS = {
    "protobuf": Exporters(
        protobuf_traces.OTLPSpanExporter, protobuf_logs.OTLPLogExporter, protobuf_metrics.OTLPMetricExporter
    ),
    "json": Exporters(json_traces.OTLPSpanExporter, json_logs.OTLPLogExporter, json_metrics.OTLPMetricExporter),
}
