"""Row-level security: as the role of readers nothing of another organization is seen, whatever the query says."""

import asyncpg
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint

from gateway.query import events
from gateway.query.store import Reader
from gateway.runtime.postgres import Connection
from schemas.signals import Signal
from schemas.stored import EventKind
from tests.integration.query.archive import FOREIGN, FOREIGN_ORG, ORG, SHOP, Archive
from tests.integration.query.test_events import asked
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import any_value, logs, metrics, span, traces

TABLES = (
    *("spans", "logs", "metric_points", "error_events", "sentry_items", "attachments", "resources"),
    *("events_by_minute", "rejections"),
)


@pytest.fixture(scope="module", autouse=True)
async def stored(archive: Archive) -> None:
    """Store the same for both organizations."""
    for environment in (SHOP, FOREIGN):
        await archive.store(environment, otlp(Signal.LOGS, logs(LogRecord(body=any_value("x")), resource={"a": "b"})))
        await archive.store(environment, otlp(Signal.TRACES, traces(span())))
        await archive.connection.execute(
            "INSERT INTO rejections VALUES ($1, '1', now(), 'k', 'otlp_logs', 400, 'malformed', 'No.')", environment
        )
        metric = Metric(name="m", gauge=Gauge(data_points=[NumberDataPoint(as_int=1)]))
        await archive.store(environment, otlp(Signal.METRICS, metrics(metric)))
        sent = item("event", {"event_id": "e" * 32}), item("feedback", {}), item("attachment", b"x", filename="a")
        await archive.store(environment, envelope(*sent))


async def as_reader(connection: Connection, org_id: str | None, sql: str, *arguments: object) -> list[asyncpg.Record]:
    """Run a query as readers do."""
    async with connection.transaction():
        await connection.execute("SET LOCAL ROLE axonpush_reader")
        if org_id is not None:
            await connection.execute("SELECT set_config('axonpush.org_id', $1, true)", org_id)
        return await connection.fetch(sql, *arguments)


@pytest.mark.parametrize("table", TABLES)
async def test_without_a_predicate_only_rows_of_the_own_organization_are_seen(archive: Archive, table: str) -> None:
    sql = f"SELECT DISTINCT environment FROM {table}"  # noqa: S608 (ours)
    assert [row[0] for row in await as_reader(archive.connection, ORG, sql)] == [SHOP]
    assert [row[0] for row in await as_reader(archive.connection, FOREIGN_ORG, sql)] == [FOREIGN]
    everything = await archive.connection.fetch(sql)
    assert {row[0] for row in everything} == {SHOP, FOREIGN}


async def test_whatever_readers_may_read_has_its_rows_guarded(archive: Archive) -> None:
    readable = await archive.connection.fetch(
        "SELECT relname, relrowsecurity FROM pg_class "
        "WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = current_schema()::regnamespace "
        "AND has_table_privilege('axonpush_reader', oid, 'SELECT')"
    )
    assert {row["relname"] for row in readable} == set(TABLES)
    assert all(row["relrowsecurity"] for row in readable)


@pytest.mark.parametrize("org_id", [None, "", "nobody"])
async def test_who_names_no_organization_sees_nothing(archive: Archive, org_id: str | None) -> None:
    assert await as_reader(archive.connection, org_id, "SELECT 1 FROM logs") == []


async def test_a_foreign_environment_that_is_asked_for_yields_nothing(reader: Reader) -> None:
    page = await events.read(reader, ORG, FOREIGN, asked(), is_redacted=False)
    assert (page.items, page.next) == ([], None)
    own = await events.read(reader, FOREIGN_ORG, FOREIGN, asked(), is_redacted=False)
    assert len(own.items) == 5


async def test_readers_have_no_rights_on_leaves_nor_on_the_directory(archive: Archive) -> None:
    for table in [*await archive.leaves(SHOP), "environments", "credentials", "orgs", "dead_letters", "ingest_offset"]:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_reader(archive.connection, ORG, f"SELECT 1 FROM {table}")  # noqa: S608 (ours)


@pytest.mark.parametrize("statement", ["DELETE FROM logs", "TRUNCATE logs", "INSERT INTO resources VALUES ('', NULL)"])
async def test_readers_change_nothing(archive: Archive, statement: str) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await as_reader(archive.connection, ORG, statement)


async def test_the_time_that_is_asked_for_decides_which_leaves_are_read(archive: Archive) -> None:
    await archive.store(SHOP, otlp(Signal.LOGS, logs(LogRecord(body=any_value("long ago")))), -90 * 86_400)
    leaves = [leaf for leaf in await archive.leaves(SHOP) if leaf.startswith("logs_")]
    assert len(leaves) == 2
    sql, arguments = events.query_of(SHOP, EventKind.LOG, asked(), events.window_of(asked()))
    plan = "\n".join(row[0] for row in await as_reader(archive.connection, ORG, f"EXPLAIN {sql}", *arguments))
    assert sum(leaf in plan for leaf in leaves) == 1
