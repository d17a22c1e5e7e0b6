"""Every column of the tables of telemetry is filled by something that a client can send."""

from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from schemas.signals import Signal
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import any_value, attributes, logs, metrics, span, traces

RESOURCE = {"service.name": "shop", "deployment.environment.name": "staging"}
GEN_AI = {
    **{f"gen_ai.{name}": "x" for name in ("operation.name", "provider.name", "request.model", "response.model")},
    **{f"gen_ai.{name}": "x" for name in ("conversation.id", "agent.name", "tool.name")},
    **{f"gen_ai.usage.{name}": 1 for name in ("input_tokens", "output_tokens")},
    **{f"gen_ai.usage.{name}": 1 for name in ("cache_read.input_tokens", "reasoning.output_tokens")},
    "error.type": "x",
    "changed": "\0",
}
EXEMPLAR = Exemplar(
    time_unix_nano=3, as_double=0.5, trace_id=b"\1" * 16, span_id=b"\2" * 8, filtered_attributes=attributes({"k": 1})
)
KEPT_EXEMPLAR = {
    "time_ns": 3,
    "value": 0.5,
    "trace_id": "01" * 16,
    "span_id": "02" * 8,
    "attributes": {"k": 1},
}
POINT: dict[str, Any] = {"start_time_unix_nano": 1, "time_unix_nano": 2, "exemplars": [EXEMPLAR]}


def whole_span() -> Message:
    sent = span(
        parent_span_id=b"p" * 8,
        trace_state="a=b",
        status=Status(message="m"),
        attributes=GEN_AI,
        events=[Span.Event(name="e")],
        links=[Span.Link(trace_id=b"\1" * 16)],
    )
    return traces(sent, resource=RESOURCE)


def whole_log() -> Message:
    sent = LogRecord(
        time_unix_nano=1,
        observed_time_unix_nano=2,
        severity_text="INFO",
        body=any_value("text"),
        event_name="e",
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        attributes=attributes({"k": "\0"}),
    )
    request = logs(sent, resource=RESOURCE)
    request.resource_logs[0].scope_logs[0].scope.name = "lib"
    request.resource_logs[0].scope_logs[0].scope.version = "1.2"
    return request


def whole_metrics() -> Message:
    named: dict[str, Any] = {"unit": "ms", "description": "d"}
    counted = NumberDataPoint(**POINT, as_int=1, attributes=attributes({"k": "\0"}))
    request = metrics(
        Metric(name="gauge", **named, gauge=Gauge(data_points=[NumberDataPoint(**POINT, as_double=0.5)])),
        Metric(name="sum", **named, sum=Sum(data_points=[counted])),
        Metric(name="histogram", **named, histogram=Histogram(data_points=[HistogramDataPoint(**POINT)])),
        Metric(
            name="exponential",
            **named,
            exponential_histogram=ExponentialHistogram(data_points=[ExponentialHistogramDataPoint(**POINT)]),
        ),
    )
    request.resource_metrics[0].resource.attributes.extend(attributes(RESOURCE))
    request.resource_metrics[0].scope_metrics[0].scope.name = "lib"
    request.resource_metrics[0].scope_metrics[0].scope.version = "1.2"
    return request


@pytest.mark.clause("OTLP d1", "OTLP d2", "OTLP d3", "OTLP d4")
@pytest.mark.parametrize(
    ("table", "signal", "request_"),
    [
        pytest.param("spans", Signal.TRACES, whole_span(), id="spans"),
        pytest.param("logs", Signal.LOGS, whole_log(), id="logs"),
        pytest.param("metric_points", Signal.METRICS, whole_metrics(), id="metric_points"),
    ],
)
async def test_no_column_stays_empty(leaf: Leaf, table: str, signal: Signal, request_: Any) -> None:
    await leaf.store(otlp(signal, request_))
    rows = await leaf.read(table)
    filled = {column for row in rows for column, value in row.items() if value is not None}
    assert filled == await leaf.columns(table)


@pytest.mark.clause("OTLP 26a", "OTLP d4")
async def test_every_kind_of_metric_keeps_its_exemplars(leaf: Leaf) -> None:
    await leaf.store(otlp(Signal.METRICS, whole_metrics()))  # pyright: ignore[reportArgumentType]
    kept = {row["name"]: row["exemplars"] for row in await leaf.read("metric_points")}
    assert kept == {name: [KEPT_EXEMPLAR] for name in ("gauge", "sum", "histogram", "exponential")}


@pytest.mark.clause("OTLP d5")
async def test_every_severity_number_is_kept(leaf: Leaf) -> None:
    records = [LogRecord(severity_number=number, time_unix_nano=number + 1) for number in range(25)]  # pyright: ignore[reportArgumentType]
    await leaf.store(otlp(Signal.LOGS, logs(*records)))
    rows = sorted(await leaf.read("logs"), key=lambda row: row["time_ns"])
    assert [row["severity_number"] for row in rows] == list(range(25))
