"""Sentry error events on real PostgreSQL."""

from datetime import UTC, datetime
from functools import reduce
from typing import Any
from uuid import UUID

import pytest

from consumers.rows.packing import decode, pack
from consumers.rows.tables import Rows
from gateway.runtime.settings import Limits
from tests.integration.rows.leaf import ENVIRONMENT, Leaf, moment
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import CHANNEL, INGEST_ID, RECEIVED_NS

OTHER_ID = "f" * 32
NOON = datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)
FRAMES = [
    {"module": "shop.cart", "function": "total", "in_app": True},
    {"module": "decimal", "function": "quantize", "in_app": False},
]


@pytest.mark.clause("Sentry e1", "Sentry e5")
async def test_an_event_is_stored_whole(leaf: Leaf) -> None:
    event = {
        "event_id": OTHER_ID,
        "timestamp": "2026-07-01T12:00:00.500Z",
        "platform": "python",
        "level": "fatal",
        "logger": "shop",
        "transaction": "/cart",
        "server_name": "web-1",
        "release": "1.0",
        "dist": "7",
        "environment": "staging",
        "sdk": {"name": "sentry.python", "version": "2.0"},
        "exception": {
            "values": [
                {"type": "KeyError", "value": "cause"},
                {
                    "type": "ValueError",
                    "value": "bad amount 12\nsecond line",
                    "mechanism": {"type": "generic", "handled": False},
                    "stacktrace": {"frames": FRAMES},
                },
            ]
        },
        "contexts": {"trace": {"trace_id": "a" * 32, "span_id": "b" * 16}},
        "user": {"id": 42, "email": "a@example.com"},
        "tags": {"k": "v", "n": 1},
    }
    rows = await leaf.store(envelope(item("event", event), event_id=EVENT_ID, sent_at="2026-07-01T12:00:01Z"))
    (row,) = await leaf.read("error_events")
    assert rows.counts == {"error_events": 1}
    assert len(row.pop("grouping_hash")) == 16
    assert row == {
        "environment": ENVIRONMENT,
        "channel": CHANNEL,
        "received_at": moment(RECEIVED_NS),
        "ingest_id": UUID(bytes=INGEST_ID),
        "event_id": UUID(EVENT_ID),
        "item_type": "event",
        "sent_at": datetime(2026, 7, 1, 12, 0, 1, tzinfo=UTC),
        "timestamp": NOON,
        "platform": "python",
        "level": "fatal",
        "logger": "shop",
        "transaction": "/cart",
        "server_name": "web-1",
        "release": "1.0",
        "dist": "7",
        "sdk_environment": "staging",
        "sdk_name": "sentry.python",
        "sdk_version": "2.0",
        "type": "ValueError",
        "value": "bad amount 12\nsecond line",
        "culprit": "shop.cart in total",
        "handled": False,
        "trace_id": b"\xaa" * 16,
        "span_id": b"\xbb" * 8,
        "fingerprint": ["ValueError", "bad amount <n>", "/cart"],
        "grouping_version": 2,
        "user": {"id": "42", "email": "a@example.com"},
        "tags": {"k": "v", "n": "1"},
        "headers": None,
        "envelope_headers": None,
        "payload": event,
        "truncated": None,
    }


DEEP: Any = reduce(lambda inner, _: [inner], range(40), "x")

