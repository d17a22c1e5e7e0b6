"""Sentry logs, attachments and everything else that an envelope carries, on real PostgreSQL."""

from typing import Any
from uuid import UUID

import pytest

from consumers.rows.sentry.items import CHUNK_BYTES
from tests.integration.rows.leaf import Leaf, moment
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import RECEIVED_NS

SHOP = {"service.name": "shop"}

# One log of a container, and the columns as they are stored.
LOGS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "whole",
        {
            "timestamp": 1782907200.5,
            "trace_id": "a" * 32,
            "span_id": "b" * 16,
            "level": "warn",
            "body": "low on stock",
            "attributes": {
                "sentry.environment": {"value": "staging", "type": "string"},
                "sentry.sdk.name": {"value": "sentry.python", "type": "string"},
                "n": {"value": 7, "type": "integer"},
            },
            "new field": 1,
        },
        {
            "source": "sentry",
            "ts": moment(1_782_907_200_500_000_000),
            "time_ns": 1_782_907_200_500_000_000,
            "trace_id": b"\xaa" * 16,
            "span_id": b"\xbb" * 8,
            "severity_number": 13,
            "severity_text": "warn",
            "body": "low on stock",
            "body_text": "low on stock",
            "event_environment": "staging",
            "scope_name": "sentry.python",
            "attributes": {
                "sentry.environment": "staging",
                "sentry.sdk.name": "sentry.python",
                "n": 7,
                "sentry.new field": 1,
            },
            "truncated": None,
        },
    ),
    (
        "nothing",
        {},
        {"ts": moment(RECEIVED_NS), "time_ns": None, "severity_number": 0, "body": None, "attributes": {}},
    ),
    ("a severity number", {"level": "info", "severity_number": 21}, {"severity_number": 21}),
    ("a severity that is none", {"level": "Fatal", "severity_number": 99}, {"severity_number": 21}),
    (
        "attributes of every type",
        {
            "attributes": {
                "s": {"type": "string", "value": "x"},
                "i": {"type": "integer", "value": 2**53 + 1},
                "d": {"type": "double", "value": 1.5, "unit": "ms"},
                "b": {"type": "boolean", "value": False},
                "a": {"type": "array", "value": [1, "x"]},
                "n": {"type": "string", "value": None},
                "service.name": {"type": "string", "value": "shop"},
            }
        },
        {
            "attributes": {"s": "x", "i": 2**53 + 1, "d": 1.5, "b": False, "a": [1, "x"], "n": None} | SHOP,
            "service_name": "shop",
        },
    ),
    (
        "nonsense",
        {"timestamp": "soon", "trace_id": "no", "body": {"a": "\0"}, "level": 7, "attributes": []},
        {
            "ts": moment(RECEIVED_NS),
            "trace_id": None,
            "body": {"a": ""},
            "body_text": None,
            "severity_text": "7",
            "truncated": ["time_ns", "body", "trace_id"],
        },
    ),
]


@pytest.mark.clause("Sentry c5")
@pytest.mark.parametrize(("log", "stored"), [pytest.param(*case[1:], id=case[0]) for case in LOGS])
async def test_logs_of_a_container_are_stored_as_logs(leaf: Leaf, log: dict[str, Any], stored: dict[str, Any]) -> None:
    await leaf.store(envelope(item("log", {"items": [log]}, item_count=1)))
    (row,) = await leaf.read("logs")
    assert {column: row[column] for column in stored} == stored


@pytest.mark.parametrize("size_bytes", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
async def test_an_attachment_is_stored_in_chunks(leaf: Leaf, size_bytes: int) -> None:
    data = bytes(range(256)) * (size_bytes // 256) + b"\0" * (size_bytes % 256)
    headers = {"filename": "a\0.dmp", "content_type": "application/x-dmp", "attachment_type": "event.minidump"}
    rows = await leaf.store(envelope(item("attachment", data, **headers), event_id=EVENT_ID))
    chunks = sorted(await leaf.read("attachments"), key=lambda row: row["chunk"])
    assert rows.counts == {"attachments": 1}
    assert b"".join(row["data"] for row in chunks) == data
    assert [row["chunk"] for row in chunks] == list(range(max(1, -(-size_bytes // CHUNK_BYTES))))
    for row in chunks:
        assert (row["filename"], row["size_bytes"]) == ("a.dmp", size_bytes)
        assert (row["content_type"], row["attachment_type"]) == ("application/x-dmp", "event.minidump")
        assert row["event_id"] == UUID(EVENT_ID)


# An item that has no table of its own, and what its column `json` holds.
KEPT: list[tuple[str, Any, Any]] = [
    ("session", {"sid": "1"}, {"sid": "1"}),
    ("feedback", {"\0": "a\0"}, {"": "a"}),
    ("nobody knows", b"\0\xff\n", None),
    ("check_in", b"[1]", [1]),
    ("statsd", b"7", None),
    ("statsd", b"", None),
    ("client_report", b'{"n": NaN}', {"n": "NaN"}),
    ("log", {"items": ["no log"]}, {"items": ["no log"]}),
    ("profile", b'{"big": "' + b"x" * CHUNK_BYTES + b'"}', None),
    ("t" * 5000 + "\0", b"{}", {}),
]


@pytest.mark.clause("Sentry 5a", "Sentry 5b")
@pytest.mark.parametrize(("kind", "payload", "stored"), KEPT)
async def test_other_items_are_kept_with_their_headers_and_payload(
    leaf: Leaf, kind: str, payload: Any, stored: Any
) -> None:
    written = item(kind, payload, extra={"\0": ["h", 2**70]})
    rows = await leaf.store(envelope(item("session", {}), written, event_id=EVENT_ID))
    _, row = sorted(await leaf.read("sentry_items"), key=lambda row: row["item"])
    assert rows.counts == {"sentry_items": 2}
    assert (row["item"], row["type"], row["event_id"]) == (1, kind.replace("\0", "")[:1024], UUID(EVENT_ID))
    assert row["json"] == stored
    assert written.endswith(b"\n" + row["payload"] + b"\n")
    assert row["headers"]["extra"] == {"": ["h", 1180591620717411300000]}
