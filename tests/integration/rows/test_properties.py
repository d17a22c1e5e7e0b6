"""Whatever is valid packs, PostgreSQL takes it, and what is read back is what went in."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from consumers.rows.values import plain
from schemas.signals import Signal
from tests.integration.rows.leaf import Leaf, moment
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import logs, metrics, span, traces
from tests.unit.rows.strategies import (
    ATTRIBUTES,
    EVENT,
    FORMS,
    ITEM_TYPES,
    JSON,
    LIKELY_EVENT,
    LOGS,
    METRICS,
    SPANS,
    stored,
)

INT8_MAX = 2**63 - 1
# Real PostgreSQL answers in milliseconds, not in the microseconds that hypothesis expects.
on_postgresql = settings(max_examples=60)


def same(found: Any, expected: Any) -> bool:
    """Compare what jsonb gives back, where a double may come as the integer it equals."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        return float(found) == expected
    return found == expected and isinstance(found, bool) == isinstance(expected, bool)


def numbered(items: list[Any]) -> list[Any]:
    """Number items in their flags, by which their rows are told apart."""
    for number, one in enumerate(items):
        one.flags = number
    return items


async def by_flags(leaf: Leaf, table: str) -> list[dict[str, Any]]:
    return sorted(await leaf.read(table), key=lambda row: row["flags"])


@given(values=st.lists(ATTRIBUTES, min_size=1, max_size=8))
@on_postgresql
async def test_attributes_come_back(leaf: Leaf, values: list[dict[str, Any]]) -> None:
    sent = [span(name=str(number), attributes=members) for number, members in enumerate(values * 2)]
    await leaf.store(otlp(Signal.TRACES, traces(*sent)))
    rows = {row["name"]: row["attributes"] for row in await leaf.read("spans")}
    for number, members in enumerate(values * 2):
        assert same(rows[str(number)], stored(members))


@given(spans=st.lists(SPANS, min_size=1, max_size=4))
@on_postgresql
async def test_any_span_is_stored(leaf: Leaf, spans: list[Span]) -> None:
    await leaf.store(otlp(Signal.TRACES, traces(*numbered(spans))))
    for sent, row in zip(spans, await by_flags(leaf, "spans"), strict=True):
        assert (row["trace_id"], row["span_id"]) == (sent.trace_id, sent.span_id)
        assert row["parent_span_id"] == (sent.parent_span_id if any(sent.parent_span_id) else None)
        assert row["name"] == stored(sent.name)
        assert (row["trace_state"] or "") == stored(sent.trace_state)
        assert (row["status_message"] or "") == stored(sent.status.message)
        assert row["start_ns"] == min(sent.start_time_unix_nano, INT8_MAX)
        assert row["start_ts"] == moment(row["start_ns"])
        assert row["duration_ns"] == min(max(0, sent.end_time_unix_nano - sent.start_time_unix_nano), INT8_MAX)
        assert row["dropped_attributes_count"] == sent.dropped_attributes_count
        assert len(row["events"] or []) == len(sent.events)
        for event, found in zip(sent.events, row["events"] or [], strict=True):
            assert (found["time_ns"], found["name"]) == (event.time_unix_nano, stored(event.name))
            assert same(found["attributes"], stored({pair.key: plain(pair.value) for pair in event.attributes}))
        for link, found in zip(sent.links, row["links"] or [], strict=True):
            assert (found["trace_id"], found["span_id"]) == (link.trace_id.hex(), link.span_id.hex())


@given(records=st.lists(LOGS, min_size=1, max_size=4))
@on_postgresql
async def test_any_log_record_is_stored(leaf: Leaf, records: list[LogRecord]) -> None:
    await leaf.store(otlp(Signal.LOGS, logs(*numbered(records))))
    for sent, row in zip(records, await by_flags(leaf, "logs"), strict=True):
        assert same(row["body"], stored(plain(sent.body)))
        assert (row["time_ns"] or 0) == min(sent.time_unix_nano, INT8_MAX)
        assert (row["severity_text"] or "") == stored(sent.severity_text)
        assert (row["body_text"] is not None) == (sent.body.WhichOneof("value") == "string_value")


@given(instruments=st.lists(METRICS, min_size=1, max_size=4))
@on_postgresql
async def test_any_metric_is_stored(leaf: Leaf, instruments: list[Metric]) -> None:
    points = [
        point
        for metric in instruments
        if (kind := metric.WhichOneof("data"))
        for point in getattr(metric, kind).data_points
    ]
    numbered(points)
    await leaf.store(otlp(Signal.METRICS, metrics(*instruments)))
    for point, row in zip(points, await by_flags(leaf, "metric_points"), strict=True):
        assert row["time_ns"] == min(point.time_unix_nano, INT8_MAX)
        assert same(row["attributes"], stored({pair.key: plain(pair.value) for pair in point.attributes}))


@pytest.mark.clause("Sentry d1")
@given(events=st.lists(EVENT, min_size=1, max_size=4))
@on_postgresql
async def test_any_object_is_stored_as_an_event(leaf: Leaf, events: list[dict[str, Any]]) -> None:
    # Without ids of their own all would be one event, stored once.
    named = [{**event, "event_id": f"{number + 1:032x}"} for number, event in enumerate(events)]
    rows = await leaf.store(envelope(*[item("event", event) for event in named]))
    assert rows.counts == {"error_events": len(events)}
    found = {row["event_id"].int - 1: row for row in await leaf.read("error_events")}
    for number, event in enumerate(named):
        assert found[number]["payload"].keys() == {
            key.replace("\0", "").encode("utf-8", "replace").decode() for key in event
        }


@pytest.mark.clause("Sentry d1")
@given(
    headers=st.dictionaries(st.sampled_from(["event_id", "sent_at", "trace", "sdk"]), JSON | FORMS),
    kind=ITEM_TYPES,
    own=st.dictionaries(st.sampled_from(["filename", "platform", "content_type", "attachment_type"]), JSON),
    payload=LIKELY_EVENT,
)
@on_postgresql
async def test_any_json_is_stored_as_any_item(
    leaf: Leaf, headers: dict[str, Any], kind: str, own: dict[str, Any], payload: Any
) -> None:
    rows = await leaf.store(envelope(item(kind, payload, **own), item(kind, {"items": [payload]}, **own), **headers))
    assert sum(rows.counts.values()) >= 1
    for table, count in rows.counts.items():
        assert len(await leaf.read(table)) == count
