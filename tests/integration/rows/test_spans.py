"""OTLP spans on real PostgreSQL."""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from consumers.rows import tables
from consumers.rows.tables import COLUMNS
from gateway.runtime.settings import Limits
from schemas.signals import Signal
from tests.integration.rows.leaf import ENVIRONMENT, Leaf, moment
from tests.unit.rows.records import CHANNEL, INGEST_ID, RECEIVED_NS, otlp
from tests.unit.rows.requests import START_NS, attributes, span, traces
from tests.unit.rows.whole import STORED_RESOURCE, STORED_SCOPE, surrounded, unset, whole_span

INT8_MAX = 2**63 - 1
MIB = 1024 * 1024


@pytest.mark.clause("OTLP d1", "OTLP d3", "OTLP d4")
@pytest.mark.parametrize("table", COLUMNS)
async def test_columns_are_those_of_the_table_without_the_environment(leaf: Leaf, table: str) -> None:
    assert {*COLUMNS[table], "environment"} == await leaf.columns(table)


@pytest.mark.clause("OTLP d1", "OTLP d8")
async def test_a_span_is_stored_whole(leaf: Leaf) -> None:
    sent = {
        "s": "ünï\n\"'\\",
        "i": -(2**63),
        "b": True,
        "d": 0.1,
        "none": None,
        "list": ["a", 1, []],
        "map": {"k": {"n": 2}},
        "bytes": b"\0\xff",
        "error.type": "Timeout",
    }
    request = surrounded(whole_span(sent))
    assert unset(request) == []
    rows = await leaf.store(otlp(Signal.TRACES, request))
    (resource_id,) = rows.resources
    assert await leaf.resources() == {UUID(bytes=resource_id): STORED_RESOURCE}
    (row,) = await leaf.read("spans")
    inner = {"attributes": {"x": 1}, "dropped_attributes_count": 2}
    assert {column: value for column, value in row.items() if value is not None} == {
        "environment": ENVIRONMENT,
        "channel": CHANNEL,
        "received_at": moment(RECEIVED_NS),
        "ingest_id": UUID(bytes=INGEST_ID),
        "source": "otlp",
        **STORED_SCOPE,
        "resource_id": UUID(bytes=resource_id),
        "trace_id": b"t" * 16,
        "span_id": b"s" * 8,
        "parent_span_id": b"p" * 8,
        "trace_state": "a=b",
        "flags": 257,
        "name": "checkout",
        "kind": 3,
        "start_ns": START_NS,
        "start_ts": moment(START_NS),
        "duration_ns": 1500,
        "status_code": 2,
        "status_message": "broke",
        "attributes": {**sent, "bytes": "AP8="},
        "events": [{"time_ns": 5, "name": "exception", **inner}],
        "links": [{"trace_id": "01" * 16, "span_id": "02" * 8, "trace_state": "k=v", "flags": 1, **inner}],
        "dropped_attributes_count": 3,
        "dropped_events_count": 4,
        "dropped_links_count": 5,
        "error_type": "Timeout",
    }


