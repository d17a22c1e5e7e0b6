"""Splitting OTLP: what is refused and how it is told, and what few clients write."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from gateway.protocols import otlp
from gateway.protocols.otlp.walk import framed
from gateway.protocols.parts import Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.unit.rows.requests import span, traces

SIZES = Sizes(record_max_bytes=500, item_max_bytes=500, value_max_bytes=750)


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
            with pytest.raises(Malformed, match="750 with its resource and scope"):
                split(Signal.TRACES, Format.PROTOBUF, data)
        else:
            assert split(Signal.TRACES, Format.PROTOBUF, data)[1] == [data]


def gauge(name: str, *points: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "gauge": {"dataPoints": list(points)}, **more}


def metrics(payload_format: Format, *metrics: Any) -> bytes:
    data = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()
    return data if payload_format is Format.JSON else otlp.decode(Signal.METRICS, Format.JSON, data).SerializeToString()


def metrics_of(payload_format: Format, part: bytes) -> list[Metric]:
    request = otlp.decode(Signal.METRICS, payload_format, part)
    assert isinstance(request, ExportMetricsServiceRequest)
    return list(request.resource_metrics[0].scope_metrics[0].metrics)


POINT = {"timeUnixNano": "1", "asInt": "1"}
LARGE = {"timeUnixNano": "2", "attributes": [{"key": "k", "value": {"stringValue": "x" * 600}}]}
BOTH = pytest.mark.parametrize("payload_format", [Format.PROTOBUF, Format.JSON])


@pytest.mark.clause("OTLP b2")
@BOTH
def test_a_metric_that_is_larger_than_a_record_becomes_several(payload_format: Format) -> None:
    rest = {"unit": "s", "description": "d", "metadata": [{"key": "m", "value": {"intValue": "1"}}]}
    kind = {"aggregationTemporality": 2, "isMonotonic": True}
    large = {"name": "large", **rest, "sum": {**kind, "dataPoints": [POINT] * 100}}
    data = metrics(payload_format, gauge("a", POINT), large, gauge("b", POINT))
    verdict, parts = split(Signal.METRICS, payload_format, data)
    assert (verdict.accepted, verdict.rejected, verdict.message) == (102, 0, "")
    assert len(parts) > 2
    assert max(map(len, parts)) <= SIZES.record_max_bytes
    found = [metrics_of(payload_format, part) for part in parts]
    # What is small goes along.
    assert [metric.name for metric in found[0]] == ["a", "large"]
    assert found[-1][-1].name == "b"
    pieces = [metric for each in found for metric in each][1:-1]
    points = [point for piece in pieces for point in piece.sum.data_points]
    for piece in pieces:
        del piece.sum.data_points[:]
    assert len(points) == 100
    (whole,) = metrics_of(payload_format, metrics(payload_format, {**large, "sum": kind}))
    assert pieces == [whole] * len(pieces)


@pytest.mark.clause("OTLP b3", "OTLP 10b")
@BOTH
def test_a_data_point_that_is_too_large_is_named_and_counted(payload_format: Format) -> None:
    data = metrics(payload_format, gauge("a", POINT), gauge("b", POINT, LARGE, POINT, LARGE))
    verdict, parts = split(Signal.METRICS, payload_format, data)
    assert (verdict.accepted, verdict.rejected) == (3, 2)
    assert "2 data_points were refused as too large: one may have 500 bytes" in verdict.message
    assert "resource_metrics[0].scope_metrics[0].metrics[1].gauge.data_points[1], of 6" in verdict.message
    (part,) = parts
    assert [(metric.name, len(metric.gauge.data_points)) for metric in metrics_of(payload_format, part)] == [
        ("a", 1),
        ("b", 2),
    ]


@pytest.mark.clause("OTLP b3")
@BOTH
def test_a_metric_counts_with_its_data_points(payload_format: Format) -> None:
    data = metrics(payload_format, gauge("a", POINT, POINT, description="d" * 700))
    with pytest.raises(Malformed, match=r"2 data_points .* 750 with its metric, resource and scope"):
        split(Signal.METRICS, payload_format, data)


@BOTH
def test_a_large_metric_without_data_points_loses_nothing_that_counts(payload_format: Format) -> None:
    data = metrics(payload_format, gauge("a", POINT), gauge("b", description="d" * 700))
    verdict, parts = split(Signal.METRICS, payload_format, data)
    assert (verdict.accepted, verdict.rejected, len(parts)) == (1, 0, 1)
    assert "1 metrics were refused as too large" in verdict.message


def test_a_metric_in_unusual_protobuf_is_read_as_protobuf_reads_it() -> None:
    """The last kind of data counts, what stands there twice of it is one, and other wire types mean nothing."""
    points = [NumberDataPoint(time_unix_nano=number, as_int=1).SerializeToString() for number in range(1, 41)]
    lists = [b"".join(framed(1, len(point)) + point for point in points[start : start + 20]) for start in (0, 20)]
    other = framed(9, len(lists[0])) + lists[0]
    sums = [framed(7, len(each) + 2) + each + b"\x10" + bytes([number]) for number, each in enumerate(lists, 1)]
    metric = sums[0] + other + sums[0] + b"\x0a\x01n" + b"\x28\x05" + sums[1]
    scope = framed(2, len(metric)) + metric
    data = framed(1, len(scope) + len(framed(2, len(scope)))) + framed(2, len(scope)) + scope
    verdict, parts = split(Signal.METRICS, Format.PROTOBUF, data)
    assert verdict == otlp.Verdict(40)
    found = [piece for part in parts for piece in metrics_of(Format.PROTOBUF, part)]
    assert [point.time_unix_nano for piece in found for point in piece.sum.data_points] == list(range(1, 41))
    assert {(piece.name, piece.sum.aggregation_temporality) for piece in found} == {("n", 2)}


def test_what_surrounds_small_items_is_not_repeated_for_each() -> None:
    """Else a request with a large resource would become as many long records as it has items."""
    request = traces(*[span()] * 40, resource={"a": "x" * 420})
    verdict, parts = split(Signal.TRACES, Format.PROTOBUF, request.SerializeToString())
    assert verdict == otlp.Verdict(40)
    assert sum(map(len, parts)) < 4 * len(request.SerializeToString())
    assert max(map(len, parts)) <= SIZES.value_max_bytes


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
