"""A request that was sent to another signal's path is told so, whatever its bytes mean there."""

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.protocols import otlp
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.unit.protocols.test_otlp_validate import BOTH, GOOD, logs, metrics, payload, traces, within

REQUESTS = {
    Signal.TRACES: traces(GOOD | {"start_time_unix_nano": 1, "attributes": [{"key": "a", "value": {"int_value": 1}}]}),
    Signal.LOGS: logs(GOOD | {"severity_text": "INFO", "body": {"string_value": "hello"}}),
    Signal.METRICS: metrics({"unit": "1", "gauge": {"data_points": [{"time_unix_nano": 1, "as_int": 3}]}}),
}


@pytest.mark.clause("OTLP 20")
@BOTH
@pytest.mark.parametrize("sent", list(REQUESTS))
@pytest.mark.parametrize("to", list(REQUESTS))
def test_another_signals_request_is_told_its_path(payload_format: Format, sent: Signal, to: Signal) -> None:
    data = payload(REQUESTS[sent], payload_format)
    if sent is to:
        assert otlp.validate(to, payload_format, data) == otlp.Verdict(1)
        return
    with pytest.raises(Malformed, match=f"request with {sent}, but it was sent to /v1/{to}. Send it to /v1/{sent}."):
        otlp.validate(to, payload_format, data)


def behind_an_empty_scope(request: Message) -> bytes:
    """Write a request whose items stand in a second scope of a second resource; all signals have the same numbers."""
    resource = request.SerializeToString()
    content = resource[2 + (resource[1] > 127) :]
    return within((0x0A, 0x12), b"") + within((0x0A,), within((0x12,), b"") + content)


LIKE_OTHERS: list[tuple[str, Signal, Signal, bytes]] = [
    *[
        (f"a body {text!r}", Signal.LOGS, Signal.METRICS, logs({"body": {"string_value": text}}).SerializeToString())
        for text in ("", "hi", "error")
    ],
    (
        "a name and a description as long as ids",
        Signal.METRICS,
        Signal.TRACES,
        metrics(
            {"name": "n" * 16, "description": "d" * 8, "sum": {"data_points": [{"as_int": 3}]}}
        ).SerializeToString(),
    ),
    *[
        (f"an empty scope first, {to}", sent, to, behind_an_empty_scope(request))
        for sent, request in REQUESTS.items()
        for to in REQUESTS
        if to is not sent
    ],
]


@pytest.mark.clause("OTLP 20")
@pytest.mark.parametrize(("sent", "to", "data"), [pytest.param(*case[1:], id=case[0]) for case in LIKE_OTHERS])
def test_what_parses_as_another_signal_is_told_its_path(sent: Signal, to: Signal, data: bytes) -> None:
    assert otlp.validate(sent, Format.PROTOBUF, data).accepted == 1
    with pytest.raises(Malformed, match=f"Send it to /v1/{sent}"):
        otlp.validate(to, Format.PROTOBUF, data)


@pytest.mark.clause("OTLP 20")
@pytest.mark.parametrize(
    "text", ['{"resourceLogs":[ {}]}', '{\n "resourceLogs": [\n  {}\n ]\n}', '{"resource_logs":[{}]}']
)
def test_json_of_another_signal_is_told_its_path_however_it_is_written(text: str) -> None:
    with pytest.raises(Malformed, match="Send it to /v1/logs"):
        otlp.validate(Signal.TRACES, Format.JSON, text.encode())


@pytest.mark.clause("OTLP 6a")
@pytest.mark.parametrize("other", ["[]", "null", "7", "{}"])
def test_nothing_of_another_signal_is_nothing(other: str) -> None:
    assert otlp.validate(Signal.TRACES, Format.JSON, b'{"resourceLogs":%s}' % other.encode()) == otlp.Verdict(0)


@pytest.mark.clause("OTLP 20")
def test_log_bytes_that_parse_as_spans_are_told() -> None:
    data = logs({"severity_text": "INFO", "body": {"string_value": "hello"}}).SerializeToString()
    assert len(ExportTraceServiceRequest.FromString(data).resource_spans[0].scope_spans[0].spans) == 1
    with pytest.raises(Malformed, match="Send it to /v1/logs"):
        otlp.validate(Signal.TRACES, Format.PROTOBUF, data)
