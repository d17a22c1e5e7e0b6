"""OpenTelemetry's Python SDK with its OTLP/HTTP exporters, and what they sent in PostgreSQL."""

import json
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry._logs import SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, set_span_in_context

from tests.acceptance.python_exporters import EXPORTERS
from tests.acceptance.stack import App, Stack

RESOURCE = Resource({"service.name": "shop", "service.version": "4.5.6", "deployment.environment.name": "blue"})

FORMS = [("protobuf", "none"), ("protobuf", "gzip"), ("protobuf", "deflate"), ("json", "none"), ("json", "gzip")]


@pytest.fixture(params=FORMS, ids="-".join)
def form(request: pytest.FixtureRequest, stack: Stack, app: App, monkeypatch: pytest.MonkeyPatch) -> str:
    """Tell the exporters where and how to send, as their users do; answer in which form of OTLP.

    `OTEL_EXPORTER_OTLP_HEADERS` is URL-encoded.
    """
    form, compression = request.param
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", stack.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", compression)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Bearer%20{app.key('development')}")
    return form


@pytest.mark.clause("OTLP 16a")
def test_traces_are_stored_as_they_were_made(stack: Stack, app: App, form: str) -> None:
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(EXPORTERS[form].spans()))
    tracer = provider.get_tracer("acceptance", "1.2.3")
    root = tracer.start_span("GET /cart", kind=SpanKind.SERVER, start_time=1_000_000_000_000_000_001)
    root.set_attributes({"text": "naïve ✓", "whole": 2**53 + 1, "broken": 0.5, "yes": True, "list": ["a", "b"]})
    child = tracer.start_span(
        "charge",
        context=set_span_in_context(root),
        kind=SpanKind.CLIENT,
        links=[Link(root.get_span_context(), {"why": "retry"})],
        start_time=1_000_000_000_000_000_002,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "acme",
            "gen_ai.request.model": "m-1",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 22,
        },
    )
    child.add_event("declined", {"attempt": 1}, timestamp=1_000_000_000_000_000_003)
    child.set_status(Status(StatusCode.ERROR, "card declined"))
    child.end(1_000_000_000_000_000_012)
    root.end(1_000_000_000_000_000_101)
    assert provider.force_flush()
    provider.shutdown()

    trace_id = root.get_span_context().trace_id.to_bytes(16, "big")
    rows = stack.database.wait_for(
        2,
        "SELECT s.*, r.attributes AS resource FROM spans s LEFT JOIN resources r"
        " ON r.environment = s.environment AND r.id = s.resource_id WHERE trace_id = $1 ORDER BY start_ns",
        trace_id,
    )
    first, second = rows
    assert {row["environment"] for row in rows} == {app.environments["development"]}
    assert {row["channel"] for row in rows} == {app.channel}
    assert {row["source"] for row in rows} == {"otlp"}
    assert {row["event_environment"] for row in rows} == {"blue"}
    assert {(row["scope_name"], row["scope_version"]) for row in rows} == {("acceptance", "1.2.3")}
    assert first["resource"] == dict(RESOURCE.attributes)
    assert first["service_name"] == "shop"

    assert first["name"] == "GET /cart"
    assert first["span_id"] == root.get_span_context().span_id.to_bytes(8, "big")
    assert first["parent_span_id"] is None
    assert first["kind"] == 2
    assert (first["start_ns"], first["duration_ns"]) == (1_000_000_000_000_000_001, 100)
    assert first["start_ts"].isoformat() == "2001-09-09T01:46:40+00:00"
    assert first["status_code"] == 0
    assert first["attributes"] == {
        "text": "naïve ✓",
        "whole": 2**53 + 1,
        "broken": 0.5,
        "yes": True,
        "list": ["a", "b"],
    }
    assert first["truncated"] is None

    assert second["name"] == "charge"
    assert second["parent_span_id"] == first["span_id"]
    assert second["kind"] == 3
    assert (second["start_ns"], second["duration_ns"]) == (1_000_000_000_000_000_002, 10)
    assert (second["status_code"], second["status_message"]) == (2, "card declined")
    (event,) = second["events"]
    assert event["name"] == "declined"
    assert event["attributes"] == {"attempt": 1}
    (link,) = second["links"]
    assert link["attributes"] == {"why": "retry"}
    assert (second["gen_ai_operation"], second["gen_ai_provider"]) == ("chat", "acme")
    assert second["gen_ai_request_model"] == "m-1"
    assert (second["gen_ai_input_tokens"], second["gen_ai_output_tokens"]) == (11, 22)


