"""An envelope that was split: its parts are stored as the whole would have been, whatever their order."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from consumers.rows.packing import decode, pack
from consumers.rows.tables import Rows
from gateway.protocols.parts import Sizes, record_of_part
from gateway.protocols.sentry.envelope import parse
from gateway.protocols.sentry.split import split
from gateway.runtime.settings import Limits
from schemas.record import Record, headers_of, record_of
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import CHANNEL

SIZES = Sizes(record_max_bytes=100_000, item_max_bytes=200_000, value_max_bytes=300_000)
LIMITS = Limits(event_max_bytes=50_000)
RANDOM = random.Random(7)  # noqa: S311 (the same bytes in every run)


def parts_of(whole: Record) -> list[Record]:
    """Split a record, as the edge does, and send the parts through Kafka's headers."""
    parts = split(parse(whole.value), SIZES, whole_max_bytes=LIMITS.event_max_bytes)
    records = [record_of_part(whole, number, part) for number, part in enumerate(parts)]
    assert [record_of(headers_of(each), each.value) for each in records] == records
    return records


@pytest.fixture(scope="module")
def whole() -> Record:
    """An envelope of everything that a crash report of a game may carry."""
    return envelope(
        item("event", {"message": "crash"}),
        item("attachment", RANDOM.randbytes(250_001), filename="a.dmp", attachment_type="event.minidump"),
        item("session", {"sid": "1"}),
        item("attachment", b"small", filename="b.txt"),
        item("profile", RANDOM.randbytes(120_000), platform="rust"),
        item("replay_recording", b'{"segment_id":3}\n' + RANDOM.randbytes(110_000)),
        item("log", {"items": [{"body": f"{n} " + "x" * 1000} for n in range(150)]}, item_count=150),
        item("feedback", {"message": "it broke"}),
        event_id=EVENT_ID,
        sent_at="nonsense",
    )


def by_item(rows: Sequence[dict[str, Any]]) -> dict[int, bytes]:
    """Put the bytes of attachments together, by the number of the item."""
    found: dict[int, bytes] = {}
    for row in sorted(rows, key=lambda row: (row["item"], row["chunk"])):
        found[row["item"]] = found.get(row["item"], b"") + row["data"]
    assert len({(row["item"], row["chunk"]) for row in rows}) == len(rows)
    return found


def without_bytes(rows: Rows) -> dict[Any, int]:
    """Answer what is counted, without bytes of logs: of a container that is split the frame is there several times."""
    return {key: count for key, count in rows.outcomes.items() if "log_byte" not in key}


@pytest.mark.clause("Sentry b11")
async def test_the_parts_are_stored_as_the_whole(leaf: Leaf, whole: Record) -> None:
    expected = await leaf.store(whole, limits=LIMITS)
    wholes = {row["item"]: row for row in await leaf.read("sentry_items")}
    logs = {row["body_text"] for row in await leaf.read("logs")}
    records = parts_of(whole)
    assert all(len(record.value) <= SIZES.record_max_bytes for record in records)
    RANDOM.shuffle(records)
    rows = await leaf.store(*records, limits=LIMITS)
    assert rows.counts == expected.counts
    assert without_bytes(rows) == without_bytes(expected)
    payloads = [each.payload for each in parse(whole.value).items]
    chunks = await leaf.read("attachments")
    assert by_item(chunks) == {number: payloads[number] for number in (1, 3, 4, 5)}
    about = {(row["item"], row["item_type"], row["filename"], row["size_bytes"]) for row in chunks}
    assert about == {
        (1, "attachment", "a.dmp", 250_001),
        (3, "attachment", "b.txt", 5),
        (4, "profile", None, 120_000),
        (5, "replay_recording", None, len(payloads[5])),
    }
    assert {row["event_id"] for row in chunks} == {UUID(EVENT_ID)}
    items = {row["item"]: row for row in await leaf.read("sentry_items")}
    assert set(items) == set(wholes) == {2, 4, 5, 7}
    for number, row in items.items():
        is_large = number in (4, 5)
        size_bytes = len(payloads[number]) if is_large else None
        assert row == {**wholes[number], "payload": b"" if is_large else payloads[number], "payload_bytes": size_bytes}
    assert items[5]["json"] == {"segment_id": 3}
    assert {row["body_text"] for row in await leaf.read("logs")} == logs
    assert len(logs) == 150
    (event,) = await leaf.read("error_events")
    assert event["event_id"] == UUID(EVENT_ID)


@pytest.mark.clause("Sentry c1", "Sentry c3")
async def test_a_large_container_of_metrics_is_kept_readable(leaf: Leaf) -> None:
    metrics = [{"name": f"m{number}", "type": "gauge", "value": number, "unit": "x" * 1000} for number in range(150)]
    records = parts_of(envelope(item("trace_metric", {"version": 2, "items": metrics}, item_count=150)))
    assert len(records) > 1
    rows = await leaf.store(*records, limits=LIMITS)
    assert rows.counts == {"sentry_items": len(records)}
    assert {key[3]: count for key, count in rows.outcomes.items()} == {"metric": 150}
    kept = await leaf.read("sentry_items")
    assert [row["json"]["version"] for row in kept] == [2] * len(records)
    assert all(row["headers"]["item_count"] == len(row["json"]["items"]) for row in kept)
    found = [metric for row in kept for metric in row["json"]["items"]]
    assert sorted(found, key=lambda metric: metric["value"]) == metrics


@pytest.mark.clause("Sentry 27b")
def test_of_a_repeated_event_the_event_alone_is_left_out(whole: Record) -> None:
    rows = Rows()
    for record in parts_of(whole):
        decoded = decode(record, LIMITS)
        assert decoded.events in ([], [(CHANNEL, "event", UUID(EVENT_ID).bytes)])
        pack(decoded, rows, set())
    assert rows.counts == {"sentry_items": 4, "attachments": 2, "logs": 150}