# An event's JSON, the columns as they are stored, and what `truncated` names.
RULES: list[tuple[str, Any, dict[str, Any], list[str]]] = [
    ("an empty object", {}, {"level": "error", "type": None, "value": None, "timestamp": moment(RECEIVED_NS)}, []),
    (
        "exceptions as a list",
        {"exception": [{"type": "A"}, {"type": "B", "value": "b"}]},
        {"type": "B", "value": "b"},
        [],
    ),
    ("a bare exception", {"exception": {"type": "A", "value": "a"}}, {"type": "A", "value": "a"}, []),
    ("an exception list with null", {"exception": {"values": [{"type": "A"}, None]}}, {"type": "A"}, []),
    ("an empty exception list", {"exception": {"values": []}, "message": "m"}, {"type": None, "value": "m"}, []),
    ("a value that is an object", {"exception": [{"type": "A", "value": {"k": 1}}]}, {"value": '{"k":1}'}, []),
    ("logentry formatted", {"logentry": {"formatted": "f", "message": "m"}}, {"value": "f"}, []),
    ("logentry message", {"logentry": {"message": "m %s"}}, {"value": "m %s"}, []),
    ("a message", {"message": "plain"}, {"value": "plain"}, []),
    ("a message object", {"message": {"formatted": "f"}}, {"value": "f"}, []),
    ("an empty mechanism", {"exception": [{"type": "A", "mechanism": {}}]}, {"handled": None}, []),
    ("a mechanism of a wrong type", {"exception": [{"type": "A", "mechanism": "m"}]}, {"handled": None}, []),
    ("epoch seconds", {"timestamp": 1782907200.5}, {"timestamp": NOON}, []),
    ("epoch seconds as text", {"timestamp": "1782907200.5"}, {"timestamp": NOON}, []),
    ("a time without a zone", {"timestamp": "2026-07-01T12:00:00.5"}, {"timestamp": NOON}, []),
    ("a time with an offset", {"timestamp": "2026-07-01T14:00:00.500+02:00"}, {"timestamp": NOON}, []),
    ("1970", {"timestamp": 0}, {"timestamp": moment(0)}, []),
    ("the year 2100", {"timestamp": "2100-01-01T00:00:00Z"}, {"timestamp": datetime(2100, 1, 1, tzinfo=UTC)}, []),
    ("a time out of range", {"timestamp": 1e300}, {"timestamp": moment(RECEIVED_NS)}, ["timestamp"]),
    ("before 1970", {"timestamp": "1815-12-10T00:00:00Z"}, {"timestamp": moment(RECEIVED_NS)}, ["timestamp"]),
    ("no time at all", {"timestamp": "yesterday"}, {"timestamp": moment(RECEIVED_NS)}, ["timestamp"]),
    ("tags as pairs", {"tags": [["a", "b"], ["c", None], ["odd"], 7]}, {"tags": {"a": "b", "c": None}}, []),
    (
        "too many tags",
        {"tags": {f"k{n}": "v" for n in range(101)}},
        {"tags": {f"k{n}": "v" for n in range(100)}},
        ["tags"],
    ),
    ("no tags", {"tags": "none"}, {"tags": None}, []),
    ("a user that is none", {"user": "bob"}, {"user": None}, []),
    ("a culprit", {"culprit": "here", "transaction": "t"}, {"culprit": "here"}, []),
    ("no frames", {"transaction": "t"}, {"culprit": "t"}, []),
    (
        "frames outside of the app",
        {"exception": [{"type": "A", "stacktrace": {"frames": [{"filename": "a.js"}, {"function": "f"}]}}]},
        {"culprit": "f"},
        [],
    ),
    ("a fingerprint", {"fingerprint": ["mine", 7]}, {"fingerprint": ["mine", "7"]}, []),
    (
        "a fingerprint with the default",
        {"fingerprint": ["{{default}}", "x"], "message": "m"},
        {"fingerprint": ["", "m", "", "x"]},
        [],
    ),
    (
        "ids that are none",
        {"contexts": {"trace": {"trace_id": "zz", "span_id": 5}}},
        {"trace_id": None, "span_id": None},
        [],
    ),
    ("NUL", {"logger": "a\0b", "extra": {"\0": "\0"}}, {"logger": "ab"}, ["logger", "payload"]),
    ("a lone surrogate", {"logger": "a\ud800b"}, {"logger": "a\ufffdb"}, []),
    (
        "texts of other types",
        {"release": 7, "dist": None, "level": None},
        {"release": "7", "dist": None, "level": "error"},
        [],
    ),
    ("deep nesting", {"extra": DEEP}, {}, ["payload"]),
]


