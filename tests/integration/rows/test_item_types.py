"""Each type of item that Sentry's SDKs send, on real PostgreSQL: kept byte for byte, with its category."""

import json
import zlib
from typing import Any
from uuid import UUID

import pytest

from tests.integration.rows.leaf import Leaf
from tests.unit.rows.envelopes import EVENT_ID, envelope, item

CHECK_IN = {
    "check_in_id": EVENT_ID,
    "monitor_slug": "nightly",
    "status": "in_progress",
    "duration": 12.5,
    "monitor_config": {"schedule": {"type": "crontab", "value": "0 * * * *"}},
}
SESSION = {
    "sid": "7c7b6585-f901-4351-bf8d-02711b721929",
    "did": "u",
    "init": True,
    "started": "2026-07-01T12:00:00Z",
    "status": "crashed",
    "errors": 3,
    "attrs": {"release": "1.0"},
}
SESSIONS = {
    "aggregates": [{"started": "2026-07-01T12:00:00Z", "exited": 40, "errored": 2}],
    "attrs": {"release": "1.0", "environment": "production"},
}
PROFILE = {"profile_id": EVENT_ID, "platform": "python"}
FEEDBACK = {
    "event_id": EVENT_ID,
    "contexts": {"feedback": {"message": "Broken", "contact_email": "a@example.com", "name": "A"}},
    "platform": "javascript",
}
CSP = {"csp-report": {"document-uri": "https://shop.example/", "effective-directive": "script-src", "blocked-uri": "x"}}
METRICS = {"items": [{"timestamp": 1782907200.5, "name": "cart", "type": "counter", "value": 1, "trace_id": "a" * 32}]}
RECORDING = b'{"segment_id":3}\n' + zlib.compress(b'[{"type":4}]')
STATSD = b"d:custom/endpoint.hits@none:1|c|#route:/cart|T1615889440\n\xff"

# Type, further keys of its header, payload, category, what `json` holds.
Kept = tuple[str, dict[str, Any], Any, str | None, Any]
KEPT: list[Kept] = [
    ("session", {}, SESSION, "session", SESSION),
    ("sessions", {}, SESSIONS, "session", SESSIONS),
    ("check_in", {}, CHECK_IN, "monitor", CHECK_IN),
    ("profile", {}, PROFILE, "profile", PROFILE),
    ("profile_chunk", {"platform": "python"}, {"chunk_id": "c"}, "profile_chunk", {"chunk_id": "c"}),
    ("profile_chunk", {"platform": "cocoa"}, {"chunk_id": "c"}, "profile_chunk_ui", {"chunk_id": "c"}),
    ("profile_chunk", {}, {"platform": "android"}, "profile_chunk_ui", {"platform": "android"}),
    ("replay_event", {}, {"replay_id": EVENT_ID, "segment_id": 3}, "replay", {"replay_id": EVENT_ID, "segment_id": 3}),
    ("replay_recording", {}, RECORDING, "replay", {"segment_id": 3}),
    ("replay_recording", {}, b"no line", "replay", None),
    ("replay_video", {}, b"\x83\xa7\x00\xff", "replay", None),
    ("feedback", {}, FEEDBACK, "feedback", FEEDBACK),
    ("user_report", {}, {"event_id": EVENT_ID, "comments": "c"}, "feedback", {"event_id": EVENT_ID, "comments": "c"}),
    ("trace_metric", {"item_count": 1}, METRICS, "metric", METRICS),
    ("statsd", {}, STATSD, "metric_bucket", None),
    ("metric_buckets", {}, [{"name": "n"}], None, [{"name": "n"}]),
    ("raw_security", {"content_type": "application/csp-report", "sentry_release": "1.0"}, CSP, "security", CSP),
    ("security", {}, CSP, "security", CSP),
    ("nel", {}, {"type": "network-error"}, None, {"type": "network-error"}),
    ("otel_log", {}, {"body": "b"}, None, {"body": "b"}),
    ("client_report", {}, {"discarded_events": []}, "internal", {"discarded_events": []}),
    ("unreal_report", {}, b"\x01\x00UE", "error", None),
    ("form_data", {}, [["a", "b"]], None, [["a", "b"]]),
    ("nobody_knows", {"content_type": "x/y"}, b"\xef\xbb\xbf\0\n\r\n\xff", None, None),
]


