"""OTLP: what is accepted, what is refused alone, and what a client reads about it; in both formats."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from gateway.protocols import otlp
from schemas.errors import Malformed
from schemas.signals import Format, Signal

TRACE_ID, SPAN_ID = bytes(range(16)), bytes(range(8))
GOOD = {"trace_id": TRACE_ID, "span_id": SPAN_ID}


def traces(*spans: dict[str, Any]) -> ExportTraceServiceRequest:
    found: Any = [{"scope_spans": [{"spans": [{"name": "x"} | span for span in spans]}]}]
    return ExportTraceServiceRequest(resource_spans=found)


def logs(*records: dict[str, Any]) -> ExportLogsServiceRequest:
    found: Any = [{"scope_logs": [{"log_records": [{"time_unix_nano": 1} | record for record in records]}]}]
    return ExportLogsServiceRequest(resource_logs=found)


def metrics(*data: dict[str, Any]) -> ExportMetricsServiceRequest:
    found: Any = [{"scope_metrics": [{"metrics": [{"name": "m"} | fields for fields in data]}]}]
    return ExportMetricsServiceRequest(resource_metrics=found)


def as_json(request: Message) -> Any:
    """Write a request in JSON, with hex ids."""
    written = MessageToDict(request)

    def visit(value: Any, message: Any) -> None:
        for field, content in message.ListFields():
            name = field.json_name
            if field.name.endswith(("trace_id", "span_id")):
                value[name] = content.hex()
            elif field.message_type is not None:
                pairs = zip(value[name], content, strict=True) if field.is_repeated else [(value[name], content)]
                for inner_value, inner in pairs:
                    visit(inner_value, inner)

    visit(written, request)
    return written


def payload(request: Message, payload_format: Format) -> bytes:
    if payload_format is Format.PROTOBUF:
        return request.SerializeToString()
    return json.dumps(as_json(request)).encode()


BOTH = pytest.mark.parametrize("payload_format", [Format.PROTOBUF, Format.JSON])


@BOTH
def test_a_good_request_travels_as_it_came(payload_format: Format) -> None:
    data = payload(traces(GOOD, GOOD), payload_format)
    assert otlp.validate(Signal.TRACES, payload_format, data) == otlp.Verdict(2)


@pytest.mark.clause("OTLP 6a")
@pytest.mark.parametrize(
    ("payload_format", "data"),
    [(Format.PROTOBUF, b""), (Format.JSON, b"{}"), (Format.JSON, b'{"resourceSpans":[]}'), (Format.JSON, b" {} ")],
)
def test_an_empty_request_is_accepted_with_nothing(payload_format: Format, data: bytes) -> None:
    assert otlp.validate(Signal.TRACES, payload_format, data) == otlp.Verdict(0)


@pytest.mark.clause("OTLP 6b")
def test_json_of_no_bytes_is_refused() -> None:
    with pytest.raises(Malformed, match="empty"):
        otlp.validate(Signal.LOGS, Format.JSON, b"")


@pytest.mark.clause("OTLP 9a")
@BOTH
@pytest.mark.parametrize(
    "bad",
    [
        {"trace_id": b"", "span_id": SPAN_ID},
        {"trace_id": TRACE_ID},
        {"trace_id": TRACE_ID[:15], "span_id": SPAN_ID},
        {"trace_id": TRACE_ID, "span_id": SPAN_ID + b"1"},
        {"trace_id": bytes(16), "span_id": SPAN_ID},
        {"trace_id": TRACE_ID, "span_id": bytes(8)},
    ],
)
def test_a_span_with_a_bad_id_is_refused_alone(payload_format: Format, bad: dict[str, Any]) -> None:
    request = traces(GOOD, bad | {"name": "bad"}, GOOD)
    verdict = otlp.validate(Signal.TRACES, payload_format, payload(request, payload_format))
    assert (verdict.accepted, verdict.rejected) == (2, 1)
    assert verdict.message.startswith("1 of 3 spans were refused: a trace id has 16 bytes")
    assert verdict.message.endswith("The first is resource_spans[0].scope_spans[0].spans[1].")
    assert verdict.rewritten is not None
    assert otlp.decode(Signal.TRACES, payload_format, verdict.rewritten) == traces(GOOD, GOOD)


@pytest.mark.clause("OTLP 10d")
@BOTH
def test_a_request_of_bad_spans_only_is_refused(payload_format: Format) -> None:
    with pytest.raises(Malformed, match="2 of 2 spans were refused"):
        otlp.validate(Signal.TRACES, payload_format, payload(traces({"span_id": SPAN_ID}, {}), payload_format))


@pytest.mark.clause("OTLP 9b")
@BOTH
@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        ({"trace_id": TRACE_ID[:3], "span_id": SPAN_ID}, {"span_id": SPAN_ID}),
        ({"trace_id": TRACE_ID, "span_id": bytes(8)}, {"trace_id": TRACE_ID}),
        ({"trace_id": bytes(16), "span_id": b"1"}, {}),
    ],
)
def test_a_log_with_bad_ids_is_kept_without_them(
    payload_format: Format, ids: dict[str, bytes], kept: dict[str, bytes]
) -> None:
    request = logs(GOOD, {"severity_text": "bad"} | ids, {})
    verdict = otlp.validate(Signal.LOGS, payload_format, payload(request, payload_format))
    assert (verdict.accepted, verdict.rejected) == (3, 0)
    assert "1 of 3 log records were kept without their ids" in verdict.message
    assert verdict.rewritten is not None
    expected = logs(GOOD, {"severity_text": "bad"} | kept, {})
    assert otlp.decode(Signal.LOGS, payload_format, verdict.rewritten) == expected


@BOTH
def test_logs_without_ids_are_good(payload_format: Format) -> None:
    assert otlp.validate(Signal.LOGS, payload_format, payload(logs({}, GOOD), payload_format)) == otlp.Verdict(2)


@BOTH
def test_every_data_point_counts(payload_format: Format) -> None:
    points = {"data_points": [{"time_unix_nano": 1}, {"time_unix_nano": 2}]}
    kinds = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]
    request = metrics(*({kind: points} for kind in kinds), {}, {"gauge": {}})
    assert otlp.validate(Signal.METRICS, payload_format, payload(request, payload_format)) == otlp.Verdict(10)


def test_what_is_unknown_survives_taking_out_an_item() -> None:
    good: Any = as_json(traces(GOOD))["resourceSpans"][0]["scopeSpans"][0]["spans"][0] | {"é": None}
    scope: Any = {"spans": [{"spanId": "00"}, good]}
    body = {"extra": {"a": [1]}, "resource_spans": [{"new": 1.5, "scopeSpans": [scope]}]}
    verdict = otlp.validate(Signal.TRACES, Format.JSON, json.dumps(body).replace("1.5", "1.50").encode())
    assert verdict.rewritten is not None
    scope["spans"] = [good]
    assert json.loads(verdict.rewritten) == body
    assert b"1.50" in verdict.rewritten


@pytest.mark.clause("OTLP 7b", "OTLP 8a")
@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("traceId", "x" * 32, "resource_spans[0].scope_spans[0].spans[1].trace_id is no hex"),
        ("spanId", "0 1 2 3 4 5 6 7 ", "resource_spans[0].scope_spans[0].spans[1].span_id is no hex"),
        ("parentSpanId", "éé", "spans[1].parent_span_id is no hex"),
        ("parentSpanId", "abc", "spans[1].parent_span_id has an odd number of hex digits"),
        (
            "links",
            [{"traceId": "AAAAAAAAAAAAAAAAAAAAAA=="}],
            "$.resourceSpans[0].scopeSpans[0].spans[1].links[0].traceId",
        ),
        ("kind", "SPAN_KIND_SIDEWAYS", "Invalid enum value 'SPAN_KIND_SIDEWAYS'"),
        ("startTimeUnixNano", "-1", "Expected `int` >= 0"),
        ("startTimeUnixNano", "soon", "got `str`"),
        ("flags", 2**32, "Expected `int` <= 4294967295"),
        ("name", 7, "Expected `str | null`, got `int`"),
        *[
            ("attributes", [{"key": "a", "value": {"bytesValue": text}}], f"{told} - at `$.resourceSpans[0].scopeSpans")
            for text, told in (("?", "Invalid base64"), ("aGkaa", "Invalid base64"), (7, "Expected base64, got `int`"))
        ],
        ("attributes", [{"key": "a", "value": {"intValue": str(2**63)}}], "Expected `int` <= 9223372036854775807"),
    ],
)
def test_a_wrong_value_in_json_is_told_by_place(field: str, value: Any, told: str) -> None:
    body = as_json(traces(GOOD, GOOD))
    body["resourceSpans"][0]["scopeSpans"][0]["spans"][1][field] = value
    with pytest.raises(Malformed) as caught:
        otlp.validate(Signal.TRACES, Format.JSON, json.dumps(body).encode())
    assert told in caught.value.message


@pytest.mark.clause("OTLP 8a", "OTLP 8b", "OTLP 8c", "OTLP 8d", "OTLP 8e", "OTLP 8f", "OTLP 8g", "OTLP 8h")
def test_json_is_read_generously() -> None:
    span = {
        "traceId": TRACE_ID.hex().upper(),
        "span_id": SPAN_ID.hex(),
        "name": None,
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": 1,
        "end_time_unix_nano": "2",
        "status": {"code": "STATUS_CODE_ERROR", "new": {}},
        "attributes": [
            {"key": "nan", "value": {"doubleValue": "NaN"}},
            {"key": "inf", "value": {"double_value": "-Infinity"}},
            {"key": "bytes", "value": {"bytesValue": "aGk="}},
            {"key": "list", "value": {"array_value": {"values": [{"intValue": "-5"}, {"boolValue": False}, {}]}}},
            {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": ""}}]}}},
            {"key": "none"},
        ],
    }
    body = json.dumps({"resource_spans": [{"resource": None, "scopeSpans": [{"spans": [span]}]}]}).encode()
    assert otlp.validate(Signal.TRACES, Format.JSON, body) == otlp.Verdict(1)
    decoded = otlp.decode(Signal.TRACES, Format.JSON, body).resource_spans[0].scope_spans[0].spans[0]
    expected = traces(
        GOOD
        | {
            "name": "",
            "kind": "SPAN_KIND_CLIENT",
            "start_time_unix_nano": 1,
            "end_time_unix_nano": 2,
            "status": {"code": 2},
            "attributes": [
                {"key": "nan", "value": {"double_value": float("nan")}},
                {"key": "inf", "value": {"double_value": float("-inf")}},
                {"key": "bytes", "value": {"bytes_value": b"hi"}},
                {
                    "key": "list",
                    "value": {"array_value": {"values": [{"int_value": -5}, {"bool_value": False}, {}]}},
                },
                {"key": "map", "value": {"kvlist_value": {"values": [{"key": "k", "value": {"string_value": ""}}]}}},
                {"key": "none"},
            ],
        }
    )
    assert decoded.SerializeToString() == expected.resource_spans[0].scope_spans[0].spans[0].SerializeToString()


@pytest.mark.clause("OTLP 8d")
@pytest.mark.parametrize("written", ["aGnv//8=", "aGnv__8=", "aGnv//8", "aGnv__8"])
def test_base64_has_either_alphabet_and_perhaps_padding(written: str) -> None:
    body = as_json(logs({"body": {"bytes_value": b""}}))
    record = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    for name in ("bytesValue", "bytes_value"):
        record["body"] = {name: written}
        decoded = otlp.decode(Signal.LOGS, Format.JSON, json.dumps(body).encode())
        assert decoded.resource_logs[0].scope_logs[0].log_records[0].body.bytes_value == b"hi\xef\xff\xff"


def test_numbers_beyond_64_bits_saturate() -> None:
    body = as_json(logs({}))
    body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["timeUnixNano"] = 10**30
    data = json.dumps(body).encode()
    assert otlp.validate(Signal.LOGS, Format.JSON, data).accepted == 1
    record = otlp.decode(Signal.LOGS, Format.JSON, data).resource_logs[0].scope_logs[0].log_records[0]
    assert record.time_unix_nano == 2**64 - 1


def test_half_a_surrogate_pair_is_mended() -> None:
    """JavaScript's JSON.stringify writes a text that was cut within an emoji like this."""
    body = as_json(logs({"body": {"string_value": "TEXT"}}))
    data = json.dumps(body).encode().replace(b"TEXT", rb"cut \ud83d, whole \ud83d\ude00, \\ud83d")
    verdict = otlp.validate(Signal.LOGS, Format.JSON, data)
    assert (verdict.accepted, verdict.rejected, verdict.message) == (1, 0, "")
    assert verdict.rewritten is not None
    record = otlp.decode(Signal.LOGS, Format.JSON, verdict.rewritten).resource_logs[0].scope_logs[0].log_records[0]
    assert record.body.string_value == "cut \N{REPLACEMENT CHARACTER}, whole \N{GRINNING FACE}, \\ud83d"


