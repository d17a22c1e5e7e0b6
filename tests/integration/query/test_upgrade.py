"""A database of an earlier version: what stands there is read, its workers go on, and new ones store everything."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from gateway.query import attachments, events
from gateway.query.store import Reader
from gateway.runtime import postgres
from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Database
from schemas.attachments import AttachmentsAsked
from schemas.signals import Signal
from schemas.stored import EventKind, EventsAsked, Order
from tests.integration.query.archive import ORG, SHOP, START, Archive, as_item, when
from tests.integration.upgrades import migrate_before
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp
from tests.unit.rows.whole import STORED_RESOURCE, STORED_SCOPE, surrounded, whole_log, whole_metric, whole_span

BEFORE = "0018"
RESOURCE_ID = UUID(int=1)
OF_OTLP, OTLP = "source, resource_id", f"'otlp', '{RESOURCE_ID}'"
LATER = 90 * 86_400
# What the version before writes: a table, and the columns that it knows beside those of every table.
OLD_ROWS = {
    "spans": (f"{OF_OTLP}, name, kind, start_ns, start_ts, duration_ns, status_code", f"{OTLP}, '', 1, 0, now(), 0, 0"),
    "logs": (f"{OF_OTLP}, ts, severity_number", f"{OTLP}, now(), 9"),
    "error_events": (
        "event_id, item_type, timestamp, level, grouping_hash, grouping_version, payload",
        "gen_random_uuid(), 'event', now(), 'error', '', 1, '{}'",
    ),
    "sentry_items": ("item, type, headers, payload", "0, 'session', '{}', ''"),
    "attachments": ("item, chunk, size_bytes, data", "0, 0, 0, ''"),
    "metric_points": (f"{OF_OTLP}, name, type, time_ns, ts", f"{OTLP}, '', 'gauge', 0, now()"),
}
NEW_RECORDS = [
    otlp(Signal.TRACES, surrounded(whole_span({}))),
    otlp(Signal.LOGS, surrounded(whole_log({}))),
    otlp(Signal.METRICS, surrounded(whole_metric("histogram", {}))),
    envelope(item("event", {}), item("session", {}), item("attachment", b"a"), new=1),
]


async def write_as_before(connection: asyncpg.Connection) -> None:
    """Store a row of each kind, and a resource, as the version before does."""
    suffix = await connection.fetchval("SELECT (leaf_covering($1, $2)).suffix", SHOP, START)
    for table, (columns, values) in OLD_ROWS.items():
        await connection.execute(
            f"INSERT INTO {table}_{suffix} (channel, received_at, ingest_id, {columns}) "  # noqa: S608 (our own names)
            f"VALUES (1, $1, gen_random_uuid(), {values})",
            START,
        )
    await connection.execute(
        "INSERT INTO resources (environment, id, attributes) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        SHOP,
        RESOURCE_ID,
        '{"service.name": "old"}',
    )


@pytest.fixture(scope="module")
async def upgraded(empty_database_url: str) -> AsyncIterator[Reader]:
    """A database in which the version before has worked, and goes on to after the migration, beside this one."""
    connection = await asyncpg.connect(empty_database_url)
    await migrate_before(connection, BEFORE)
    archive = await Archive.made(connection)
    await write_as_before(connection)
    assert await migrate(Database(url=empty_database_url), report=lambda _: None)
    await write_as_before(connection)
    # Into a leaf that was there, and into one that is made now.
    for seconds in (1, LATER):
        for record in NEW_RECORDS:
            await archive.store(SHOP, record, seconds)
    await connection.close()
    pool = await postgres.open_pool(Database(url=empty_database_url))
    yield Reader(pool)
    await pool.close()


async def found(reader: Reader, kind: EventKind) -> list[dict[str, Any]]:
    """Read all events of a kind, those of the version before first."""
    until = when(LATER + 1)
    asked = EventsAsked(
        kinds=(kind,), since=when(-1), until=until, trace_id=None, order=Order.OLDEST, after="", limit=100
    )
    page = await events.read(reader, ORG, SHOP, asked, is_redacted=False)
    return [as_item(each) for each in page.items]


@pytest.mark.parametrize("kind", [EventKind.SPAN, EventKind.LOG, EventKind.METRIC])
async def test_what_stood_there_is_read_beside_what_old_and_new_workers_store(
    upgraded: Reader, kind: EventKind
) -> None:
    items = await found(upgraded, kind)
    assert [each["scopeAttributes"] for each in items] == [None, None, *[STORED_SCOPE["scope_attributes"]] * 2]
    assert [each["resourceDroppedAttributesCount"] for each in items] == [0, 0, 6, 6]
    old, new = ({"service.name": "old"}, STORED_RESOURCE["attributes"])
    assert [each["resource"] for each in items] == [old, old, new, new]


@pytest.mark.parametrize("kind", [EventKind.ERROR, EventKind.ITEM])
async def test_headers_stand_beside_what_was_stored_without_them(upgraded: Reader, kind: EventKind) -> None:
    assert [each["envelopeHeaders"] for each in await found(upgraded, kind)] == [None, None, {"new": 1}, {"new": 1}]


async def test_attachments_have_headers_beside_what_was_stored_without_them(upgraded: Reader) -> None:
    asked = AttachmentsAsked(since=when(-1), until=when(LATER + 1), event_id=None, after="", limit=100)
    page = await attachments.page(upgraded, ORG, SHOP, asked, is_redacted=False)
    newest_first = [as_item(each)["envelopeHeaders"] for each in page.items]
    assert newest_first == [{"new": 1}, {"new": 1}, None, None]