@pytest.mark.clause("Sentry 4", "Sentry 5a", "Sentry 5b", "Sentry c1", "Sentry c3")
@pytest.mark.parametrize("kept", KEPT)
async def test_an_item_is_kept_typed_beside_its_siblings(leaf: Leaf, kept: Kept) -> None:
    kind, headers, payload, category, parsed = kept
    siblings = item("event", {"message": "m"}), item("attachment", b"a")
    written = item(kind, payload, **headers, unknown={"key": [1, "x"]})
    rows = await leaf.store(envelope(siblings[0], written, siblings[1], event_id=EVENT_ID))
    (row,) = await leaf.read("sentry_items")
    assert rows.counts == {"error_events": 1, "sentry_items": 1, "attachments": 1}
    assert (row["type"], row["category"], row["json"]) == (kind, category, parsed)
    assert (row["item"], row["event_id"]) == (1, UUID(EVENT_ID))
    assert row["payload"] == (payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    assert row["headers"] == {"type": kind, "length": len(row["payload"]), **headers, "unknown": {"key": [1, "x"]}}


BYTES = b'\xef\xbb\xbf{"a":1}\r\n\0\n{"type":"event"}\n\xff\xfe\n'


@pytest.mark.clause("Sentry 4")
async def test_newlines_bom_and_nul_of_a_payload_are_stored_as_they_came(leaf: Leaf) -> None:
    await leaf.store(envelope(item("attachment", BYTES), item("profile", BYTES), item("attachment", b"")))
    (kept,) = await leaf.read("sentry_items")
    attachments = sorted(await leaf.read("attachments"), key=lambda row: row["item"])
    assert (kept["payload"], [row["data"] for row in attachments]) == (BYTES, [BYTES, b""])


async def test_a_crash_with_its_minidump_is_stored_as_an_event_and_an_attachment(leaf: Leaf) -> None:
    event = {"level": "fatal", "platform": "native", "exception": {"values": [{"type": "Minidump"}]}}
    headers = {"attachment_type": "event.minidump", "filename": "mini.dmp"}
    await leaf.store(envelope(item("event", event), item("attachment", b"MDMP\x93\xa7", **headers), event_id=EVENT_ID))
    (event_row,), (attachment,) = await leaf.read("error_events"), await leaf.read("attachments")
    assert (event_row["level"], event_row["platform"], event_row["type"]) == ("fatal", "native", "Minidump")
    assert (attachment["data"], attachment["attachment_type"]) == (b"MDMP\x93\xa7", "event.minidump")
    assert attachment["event_id"] == event_row["event_id"] == UUID(EVENT_ID)


@pytest.mark.clause("Sentry c1", "Sentry c3", "Sentry c4", "Sentry c5")
async def test_containers_of_megabytes_land_in_their_tables(leaf: Leaf) -> None:
    logs = {"items": [{"body": f"{number} {'x' * 1000}"} for number in range(1500)]}
    spans = {"items": [{"name": "n" * 100, "attributes": {"k": {"value": "x" * 1000}}}] * 1500}
    metrics = {"items": [{"name": "cart", "type": "counter", "value": 1, "attributes": {"k": {"value": "x" * 1000}}}]}
    metrics["items"] *= 1500
    items = [item(kind, held, item_count=1500) for kind, held in (("log", logs), ("span", spans))]
    items.append(item("trace_metric", metrics, item_count=1500))
    assert all(len(one) > 2**20 for one in items)
    rows = await leaf.store(envelope(*items))
    assert rows.counts == {"logs": 1500, "spans": 1500, "sentry_items": 1}
    assert {key[3]: count for key, count in rows.outcomes.items() if key[3] != "log_byte"} == {
        "log_item": 1500,
        "span": 1500,
        "metric": 1500,
    }
    (kept,) = await leaf.read("sentry_items")
    assert kept["json"] == metrics