def test_logs_are_stored_as_they_were_made(stack: Stack, app: App, form: str) -> None:
    provider = LoggerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(EXPORTERS[form].logs()))
    logger = provider.get_logger("acceptance", "1.2.3")
    tracer = TracerProvider(resource=RESOURCE, shutdown_on_exit=False).get_tracer("acceptance")
    with tracer.start_as_current_span("around") as span:
        logger.emit(
            timestamp=1_000_000_000_000_000_001,
            severity_number=SeverityNumber.WARN,
            severity_text="WARN",
            body="stock of tea is low",
            attributes={"left": 3},
        )
    logger.emit(
        timestamp=1_000_000_000_000_000_002,
        observed_timestamp=1_000_000_000_000_000_003,
        severity_number=SeverityNumber.ERROR,
        body={"order": 42, "items": ["tea", None]},
        event_name="charge.failed",
    )
    assert provider.force_flush()
    provider.shutdown()

    production, development = app.environments["production"], app.environments["development"]
    rows = stack.database.wait_for(2, "SELECT * FROM logs WHERE environment = $1 ORDER BY time_ns", development)
    warning, error = rows
    assert {row["service_name"] for row in rows} == {"shop"}
    assert {row["channel"] for row in rows} == {app.channel}
    assert warning["body"] == "stock of tea is low"
    assert warning["body_text"] == "stock of tea is low"
    assert (warning["severity_number"], warning["severity_text"]) == (13, "WARN")
    assert {(row["scope_name"], row["scope_version"]) for row in rows} == {("acceptance", "1.2.3")}
    assert warning["attributes"] == {"left": 3}
    assert warning["trace_id"] == span.get_span_context().trace_id.to_bytes(16, "big")
    assert warning["span_id"] == span.get_span_context().span_id.to_bytes(8, "big")
    assert error["severity_number"] == 17
    assert error["trace_id"] is None
    assert error["body"] == {"order": 42, "items": ["tea", None]}
    assert error["event_name"] == "charge.failed"
    assert (error["time_ns"], error["observed_ns"]) == (1_000_000_000_000_000_002, 1_000_000_000_000_000_003)
    assert stack.database.value("SELECT count(*) FROM logs WHERE environment = $1", production) == 0


