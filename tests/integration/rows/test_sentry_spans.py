"""Sentry transactions and span items on real PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest

from tests.integration.rows.leaf import ENVIRONMENT, Leaf, moment
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import CHANNEL, INGEST_ID, RECEIVED_NS

TRACE_ID, ROOT_ID, CHILD_ID = "a" * 32, "b" * 16, "c" * 16
START_NS = 1_782_907_200_000_000_000
MS = 10**6
COUNTS = {"flags": 0, "dropped_attributes_count": 0, "dropped_events_count": 0, "dropped_links_count": 0}


def present(row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if value is not None}


@pytest.mark.clause("Sentry c4")
async def test_a_transaction_and_its_spans_are_stored_whole(leaf: Leaf) -> None:
    event = {
        "type": "transaction",
        "transaction": "GET /cart",
        "start_timestamp": START_NS / 1e9,
        "timestamp": "2026-07-01T12:00:00.250Z",
        "environment": "staging",
        "release": "1.0",
        "sdk": {"name": "sentry.python", "version": "2.0"},
        "contexts": {
            "trace": {
                "trace_id": TRACE_ID,
                "span_id": ROOT_ID,
                "op": "http.server",
                "status": "internal_error",
                "data": {"http.method": "GET"},
            }
        },
        "user": {"id": 1},
        "spans": [
            {
                "trace_id": TRACE_ID,
                "span_id": CHILD_ID,
                "parent_span_id": ROOT_ID,
                "op": "gen_ai.chat",
                "description": "chat gpt",
                "origin": "auto",
                "status": "ok",
                "start_timestamp": START_NS / 1e9,
                "timestamp": START_NS / 1e9 + 0.1,
                "data": {"gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 12},
                "tags": {"k": "v"},
            },
            "no span",
        ],
    }
    rows = await leaf.store(envelope(item("transaction", event), event_id=EVENT_ID))
    root, child = sorted(await leaf.read("spans"), key=lambda row: row["span_id"])
    assert rows.counts == {"spans": 2}
    shared = {
        "environment": ENVIRONMENT,
        "channel": CHANNEL,
        "received_at": moment(RECEIVED_NS),
        "ingest_id": UUID(bytes=INGEST_ID),
        "source": "sentry",
        "trace_id": bytes.fromhex(TRACE_ID),
        "start_ns": START_NS,
        "start_ts": moment(START_NS),
        "event_environment": "staging",
        "scope_name": "sentry.python",
        "scope_version": "2.0",
    }
    attributes = {
        "sentry.environment": "staging",
        "sentry.release": "1.0",
        "sentry.sdk.name": "sentry.python",
        "sentry.sdk.version": "2.0",
    }
    assert present(root) == {
        **shared,
        **COUNTS,
        "span_id": bytes.fromhex(ROOT_ID),
        "name": "GET /cart",
        "kind": 2,
        "duration_ns": 250 * MS,
        "status_code": 2,
        "status_message": "internal_error",
        "attributes": {
            **attributes,
            "http.method": "GET",
            "sentry.op": "http.server",
            "sentry.sdk": event["sdk"],
            "sentry.contexts": event["contexts"],
            "sentry.user": {"id": 1},
            "sentry.event_id": EVENT_ID,
            "sentry.is_segment": True,
            "sentry.spans": ["no span"],
        },
    }
    assert present(child) == {
        **shared,
        **COUNTS,
        "span_id": bytes.fromhex(CHILD_ID),
        "parent_span_id": bytes.fromhex(ROOT_ID),
        "name": "chat gpt",
        "kind": 1,
        "duration_ns": 100 * MS,
        "status_code": 1,
        "attributes": {
            **attributes,
            "gen_ai.system": "openai",
            "gen_ai.usage.prompt_tokens": 12,
            "sentry.op": "gen_ai.chat",
            "sentry.origin": "auto",
            "sentry.tags": {"k": "v"},
        },
        "gen_ai_provider": "openai",
        "gen_ai_input_tokens": 12,
    }


V2 = {
    "trace_id": TRACE_ID,
    "span_id": CHILD_ID,
    "parent_span_id": ROOT_ID,
    "name": "query",
    "status": "error",
    "kind": "client",
    "is_segment": False,
    "start_timestamp": START_NS / 1e9,
    "end_timestamp": START_NS / 1e9 + 1,
    "attributes": {
        "sentry.op": {"type": "string", "value": "db"},
        "service.name": {"type": "string", "value": "shop"},
        "error.type": {"type": "string", "value": "Timeout"},
        "odd": 7,
    },
    "links": [{"trace_id": TRACE_ID, "span_id": ROOT_ID}],
}
LEGACY = {
    "trace_id": TRACE_ID,
    "span_id": CHILD_ID,
    "op": "http.client",
    "start_timestamp": START_NS / 1e9,
    "timestamp": START_NS / 1e9 + 1,
    "is_segment": False,
}

# A span item, and the columns of the span that is stored.
ITEMS: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "a container",
        {"items": [V2]},
        {
            "name": "query",
            "kind": 3,
            "status_code": 2,
            "status_message": "error",
            "service_name": "shop",
            "error_type": "Timeout",
            "duration_ns": 1000 * MS,
            "links": V2["links"],
            "attributes": {
                "sentry.op": "db",
                "service.name": "shop",
                "error.type": "Timeout",
                "odd": 7,
                "sentry.is_segment": False,
            },
            "truncated": None,
        },
    ),
    (
        "a legacy span",
        LEGACY,
        {
            "name": "http.client",
            "kind": 3,
            "status_code": 0,
            "attributes": {"sentry.op": "http.client", "sentry.is_segment": False},
            "truncated": None,
        },
    ),
    (
        "nonsense in every field",
        {
            "span_id": "zz",
            "trace_id": 7,
            "start_timestamp": "soon",
            "timestamp": 1e300,
            "status": 3,
            "data": 1,
            "op": [],
        },
        {
            "trace_id": None,
            "span_id": None,
            "start_ns": RECEIVED_NS,
            "duration_ns": 0,
            "status_code": 2,
            "status_message": "3",
            "truncated": ["start_ns", "duration_ns", "trace_id", "span_id"],
        },
    ),
    (
        "an end before the start",
        LEGACY | {"timestamp": 5},
        {"start_ns": START_NS, "duration_ns": 0, "truncated": ["duration_ns"]},
    ),
]


@pytest.mark.clause("Sentry c4")
@pytest.mark.parametrize(("payload", "stored"), [pytest.param(*case[1:], id=case[0]) for case in ITEMS])
async def test_span_items_are_stored_as_spans(leaf: Leaf, payload: Any, stored: dict[str, Any]) -> None:
    rows = await leaf.store(envelope(item("span", payload)))
    (row,) = await leaf.read("spans")
    assert rows.counts == {"spans": 1}
    assert {column: row[column] for column in stored} == stored


@pytest.mark.clause("Sentry 5a")
@pytest.mark.parametrize("payload", [{"items": [1]}, {"items": {}}, {}, [], b"no json"])
async def test_a_span_item_that_is_none_is_kept(leaf: Leaf, payload: Any) -> None:
    rows = await leaf.store(envelope(item("span", payload)))
    assert rows.counts == {"sentry_items": 1}


@pytest.mark.clause("Sentry c4", "Sentry d1")
@pytest.mark.parametrize("event", [{}, {"contexts": {"trace": "t"}, "spans": {"a": 1}, "sdk": 1, "environment": 5}])
async def test_a_transaction_of_nothing_is_stored(leaf: Leaf, event: dict[str, Any]) -> None:
    await leaf.store(envelope(item("transaction", event)))
    (row,) = await leaf.read("spans")
    assert (row["start_ns"], row["name"], row["trace_id"]) == (RECEIVED_NS, "", None)
    assert row["attributes"]["sentry.event_id"] == INGEST_ID.hex()


# What a transaction and its span have beside their columns, and the attributes that are stored of it.
BESIDE: dict[str, Any] = {
    "measurements": {"lcp": {"value": 12.5, "unit": "millisecond"}},
    "transaction_info": {"source": "route"},
    "tags": [["k", "v"]],
    "breadcrumbs": {"values": []},
    "platform": "python",
    "_metrics_summary": None,
}
CONTEXTS = {"trace": {"trace_id": TRACE_ID, "span_id": ROOT_ID}, "profile": {"profile_id": EVENT_ID}}
OF_SPAN = {"exclusive_time": 1.5, "profile_id": EVENT_ID, "segment_id": ROOT_ID, "measurements": {"ttfd": {"value": 1}}}


@pytest.mark.clause("Sentry c4")
async def test_what_has_no_column_is_kept_in_the_attributes(leaf: Leaf) -> None:
    span = {"span_id": CHILD_ID, "data": {"db.system": "postgresql"}, **OF_SPAN}
    await leaf.store(envelope(item("transaction", {"contexts": CONTEXTS, "spans": [span], **BESIDE})))
    root, child = sorted(await leaf.read("spans"), key=lambda row: row["span_id"])
    kept = {f"sentry.{key}": value for key, value in BESIDE.items()} | {"sentry.contexts": CONTEXTS}
    assert {key: root["attributes"][key] for key in kept} == kept
    assert child["attributes"] == {"db.system": "postgresql"} | {f"sentry.{key}": OF_SPAN[key] for key in OF_SPAN}
    assert child["trace_id"] == bytes.fromhex(TRACE_ID)


@pytest.mark.clause("Sentry c4")
@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ("ok", 1, None),
        ("unknown", 0, None),
        (None, 0, None),
        ("not_found", 2, "not_found"),
        ("cancelled", 2, "cancelled"),
    ],
)
async def test_the_status_of_a_transaction(leaf: Leaf, status: str | None, code: int, message: str | None) -> None:
    await leaf.store(envelope(item("transaction", {"contexts": {"trace": {"status": status}}})))
    (row,) = await leaf.read("spans")
    assert (row["status_code"], row["status_message"]) == (code, message)


async def test_the_sdk_of_the_envelope_stands_in_for_that_of_a_transaction(leaf: Leaf) -> None:
    sdk = {"name": "sentry.javascript.browser", "version": "9.1"}
    await leaf.store(envelope(item("transaction", {}), sdk=sdk))
    (row,) = await leaf.read("spans")
    assert (row["scope_name"], row["scope_version"]) == ("sentry.javascript.browser", "9.1")