# What is sent, the limits, the columns as they are stored, and what `truncated` names.
CHANGED: list[tuple[str, dict[str, Any], Limits, dict[str, Any], list[str]]] = [
    ("a parent of zeros is none", {"parent_span_id": bytes(8)}, Limits(), {"parent_span_id": None}, []),
    ("zeros of another length", {"parent_span_id": bytes(3)}, Limits(), {"parent_span_id": None}, []),
    (
        "a parent that is too short",
        {"parent_span_id": b"abc"},
        Limits(),
        {"parent_span_id": None},
        ["parent_span_id"],
    ),
    (
        "a parent that is too long",
        {"parent_span_id": b"t" * 16},
        Limits(),
        {"parent_span_id": None},
        ["parent_span_id"],
    ),
    ("no kind is internal", {"kind": 0}, Limits(), {"kind": Span.SPAN_KIND_INTERNAL}, []),
    (
        "1970",
        {"start_time_unix_nano": 0, "end_time_unix_nano": 0},
        Limits(),
        {"start_ns": 0, "start_ts": moment(0)},
        [],
    ),
    (
        "a time past 2262",
        {"start_time_unix_nano": 2**64 - 1, "end_time_unix_nano": 2**64 - 1},
        Limits(),
        {"start_ns": INT8_MAX, "start_ts": moment(INT8_MAX), "duration_ns": 0},
        ["start_ns"],
    ),
    (
        "the year 2100",
        {"start_time_unix_nano": 4_102_444_800 * 10**9, "end_time_unix_nano": 4_102_444_801 * 10**9},
        Limits(),
        {"start_ts": datetime(2100, 1, 1, tzinfo=UTC), "duration_ns": 10**9},
        [],
    ),
    ("an end before the start", {"end_time_unix_nano": 1}, Limits(), {"duration_ns": 0}, ["duration_ns"]),
    (
        "the longest duration",
        {"start_time_unix_nano": 1, "end_time_unix_nano": 2**64 - 1},
        Limits(),
        {"duration_ns": INT8_MAX},
        ["duration_ns"],
    ),
    ("kinds and codes of the future", {"kind": 99_999}, Limits(), {"kind": 2**15 - 1}, ["kind"]),
    ("a kind below zero", {"kind": -(2**31)}, Limits(), {"kind": 1}, ["kind"]),
    ("NUL in a column", {"name": "a\0b"}, Limits(), {"name": "ab"}, ["name"]),
    ("an empty name", {"name": ""}, Limits(), {"name": "", "trace_state": None, "status_message": None}, []),
    (
        "NUL in a value, in a key and nested",
        {"attributes": {"v": "a\0b", "k\0": 1, "n": {"\0": ["\0x"]}}},
        Limits(),
        {"attributes": {"v": "ab", "k": 1, "n": {"": ["x"]}}},
        ["attributes.v", "attributes.k", "attributes.n"],
    ),
    (
        "numbers that JSON lacks",
        {"attributes": {"a": math.nan, "b": math.inf, "c": [-math.inf], "d": 1e308, "e": 5e-324}},
        Limits(),
        {"attributes": {"a": "NaN", "b": "Infinity", "c": ["-Infinity"], "d": 10**308, "e": 5e-324}},
        [],
    ),
    (
        "text that looks like an escaped NUL",
        {"attributes": {"path": "C:\\u0000"}},
        Limits(),
        {"attributes": {"path": "C:\\u0000"}},
        [],
    ),
    (
        "long values",
        {"attributes": {"s": "äöü", "n": ["12345678"], "b": b"123456", "ok": "1234"}, "name": "checkout"},
        Limits(attribute_max_bytes=5),
        {"attributes": {"s": "äö", "n": '["123', "b": "MTIzN", "ok": "1234"}, "name": "check"},
        ["attributes.s", "attributes.n", "attributes.b", "name"],
    ),
    (
        "too many attributes",
        {"attributes": {"a": 1, "b": 2, "c": 3}, "dropped_attributes_count": 4},
        Limits(attributes_max_count=2),
        {"attributes": {"a": 1, "b": 2}, "dropped_attributes_count": 5},
        ["attributes"],
    ),
    (
        "values nested too deep",
        {"attributes": {"a": [["x"]], "b": [[["x"]]], "c": {"k": {"k": {}}}}},
        Limits(nesting_max_depth=2),
        {"attributes": {"a": [["x"]], "b": [["[nested too deep]"]], "c": {"k": {"k": "[nested too deep]"}}}},
        ["attributes.b", "attributes.c"],
    ),
    (
        "events and links have the same limits",
        {
            "events": [Span.Event(name="\0e", attributes=attributes({"k": "abc", "l": 1}))],
            "links": [Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, attributes=attributes({"k": "\0"}))],
        },
        Limits(attributes_max_count=1),
        {},
        ["events.attributes", "events.name", "links.attributes.k"],
    ),
]


@pytest.mark.clause("OTLP b4", "OTLP b5", "OTLP b6", "OTLP d6")
@pytest.mark.parametrize(
    ("sent", "limits", "stored", "truncated"), [pytest.param(*case[1:], id=case[0]) for case in CHANGED]
)
async def test_what_cannot_be_stored_is_changed_and_named(
    leaf: Leaf, sent: dict[str, Any], limits: Limits, stored: dict[str, Any], truncated: list[str]
) -> None:
    await leaf.store(otlp(Signal.TRACES, traces(span(**sent), span())), limits=limits)
    row, neighbour = await leaf.read("spans")
    assert {column: row[column] for column in stored} == stored
    assert sorted(row["truncated"] or []) == sorted(truncated)
    assert neighbour["truncated"] is None or neighbour["truncated"] == ["name"]