def test_metrics_are_stored_as_they_were_made(stack: Stack, app: App, form: str) -> None:
    reader = PeriodicExportingMetricReader(EXPORTERS[form].metrics(), 3_600_000)
    views = [View(instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation())]
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False, views=views)
    meter = provider.get_meter("acceptance", "1.2.3")
    meter.create_counter("orders", "{order}", "Orders taken").add(41, {"shop": "a"})
    meter.create_gauge("temperature", "Cel").set(20.5)
    meter.create_up_down_counter("carts").add(-2)
    meter.create_observable_gauge("load", [lambda _: [Observation(0.75, {"cpu": 1})]])
    meter.create_observable_counter("beats", [lambda _: [Observation(7)]])
    latency = meter.create_histogram("latency", "ms", explicit_bucket_boundaries_advisory=[10, 100])
    sizes = meter.create_histogram("sizes", "By")
    with TracerProvider(shutdown_on_exit=False).get_tracer("acceptance").start_as_current_span("around") as span:
        for value in (5, 50, 50, 500):
            latency.record(value, {"shop": "a"})
        for value in (0, 1, 2, 1024):
            sizes.record(value)
    assert provider.force_flush()
    provider.shutdown()

    environment = app.environments["development"]
    query = "SELECT * FROM metric_points WHERE environment = $1 ORDER BY time_ns DESC"
    rows = stack.database.wait_for(7, query, environment)
    # Shutting down exports once more: the same, but for exemplars. The first export stands last here.
    points = {row["name"]: row for row in rows}
    assert set(points) == {"orders", "temperature", "carts", "load", "beats", "latency", "sizes"}
    orders, histogram, exponential = points["orders"], points["latency"], points["sizes"]
    assert (orders["type"], orders["unit"], orders["description"]) == ("sum", "{order}", "Orders taken")
    assert (orders["temporality"], orders["monotonic"]) == (2, True)
    assert (orders["value_int"], orders["value_double"]) == (41, None)
    assert orders["attributes"] == {"shop": "a"}
    assert 0 < orders["start_ns"] < orders["time_ns"]
    assert orders["service_name"] == "shop"
    assert orders["scope_name"] == "acceptance"
    assert (points["temperature"]["type"], points["temperature"]["value_double"]) == ("gauge", 20.5)
    assert (points["carts"]["monotonic"], points["carts"]["value_int"]) == (False, -2)
    assert (points["load"]["type"], points["load"]["value_double"]) == ("gauge", 0.75)
    assert points["load"]["attributes"] == {"cpu": 1}
    assert (points["beats"]["type"], points["beats"]["value_int"]) == ("sum", 7)
    assert histogram["type"] == "histogram"
    assert histogram["histogram"] == {
        "count": 4, "sum": 605, "min": 5, "max": 500, "counts": [1, 2, 1], "bounds": [10, 100],
    }  # fmt: skip
    # The SDK keeps the last measurement of each bucket, with the span around it.
    assert sorted(each["value"] for each in histogram["exemplars"]) == [5, 50, 500]
    assert {each["trace_id"] for each in histogram["exemplars"]} == {f"{span.get_span_context().trace_id:032x}"}
    assert {each["span_id"] for each in histogram["exemplars"]} == {f"{span.get_span_context().span_id:016x}"}
    assert exponential["type"] == "exponential_histogram"
    sizes = exponential["histogram"]
    assert (sizes["count"], sizes["sum"], sizes["min"], sizes["max"], sizes["zero_count"]) == (4, 1027, 0, 1024, 1)
    assert sum(sizes["positive"]["counts"]) == 3
    assert exponential["exemplars"]


@pytest.mark.clause("OTLP d4")
@pytest.mark.parametrize("form", [("protobuf", "gzip"), ("json", "none")], ids="-".join, indirect=True)
def test_a_summary_is_stored_as_it_was_made(stack: Stack, app: App, form: str) -> None:
    # No SDK makes summaries, but collectors pass them on. The exporter sends this one as it does its own metrics.
    point = {
        "startTimeUnixNano": 1_000_000_000_000_000_001,
        "timeUnixNano": 1_000_000_000_000_000_002,
        "count": 2**53 + 1,
        "sum": 17.5,
        "quantileValues": [{"quantile": 0, "value": 0.25}, {"quantile": 0.99, "value": 12.5}],
    }
    metric = {"name": "pauses", "unit": "ms", "description": "Pauses of the VM", "summary": {"dataPoints": [point]}}
    request = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    bodies = {
        "protobuf": json_format.ParseDict(request, ExportMetricsServiceRequest()).SerializeToString(),
        "json": json.dumps(request).encode(),
    }
    exporter: Any = EXPORTERS[form].metrics()
    assert exporter._client.export(bodies[form]).success
    exporter.shutdown()

    query = "SELECT * FROM metric_points WHERE environment = $1"
    (row,) = stack.database.wait_for(1, query, app.environments["development"])
    assert (row["type"], row["name"], row["unit"], row["description"]) == (
        "summary",
        "pauses",
        "ms",
        "Pauses of the VM",
    )
    assert (row["start_ns"], row["time_ns"]) == (1_000_000_000_000_000_001, 1_000_000_000_000_000_002)
    assert (row["value_int"], row["value_double"]) == (None, None)
    assert row["histogram"] == {"count": point["count"], "sum": point["sum"], "quantiles": point["quantileValues"]}
