"""OTLP's JSON mapping, field by field: ids that are no hex, numbers in every form, and null beside a value."""

import json
from typing import Any

import pytest
from google.protobuf.message import Message

from gateway.protocols import otlp
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.unit.protocols.test_otlp_validate import logs, metrics, traces

Written = tuple[Signal, dict[str, Any]]


def point(kind: str, **exemplar: str) -> Written:
    """Write metrics of a kind with one data point and its exemplar."""
    points = {"dataPoints": [{"timeUnixNano": "1", "exemplars": [exemplar]}]}
    return Signal.METRICS, {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "m", kind: points}]}]}]}


def log(**record: Any) -> Written:
    """Write a log record."""
    return Signal.LOGS, {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", **record}]}]}]}


def span(**fields: Any) -> Written:
    """Write a span."""
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    return Signal.TRACES, {"resourceSpans": [{"scopeSpans": [{"spans": [{**ids, "name": "x", **fields}]}]}]}


NO_HEX = [
    (log(traceId="x" * 32), r"log_records\[0\]\.trace_id is no hex"),
    (log(spanId="6Z1N" * 4), r"log_records\[0\]\.span_id is no hex"),
    (span(spanId="x" * 16), r"spans\[0\]\.span_id is no hex"),
    *(
        (point(kind, **{name: "x" * length}), rf"dataPoints\[0\]\.exemplars\[0\]\.{name}")
        for kind in ("gauge", "sum", "histogram", "exponentialHistogram")
        for name, length in (("traceId", 32), ("spanId", 16))
    ),
]


@pytest.mark.clause("OTLP 7b", "OTLP 8a")
@pytest.mark.parametrize(("written", "told"), NO_HEX)
def test_an_id_that_is_no_hex_is_told_wherever_it_stands(written: Written, told: str) -> None:
    signal, body = written
    with pytest.raises(Malformed, match=told):
        otlp.validate(signal, Format.JSON, json.dumps(body).encode())


VALUE = {"stringValue": None, "boolValue": None, "intValue": "5", "arrayValue": None}
FIVE: Any = {"int_value": 5}
IDS = {"trace_id": b"\xab" * 16, "span_id": b"\xcd" * 8}
EXEMPLAR = {"as_int": 1000, "span_id": b"\xcd" * 8}
MEANT: list[tuple[Written, Message]] = [
    (log(body=VALUE), logs({"body": FIVE})),
    (log(attributes=[{"key": "k", "value": VALUE}]), logs({"attributes": [{"key": "k", "value": FIVE}]})),
    (
        log(body={"kvlistValue": {"values": [{"key": "k", "value": VALUE}]}}),
        logs({"body": {"kvlist_value": {"values": [{"key": "k", "value": FIVE}]}}}),
    ),
    (log(body={"arrayValue": {"values": [VALUE]}}), logs({"body": {"array_value": {"values": [FIVE]}}})),
    (log(body={"intValue": 1.0}), logs({"body": {"int_value": 1}})),
    (log(body={"intValue": "1.0"}), logs({"body": {"int_value": 1}})),
    (log(body={"intValue": "1e3"}), logs({"body": {"int_value": 1000}})),
    (log(body={"intValue": "-1E3"}), logs({"body": {"int_value": -1000}})),
    (log(timeUnixNano=1e3, flags="1e1"), logs({"time_unix_nano": 1000, "flags": 10})),
    (log(severityNumber="9"), logs({"severity_number": 9})),
    (log(severityNumber=9.0), logs({"severity_number": 9})),
    (span(kind="3", status={"code": "2"}), traces(IDS | {"kind": 3, "status": {"code": 2}})),
    (
        point("gauge", asInt="1e3", spanId="CD" * 8),
        metrics({"gauge": {"data_points": [{"time_unix_nano": 1, "exemplars": [EXEMPLAR]}]}}),
    ),
]


@pytest.mark.clause("OTLP 8a", "OTLP 8b", "OTLP 8c", "OTLP 8f")
@pytest.mark.parametrize(("written", "meant"), MEANT)
def test_numbers_enums_and_nulls_mean_what_protobuf_means(written: Written, meant: Message) -> None:
    signal, body = written
    data = json.dumps(body).encode()
    assert otlp.validate(signal, Format.JSON, data) == otlp.Verdict(1)
    assert otlp.decode(signal, Format.JSON, data) == meant


@pytest.mark.clause("OTLP 8b", "OTLP 8c", "OTLP 7b")
@pytest.mark.parametrize("value", [1.5, "1.5", "1e-3", "", "five", True, {}, [], "1e400", "NaN"])
def test_what_is_no_whole_number_is_told(value: Any) -> None:
    for signal, body in (log(body={"intValue": value}), log(timeUnixNano=value), log(severityNumber=value)):
        with pytest.raises(Malformed, match=r"logRecords\[0\]"):
            otlp.validate(signal, Format.JSON, json.dumps(body).encode())
