"""OTLP log records on real PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from gateway.runtime.settings import Limits
from schemas.signals import Signal
from tests.integration.rows.leaf import ENVIRONMENT, Leaf, moment
from tests.unit.rows.records import CHANNEL, INGEST_ID, RECEIVED_NS, otlp
from tests.unit.rows.requests import START_NS, any_value, attributes, logs
from tests.unit.rows.whole import STORED_RESOURCE, STORED_SCOPE, surrounded, unset, whole_log

INT8_MAX = 2**63 - 1


@pytest.mark.clause("OTLP d3", "OTLP d8")
async def test_a_log_record_is_stored_whole(leaf: Leaf) -> None:
    request = surrounded(whole_log({"k": [1]}))
    assert unset(request) == []
    rows = await leaf.store(otlp(Signal.LOGS, request))
    (resource_id,) = rows.resources
    assert await leaf.resources() == {UUID(bytes=resource_id): STORED_RESOURCE}
    (row,) = await leaf.read("logs")
    assert rows.counts == {"logs": 1}
    assert {column: value for column, value in row.items() if value is not None} == {
        "environment": ENVIRONMENT,
        "channel": CHANNEL,
        "received_at": moment(RECEIVED_NS),
        "ingest_id": UUID(bytes=INGEST_ID),
        "source": "otlp",
        "ts": moment(START_NS),
        "time_ns": START_NS,
        "observed_ns": START_NS + 1,
        "severity_number": 17,
        "severity_text": "ERROR",
        "body": "it broke",
        "body_text": "it broke",
        "event_name": "shop.broke",
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "flags": 1,
        **STORED_SCOPE,
        "resource_id": UUID(bytes=resource_id),
        "attributes": {"k": [1]},
        "dropped_attributes_count": 1,
    }


# What is sent, the limits, the columns as they are stored, and what `truncated` names.
RULES: list[tuple[str, dict[str, Any], Limits, dict[str, Any], list[str]]] = [
    ("its time", {"time_unix_nano": 2000, "observed_time_unix_nano": 1}, Limits(), {"ts": moment(2000)}, []),
    ("else observed", {"observed_time_unix_nano": 3000}, Limits(), {"ts": moment(3000), "time_ns": None}, []),
    ("else received", {}, Limits(), {"ts": moment(RECEIVED_NS), "time_ns": None, "observed_ns": None}, []),
    (
        "times past 2262",
        {"time_unix_nano": 2**64 - 1, "observed_time_unix_nano": 2**63},
        Limits(),
        {"ts": moment(INT8_MAX), "time_ns": INT8_MAX, "observed_ns": INT8_MAX},
        ["observed_ns", "time_ns"],
    ),
    ("a severity of the future", {"severity_number": 10**6}, Limits(), {"severity_number": 32767}, ["severity_number"]),
    ("no body", {}, Limits(), {"body": None, "body_text": None}, []),
    ("an empty body", {"body": any_value("")}, Limits(), {"body": "", "body_text": ""}, []),
    ("a body of values", {"body": any_value({"a": [1]})}, Limits(), {"body": {"a": [1]}, "body_text": None}, []),
    ("a number", {"body": any_value(1.5)}, Limits(), {"body": 1.5, "body_text": None}, []),
    ("NUL", {"body": any_value("a\0b")}, Limits(), {"body": "ab", "body_text": "ab"}, ["body"]),
    (
        "a long body",
        {"body": any_value("0123456789")},
        Limits(attribute_max_bytes=4),
        {"body": "0123", "body_text": "0123"},
        ["body"],
    ),
    (
        "too many attributes",
        {"attributes": attributes({"a": 1, "b": 2, "c": 3}), "dropped_attributes_count": 4},
        Limits(attributes_max_count=2),
        {"attributes": {"a": 1, "b": 2}, "dropped_attributes_count": 5},
        ["attributes"],
    ),
    ("zero ids", {"trace_id": bytes(16), "span_id": bytes(8)}, Limits(), {"trace_id": None, "span_id": None}, []),
    (
        "ids of a wrong length",
        {"trace_id": b"abc", "span_id": b"t" * 16},
        Limits(),
        {"trace_id": None, "span_id": None},
        ["span_id", "trace_id"],
    ),
]


@pytest.mark.clause("OTLP 9b", "OTLP b4", "OTLP b5", "OTLP d3")
@pytest.mark.parametrize(
    ("sent", "limits", "stored", "truncated"), [pytest.param(*case[1:], id=case[0]) for case in RULES]
)
async def test_rules_of_log_records(
    leaf: Leaf, sent: dict[str, Any], limits: Limits, stored: dict[str, Any], truncated: list[str]
) -> None:
    await leaf.store(otlp(Signal.LOGS, logs(LogRecord(**sent))), limits=limits)
    (row,) = await leaf.read("logs")
    assert {column: row[column] for column in stored} == stored
    assert sorted(row["truncated"] or []) == truncated


async def test_what_was_changed_in_the_resource_is_named_on_its_rows(leaf: Leaf) -> None:
    resource = {"service.name": "s" * 5000, "deployment.environment": "qa", "note": "\0"}
    await leaf.store(otlp(Signal.LOGS, logs(LogRecord(), LogRecord(), resource=resource)))
    for row in await leaf.read("logs"):
        assert row["truncated"] == ["resource.attributes.note", "service_name"]
        assert (row["service_name"], row["event_environment"]) == ("s" * 1024, "qa")
