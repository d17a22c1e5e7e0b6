"""Splitting OTLP: what is refused and how it is told, and what few clients write."""

import json

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.protocols import otlp
from gateway.protocols.otlp.walk import framed
from gateway.protocols.parts import Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.unit.rows.requests import span, traces

SIZES = Sizes(record_max_bytes=1000, item_max_bytes=500, value_max_bytes=600)


def split(signal: Signal, payload_format: Format, data: bytes) -> tuple[otlp.Verdict, list[bytes]]:
    verdict, parts = otlp.split(signal, payload_format, data, otlp.validate(signal, payload_format, data), SIZES)
    return verdict, [part.value for part in parts]


@pytest.mark.clause("OTLP b3")
def test_a_span_that_is_too_large_is_named() -> None:
    request = traces(span(name="a"), span(name="b" * 501), span(name="c"))
    verdict, (part,) = split(Signal.TRACES, Format.PROTOBUF, request.SerializeToString())
    assert (verdict.accepted, verdict.rejected) == (2, 1)
    assert "1 spans were refused as too large: one may have 500 bytes" in verdict.message
    spans = request.resource_spans[0].scope_spans[0].spans
    assert f"resource_spans[0].scope_spans[0].spans[1], of {spans[1].ByteSize()} bytes" in verdict.message
    del spans[1]
    assert part == request.SerializeToString()


@pytest.mark.clause("OTLP b3")
def test_an_item_counts_with_its_resource_and_scope() -> None:
    for size_bytes, rejected in ((400, 0), (550, 1)):
        request = traces(span(name="b"), resource={"a": "x" * size_bytes})
        data = request.SerializeToString()
        if rejected:
            with pytest.raises(Malformed, match="600 with its resource and scope"):
                split(Signal.TRACES, Format.PROTOBUF, data)
        else:
            assert split(Signal.TRACES, Format.PROTOBUF, data)[1] == [data]


@pytest.mark.clause("OTLP b3")
@pytest.mark.parametrize("payload_format", [Format.PROTOBUF, Format.JSON])
def test_of_a_metric_that_is_too_large_the_data_points_are_counted(payload_format: Format) -> None:
    metrics = [
        {"name": "small", "gauge": {"dataPoints": [{"timeUnixNano": "1", "asInt": "1"}] * 3}},
        {"name": "large", "gauge": {"dataPoints": [{"timeUnixNano": "1", "asInt": "1"}] * 50}},
    ]
    data = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()
    if payload_format is Format.PROTOBUF:
        data = otlp.decode(Signal.METRICS, Format.JSON, data).SerializeToString()
    verdict, parts = split(Signal.METRICS, payload_format, data)
    assert (verdict.accepted, verdict.rejected) == (3, 50)
    assert "metrics[1]" in verdict.message
    kept = otlp.decode(Signal.METRICS, payload_format, parts[0])
    assert isinstance(kept, ExportMetricsServiceRequest)
    assert [metric.name for metric in kept.resource_metrics[0].scope_metrics[0].metrics] == ["small"]


def test_fields_that_are_unknown_stay_where_they_are() -> None:
    """Of every wire type, a group within a group too: protobuf reads them all."""
    unknown = b"\xa0\x06\x01" + b"\xa1\x06" + bytes(8) + b"\xa2\x06\x02hi" + b"\xa5\x06" + bytes(4)
    unknown += b"\xa3\x06" + b"\xa8\x06\x01" + b"\xab\x06\xac\x06" + b"\xb2\x06\x01x" + b"\xa4\x06"
    item = span().SerializeToString() + unknown
    scope = unknown + framed(2, len(item)) + item + unknown
    resource = framed(2, len(scope)) + scope + unknown
    data = framed(1, len(resource)) + resource
    _, (part,) = split(Signal.TRACES, Format.PROTOBUF, data)
    assert ExportTraceServiceRequest.FromString(part) == ExportTraceServiceRequest.FromString(data)


def test_lengths_may_be_written_longer_than_they_need_be() -> None:
    item = span().SerializeToString()
    scope = b"\x12" + bytes((len(item) | 0x80, 0x80, 0x00)) + item
    resource = b"\x12" + bytes((len(scope) | 0x80, 0x00)) + scope
    data = b"\x0a" + bytes((len(resource) | 0x80, 0x80, 0x80, 0x00)) + resource
    _, (part,) = split(Signal.TRACES, Format.PROTOBUF, data)
    assert ExportTraceServiceRequest.FromString(part) == ExportTraceServiceRequest.FromString(data)


def test_items_of_json_keep_their_text() -> None:
    item = f'{{"traceId" : "{"ab" * 16}", "spanId":"{"cd" * 8}", "name": "\\u00e4", "no such field":1.50}}'
    scopes = f'[{{"spans":[{item}, {item}]}}]'
    data = f'{{"resource_spans": [{{"scopeSpans": null, "scope_spans": {scopes}, "schemaUrl": "s"}}]}}'
    _, (part,) = split(Signal.TRACES, Format.JSON, data.encode())
    assert part.decode() == f'{{"resourceSpans":[{{"schemaUrl":"s","scopeSpans":[{{"spans":[{item},{item}]}}]}}]}}'


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05\x12", b"\x0f", b"\x0a\x80", b"\x0a\x02\x12\x7f", b"\xff" * 20])
def test_broken_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="byte"):
        otlp.split(Signal.TRACES, Format.PROTOBUF, data, otlp.Verdict(1), SIZES)


def test_null_is_absent_where_a_bad_item_is_taken_out_too() -> None:
    good, bad = ({"traceId": "ab" * 16, "spanId": digits * 8} for digits in ("cd", "00"))
    scopes = [{"spans": [good, bad]}]
    request = {"resourceSpans": None, "resource_spans": [{"scopeSpans": None, "scope_spans": scopes}]}
    verdict = otlp.validate(Signal.TRACES, Format.JSON, json.dumps(request).encode())
    assert (verdict.accepted, verdict.rejected) == (1, 1)