@pytest.mark.parametrize("depth", [30, 31, 40, 400, 5000])
def test_values_nested_too_deeply_are_refused_in_json(depth: int) -> None:
    value = '{"arrayValue":{"values":[' * depth + "{}" + "]}}" * depth
    data = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":1,"body":%s}]}]}]}' % value.encode()
    if depth <= 30:
        assert otlp.validate(Signal.LOGS, Format.JSON, data).accepted == 1
        as_protobuf = otlp.decode(Signal.LOGS, Format.JSON, data).SerializeToString()
        assert otlp.validate(Signal.LOGS, Format.PROTOBUF, as_protobuf).accepted == 1
    else:
        with pytest.raises(Malformed, match="deep"):
            otlp.validate(Signal.LOGS, Format.JSON, data)


def test_values_nested_too_deeply_are_refused_in_protobuf() -> None:
    encoded = b""
    for _ in range(60):
        encoded = AnyValue.FromString(b"").SerializeToString() + b"\x2a" + size(b"\x0a" + size(encoded))
    record = b"\x09" + bytes(8) + b"\x2a" + size(encoded)
    data = b"\x0a" + size(b"\x12" + size(b"\x12" + size(record)))
    with pytest.raises(Malformed, match=r"in resource_logs\[0\]\.scope_logs.*: messages are nested deeper than 100"):
        otlp.validate(Signal.LOGS, Format.PROTOBUF, data)