@pytest.mark.clause("OTLP b4", "OTLP b5", "OTLP b6")
async def test_by_default_values_have_a_mebibyte_items_1024_attributes_and_16_levels(leaf: Leaf) -> None:
    def nested(levels: int) -> Any:
        return [nested(levels - 1)] if levels else "x"

    many = {f"k{number}": number for number in range(1025)}
    await leaf.store(
        otlp(
            Signal.TRACES,
            traces(
                span(name="within", attributes={"text": "x" * MIB, "list": nested(16)}),
                span(name="long", attributes={"text": "x" * (MIB + 1)}),
                span(name="many", attributes=many, dropped_attributes_count=2),
                span(name="most", attributes=dict(list(many.items())[:1024])),
                span(name="deep", attributes={"list": nested(17)}),
            ),
        )
    )
    rows = {row["name"]: row for row in await leaf.read("spans")}
    assert {name: row["truncated"] for name, row in rows.items()} == {
        "within": None,
        "long": ["attributes.text"],
        "many": ["attributes"],
        "most": None,
        "deep": ["attributes.list"],
    }
    assert len(rows["long"]["attributes"]["text"]) == MIB
    assert (len(rows["many"]["attributes"]), rows["many"]["dropped_attributes_count"]) == (1024, 3)
    assert len(rows["most"]["attributes"]) == 1024
    assert rows["within"]["attributes"]["list"] == nested(16)


# Attributes by today's names and by older ones, and the columns that they fill.
GEN_AI: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "today's names",
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "acme",
            "gen_ai.request.model": "m-1",
            "gen_ai.response.model": "m-1-0714",
            "gen_ai.usage.input_tokens": 11,
            "gen_ai.usage.output_tokens": 22,
            "gen_ai.usage.cache_read.input_tokens": 3,
            "gen_ai.usage.reasoning.output_tokens": 4,
            "gen_ai.conversation.id": "c-1",
            "gen_ai.agent.name": "planner",
            "gen_ai.tool.name": "search",
            "error.type": "timeout",
        },
        {
            "gen_ai_operation": "chat",
            "gen_ai_provider": "acme",
            "gen_ai_request_model": "m-1",
            "gen_ai_response_model": "m-1-0714",
            "gen_ai_input_tokens": 11,
            "gen_ai_output_tokens": 22,
            "gen_ai_cached_tokens": 3,
            "gen_ai_reasoning_tokens": 4,
            "gen_ai_conversation_id": "c-1",
            "gen_ai_agent_name": "planner",
            "gen_ai_tool_name": "search",
            "error_type": "timeout",
        },
    ),
    (
        "names up to 1.36",
        {"gen_ai.system": "acme", "gen_ai.usage.prompt_tokens": 11, "gen_ai.usage.completion_tokens": 22},
        {"gen_ai_provider": "acme", "gen_ai_input_tokens": 11, "gen_ai_output_tokens": 22},
    ),
    (
        "both, of which today's count",
        {
            "gen_ai.system": "old",
            "gen_ai.provider.name": "new",
            "gen_ai.usage.prompt_tokens": 1,
            "gen_ai.usage.input_tokens": 2,
        },
        {"gen_ai_provider": "new", "gen_ai_input_tokens": 2},
    ),
    ("tokens as texts and doubles", {"gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": 8.0},
     {"gen_ai_input_tokens": 7, "gen_ai_output_tokens": 8}),
    ("tokens that are none", {"gen_ai.usage.input_tokens": "many"}, {}),
]  # fmt: skip


@pytest.mark.clause("OTLP d2")
@pytest.mark.parametrize(("sent", "stored"), [pytest.param(*case[1:], id=case[0]) for case in GEN_AI])
async def test_generative_ai_has_columns(leaf: Leaf, sent: dict[str, Any], stored: dict[str, Any]) -> None:
    await leaf.store(otlp(Signal.TRACES, traces(span(attributes=sent))))
    (row,) = await leaf.read("spans")
    assert {column: row[column] for column in tables.GEN_AI if row[column] is not None} == stored