@pytest.mark.clause("Sentry e2", "Sentry e3", "Sentry e4", "Sentry e6", "Sentry e7", "Sentry b10", "Sentry d1")
@pytest.mark.parametrize(("event", "stored", "truncated"), [pytest.param(*case[1:], id=case[0]) for case in RULES])
async def test_rules_of_events(leaf: Leaf, event: Any, stored: dict[str, Any], truncated: list[str]) -> None:
    await leaf.store(envelope(item("event", event), event_id=EVENT_ID))
    (row,) = await leaf.read("error_events")
    assert {column: row[column] for column in stored} == stored
    assert (row["truncated"] or []) == truncated


# JSON as old SDKs write it, and what is stored of it.
LAX: list[tuple[bytes, dict[str, Any]]] = [
    (b'{"extra": [NaN, Infinity, -Infinity]}', {"extra": ["NaN", "Infinity", "-Infinity"]}),
    (b'\xef\xbb\xbf{"message": "bom"}', {"message": "bom"}),
    (b'{"n": 1e999}', {"n": "Infinity"}),
    (b'{"n": [1e999, 123456789012345678901234567890]}', {"n": ["Infinity", 123456789012345680000000000000]}),
    (b'{"raw control": "a\tb"}', {"raw control": "a\tb"}),
    (b'{"bad utf-8": "\xff"}', {"bad utf-8": "\ufffd"}),
]


@pytest.mark.clause("Sentry 8b", "Sentry d1")
@pytest.mark.parametrize(("payload", "stored"), LAX)
async def test_lax_json_is_read(leaf: Leaf, payload: bytes, stored: dict[str, Any]) -> None:
    await leaf.store(envelope(item("event", payload)))
    (row,) = await leaf.read("error_events")
    assert row["payload"] == stored


@pytest.mark.clause("Sentry 6a", "Sentry 6b", "Sentry 6c")
@pytest.mark.parametrize(
    ("headers", "event", "stored"),
    [
        ({"event_id": EVENT_ID}, {"event_id": OTHER_ID}, UUID(EVENT_ID)),
        ({}, {"event_id": str(UUID(OTHER_ID))}, UUID(OTHER_ID)),
        ({"event_id": "nonsense"}, {"event_id": 7}, UUID(bytes=INGEST_ID)),
    ],
)
async def test_the_envelope_names_the_event_then_the_payload_then_we(
    leaf: Leaf, headers: dict[str, str], event: dict[str, Any], stored: UUID
) -> None:
    await leaf.store(envelope(item("event", event), **headers))
    (row,) = await leaf.read("error_events")
    assert row["event_id"] == stored


@pytest.mark.clause("Sentry d1")
@pytest.mark.parametrize("payload", [b"[1]", b"null", b"no json", b"", b'"text"'])
async def test_an_event_that_is_no_object_is_kept_beside_its_siblings(leaf: Leaf, payload: bytes) -> None:
    await leaf.store(envelope(item("event", payload), item("event", {"message": "m"}), event_id=EVENT_ID))
    (kept,) = await leaf.read("sentry_items")
    assert (kept["type"], kept["payload"], kept["item"]) == ("event", payload, 0)
    assert len(await leaf.read("error_events")) == 1


@pytest.mark.clause("Sentry 27a", "Sentry 27b")
def test_an_event_that_is_not_fresh_is_left_out_and_its_attachment_stored() -> None:
    others = [item(kind, {"event_id": EVENT_ID}) for kind in ("profile", "feedback", "user_report")]
    events = [item("event", {}), item("transaction", {})]
    record = envelope(*events, item("attachment", b"a"), *others, event_id=EVENT_ID)
    decoded = decode(record, Limits())
    key = bytes.fromhex(EVENT_ID)
    assert decoded.events == [(CHANNEL, "event", key), (CHANNEL, "transaction", key)]
    rows = Rows()
    pack(decoded, rows, {(CHANNEL, "transaction", key)})
    assert rows.counts == {"spans": 1, "attachments": 1, "sentry_items": 3}


@pytest.mark.clause("Sentry 27a")
def test_an_event_twice_in_a_batch_is_packed_once() -> None:
    decoded = decode(envelope(item("event", {}), item("event", {}), event_id=EVENT_ID), Limits())
    rows, fresh = Rows(), set(decoded.events)
    pack(decoded, rows, fresh)
    pack(decoded, rows, fresh)
    assert rows.counts == {"error_events": 1}
    assert not fresh