def size(content: bytes) -> bytes:
    """Put the length of a field before its content."""
    number, encoded = len(content), bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes([*encoded, number]) + content


def within(tags: tuple[int, ...], content: bytes) -> bytes:
    """Put bytes into messages that are the only field of one another."""
    for tag in reversed(tags):
        content = bytes((tag,)) + size(content)
    return content


@pytest.mark.clause("OTLP 7a")
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (traces(GOOD).SerializeToString()[:-1], r"broken at byte \d+ of \d+, in resource_spans\[0\]: the field says"),
        (b"\xff" * 12, "broken at byte 0 of 12: a number has more than 10 bytes"),
        (b"\x0a\x02\x07\x00", r"byte 2 of 4, in resource_spans\[0\]\.field 0: field number 0 does not exist"),
        (b"\x0e\x00", r"byte 0 of 2, in resource_spans\[0\]: wire type 6 is not used"),
        (b"\x08", "byte 1 of 1, in resource_spans.*: the bytes end within a number"),
        (
            traces(GOOD | {"name": "abc"}).SerializeToString().replace(b"abc", b"a\xffc"),
            r"spans\[0\]\.name: .* no UTF-8",
        ),
        (b'{"resourceSpans":[]}', "looks like JSON"),
        (b"\x1f\x8b\x08\x00rest", "looks compressed"),
        (b"\x0a\x02\x08\x01" * 60_000 + b"\x0a", "somewhere after this byte"),
    ],
)
def test_broken_protobuf_is_told_by_byte_and_field(data: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        otlp.validate(Signal.TRACES, Format.PROTOBUF, data)


def test_json_within_a_text_counts_as_text() -> None:
    data = json.dumps(as_json(logs({"body": {"string_value": '{"a":' * 1_100_000}}))).encode()
    assert otlp.validate(Signal.LOGS, Format.JSON, data).accepted == 1


def test_the_pure_python_runtime_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "import gateway.protocols.otlp"],
        env=os.environ | {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert "ConfigError: protobuf runs on its 'python' implementation" in run.stderr
