"""What the worker may rely on from its store: claims shut others out, and a batch is stored once, whatever is asked."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from consumers.batching import Claim, Partition, Slice, entry_of
from consumers.preparing import Preparer
from consumers.store.claims import Claims
from consumers.store.leaves import Leaves
from consumers.store.load import Found, Work, load
from consumers.store.session import STORE_NAME, Session
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from gateway.runtime.postgres import Connection, connect
from gateway.runtime.settings import Database, Limits
from schemas.errors import StoreTransient
from schemas.record import Record, headers_of
from schemas.signals import Format, Signal
from schemas.topics import topic_of
from tests.integration.worker.proxy import proxied
from tests.integration.worker.world import add_environment, record_of_bytes, span_request

_numbers = itertools.count()


class Storing:
    """One worker's store, by hand."""

    def __init__(self, url: str, wiped_before_ns: dict[str, int | None]) -> None:
        owner = new_ulid(now_ns())
        self.session = Session(Database(url=url), name=STORE_NAME + owner, lock_timeout="4s", owner=owner)
        self.leaf_session = Session(Database(url=url), name=f"axonpush-leaves {owner}", lock_timeout="1s")
        self.claims = Claims(self.session, owner)
        self.preparer = Preparer(Leaves(self.leaf_session), Limits(), now_ns, wiped_before_ns)

    async def work(self, claim: Claim, names: list[str]) -> Work:
        """A batch of one span a name, from where the claim stands."""
        return await self.pack(claim, [record_of_bytes(span_request(name)) for name in names])

    async def load(self, work: Work) -> None:
        """Store a batch, packed again without what was stored before."""
        found = await load(self.session, work)
        if not found.is_empty():
            assert (await load(self.session, await self.preparer.prepare(work.slices, found))).is_empty()

    async def pack(self, claim: Claim, records: list[Record]) -> Work:
        """A batch of records, from where the claim stands."""
        entries = [
            entry_of(claim.next_offset + i, headers_of(record), record.value) for i, record in enumerate(records)
        ]
        batch = [Slice(claim, claim.next_offset, claim.next_offset + len(entries), entries)]
        claim.next_offset += len(entries)
        return await self.preparer.prepare(batch, Found())

    async def close(self) -> None:
        """End the sessions."""
        await self.session.close()
        await self.leaf_session.close()


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[Connection]:
    """A connection to look and to meddle."""
    connection = await connect(Database(url=database_url))
    yield connection
    await connection.close()


@pytest.fixture
async def partition(sql: Connection) -> Partition:
    """A partition of a new environment."""
    environment = new_ulid(now_ns())
    await add_environment(sql, environment, f"env-{next(_numbers)}", 1)
    return Partition(topic_of(environment), 0)


@asynccontextmanager
async def storing(url: str, partition: Partition) -> AsyncGenerator[Storing]:
    """A store that knows the partition's environment."""
    store = Storing(url, {partition.topic.removeprefix("axonpush.env."): 0})
    yield store
    await store.close()


async def names_stored(sql: Connection, partition: Partition) -> list[str]:
    environment = partition.topic.removeprefix("axonpush.env.")
    rows = await sql.fetch("SELECT name FROM spans WHERE environment = $1 ORDER BY name", environment)
    return [row[0] for row in rows]


async def test_a_claim_reads_on_where_the_one_before_stored(database_url: str, partition: Partition) -> None:
    async with storing(database_url, partition) as first, storing(database_url, partition) as second:
        assert await first.claims.take_known([partition]) == []
        (claim,) = await first.claims.take_new({partition: 7})
        assert (claim.epoch, claim.next_offset) == (1, 7)
        assert (await load(first.session, await first.work(claim, ["a", "b"]))).is_empty()
        (taken,) = await second.claims.take_known([partition])
        assert (taken.epoch, taken.next_offset) == (2, 9)
        # A row that was made meanwhile wins over the beginning of the log.
        (again,) = await first.claims.take_new({partition: 0})
        assert (again.epoch, again.next_offset) == (3, 9)


async def test_who_lost_the_claim_stores_nothing(database_url: str, sql: Connection, partition: Partition) -> None:
    async with storing(database_url, partition) as zombie, storing(database_url, partition) as owner:
        (old,) = await zombie.claims.take_new({partition: 0})
        late = await zombie.work(old, ["late"])
        (new,) = await owner.claims.take_known([partition])
        assert (await load(zombie.session, late)).lost == {partition}
        assert (await load(owner.session, await owner.work(new, ["own"]))).is_empty()
        assert (await load(zombie.session, late)).lost == {partition}
    assert await names_stored(sql, partition) == ["own"]


async def test_the_same_work_given_again_says_that_it_is_done(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    async with storing(database_url, partition) as store:
        (claim,) = await store.claims.take_new({partition: 0})
        work = await store.work(claim, ["once"])
        assert (await load(store.session, work)).is_empty()
        assert (await load(store.session, work)).done == {partition}
    assert await names_stored(sql, partition) == ["once"]


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_lost_answer_to_commit_is_resolved(
    database_url: str, sql: Connection, partition: Partition, tmp_path: Path, cut: Literal["before", "after"]
) -> None:
    """Cut before COMMIT is sent, or after it was carried out; then the same work is given again."""
    async with proxied(database_url, tmp_path) as proxy, storing(proxy.url, partition) as store:
        (claim,) = await store.claims.take_new({partition: 0})
        work = await store.work(claim, ["once"])
        proxy.cut_at_commit = cut
        with pytest.raises(StoreTransient):
            await load(store.session, work)
        proxy.cut_at_commit = None
        found = await load(store.session, work)
        assert found.done == ({partition} if cut == "after" else set())
    assert await names_stored(sql, partition) == ["once"]


async def test_a_holder_that_stalls_in_a_copy_is_ended(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    async with storing(database_url, partition) as zombie, storing(database_url, partition) as claimer:
        await zombie.claims.take_new({partition: 0})
        stalled = asyncio.create_task(_stall(zombie.session, partition))
        await _until_it_copies(sql)
        started = asyncio.get_running_loop().time()
        (claim,) = await claimer.claims.take_known([partition])
        assert claim.epoch == 2
        assert asyncio.get_running_loop().time() - started < 4
        stalled.cancel()


async def test_a_holder_that_only_waits_is_not_ended_for_another_partition(
    database_url: str, partition: Partition
) -> None:
    """A claim ends sessions that hold what it asks for, and no others."""
    other = Partition(partition.topic, 1)
    async with storing(database_url, partition) as holder, storing(database_url, partition) as claimer:
        await holder.claims.take_new({partition: 0, other: 0})
        async with holder.session.use() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
        await claimer.claims.take_known([partition])
        async with holder.session.use() as connection:
            assert await connection.fetchval("SELECT pg_backend_pid()") == pid


async def test_a_session_that_was_cut_is_known_to_claimers_again(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    async with storing(database_url, partition) as store:
        await store.claims.take_new({partition: 0})
        stored = "SELECT backend_pid FROM ingest_offset WHERE topic = $1"
        before = await sql.fetchval(stored, partition.topic)
        await sql.execute("SELECT pg_terminate_backend($1)", before)
        # The driver has seen the end of the connection by now, or sees it here.
        with suppress(StoreTransient):
            async with store.session.use() as connection:
                await connection.execute("SELECT 1")
        async with store.session.use() as connection:
            pid = await connection.fetchval("SELECT pg_backend_pid()")
        assert await sql.fetchval(stored, partition.topic) == pid != before


async def test_a_wipe_that_packing_did_not_know_of_is_found(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    environment = partition.topic.removeprefix("axonpush.env.")
    async with storing(database_url, partition) as store:
        (claim,) = await store.claims.take_new({partition: 0})
        work = await store.work(claim, ["wiped"])
        wiped_ns = now_ns()
        await sql.execute("UPDATE environments SET wiped_before_ns = $2 WHERE id = $1", environment, wiped_ns)
        found = await load(store.session, work)
        assert found.wiped_before_ns == {environment: wiped_ns}
        again = await store.preparer.prepare(work.slices, found)
        assert again.skipped == {(environment, "wiped"): 1}
        assert (await load(store.session, again)).is_empty()
        await sql.execute("UPDATE environments SET deleted_at = now() WHERE id = $1", environment)
        gone = await load(store.session, await store.work(claim, ["gone"]))
        assert gone.wiped_before_ns == {environment: None}
    assert await names_stored(sql, partition) == []


async def _stall(session: Session, partition: Partition) -> None:
    """Hold the partition's row and stop in the middle of a COPY."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"1\n"
        await asyncio.Event().wait()

    async with session.use() as connection, connection.transaction():
        await connection.execute("UPDATE ingest_offset SET next_offset = next_offset WHERE topic = $1", partition.topic)
        await connection.execute("CREATE TEMPORARY TABLE numbers (n integer)")
        await connection.copy_to_table("numbers", source=endless())


async def _until_it_copies(sql: Connection) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%numbers%' AND wait_event = 'ClientRead'"
    # What is waited for happens in the server.
    while not await sql.fetchval(query):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def envelope(event_id: str, item_type: str) -> Record:
    """A record of a Sentry event or transaction with an attachment."""
    payload = b'{"event_id":"%b","type":"%b","message":"boom"}' % (event_id.encode(), item_type.encode())
    item = b'{"type":"%b","length":%d}' % (item_type.encode(), len(payload))
    attachment = b'{"type":"attachment","filename":"a.txt","length":2}\nhi'
    value = b'{"event_id":"%b"}\n%b\n%b\n%b\n' % (event_id.encode(), item, payload, attachment)
    record = record_of_bytes(value)
    return msgspec.structs.replace(record, signal=Signal.SENTRY, format=Format.ENVELOPE)


@pytest.mark.clause("Sentry 27a", "Sentry 27b")
async def test_a_sentry_event_that_is_sent_again_is_stored_once(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    """Within a batch, in a later one, and by another worker at the same time; what comes with it is no repeat."""
    event_id = secrets.token_hex(16)
    other = Partition(partition.topic, 1)
    async with storing(database_url, partition) as one, storing(database_url, partition) as two:
        (first,) = await one.claims.take_new({partition: 0})
        (second,) = await two.claims.take_new({other: 0})
        works = [
            (one, await one.pack(first, [envelope(event_id, "event"), envelope(event_id, "event")])),
            (two, await two.pack(second, [envelope(event_id, "event")])),
        ]
        await asyncio.gather(*(store.load(work) for store, work in works))
        await one.load(await one.pack(first, [envelope(event_id, "event")]))
    environment = partition.topic.removeprefix("axonpush.env.")
    counts = await sql.fetchrow(
        """
        SELECT (SELECT count(*) FROM error_events WHERE environment = $1),
            (SELECT count(*) FROM attachments WHERE environment = $1),
            (SELECT count(*) FROM sentry_seen WHERE environment = $1),
            (SELECT count(*) FROM ingest_seen WHERE environment = $1)
        """,
        environment,
    )
    assert counts is not None
    assert tuple(counts) == (1, 4, 1, 4)
    counted = await sql.fetch(
        "SELECT kind, sum(events)::integer FROM events_by_minute WHERE environment = $1 GROUP BY kind ORDER BY kind",
        environment,
    )
    assert [tuple(row) for row in counted] == [("attachments", 4), ("error_events", 1)]


@pytest.mark.clause("Sentry 26a", "Sentry c1")
async def test_what_became_of_sentrys_items_is_counted_once(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    """Also where a batch is packed again, and where it is given again after a lost answer; a wipe forgets it."""
    event_id = secrets.token_hex(16)
    discarded = b'{"discarded_events":[{"reason":"sample_rate","category":"span","quantity":%d}]}'
    reports = [report_of(discarded % quantity) for quantity in (5, 7)]
    async with storing(database_url, partition) as store:
        (claim,) = await store.claims.take_new({partition: 0})
        await store.load(await store.pack(claim, [envelope(event_id, "event"), reports[0]]))
        work = await store.pack(claim, [envelope(event_id, "event"), reports[1], reports[0]])
        found = await load(store.session, work)
        again = await store.preparer.prepare(work.slices, found)
        assert (await load(store.session, again)).is_empty()
        assert (await load(store.session, again)).done == {partition}
    environment = partition.topic.removeprefix("axonpush.env.")
    asked = "SELECT outcome, reason, category, sum(quantity)::integer FROM sentry_outcomes WHERE environment = $1 "
    rows = await sql.fetch(asked + "GROUP BY outcome, reason, category ORDER BY outcome, category", environment)
    assert [tuple(row) for row in rows] == [
        ("accepted", "", "attachment", 2),
        ("accepted", "", "error", 1),
        ("accepted", "", "internal", 2),
        ("client_discard", "sample_rate", "span", 12),
    ]
    await sql.execute("SELECT wipe_environment($1)", environment)
    assert await sql.fetch(asked + "GROUP BY outcome, reason, category", environment) == []


def report_of(report: bytes) -> Record:
    """An envelope with a client report."""
    record = record_of_bytes(b'{}\n{"type":"client_report"}\n%b\n' % report)
    return msgspec.structs.replace(record, signal=Signal.SENTRY, format=Format.ENVELOPE)


async def test_a_resource_that_is_forgotten_meanwhile_is_stored_again(
    database_url: str, sql: Connection, partition: Partition
) -> None:
    """The reaper deletes what was not seen for long just when something is stored that refers to it once more."""
    environment = partition.topic.removeprefix("axonpush.env.")
    async with storing(database_url, partition) as store:
        (claim,) = await store.claims.take_new({partition: 0})
        await store.load(await store.work(claim, ["first"]))
        await sql.execute("UPDATE resources SET seen_on = '2020-01-01' WHERE environment = $1", environment)
        async with sql.transaction():
            await sql.execute("DELETE FROM resources WHERE environment = $1", environment)
            storing_again = asyncio.create_task(store.load(await store.work(claim, ["second"])))
            await waits_for_another(sql)
        await storing_again
        assert await sql.fetchval("SELECT count(*) FROM resources WHERE environment = $1", environment) == 1
        # Without the reaper it is kept by being referred to, once a day.
        await sql.execute("UPDATE resources SET seen_on = '2020-01-01' WHERE environment = $1", environment)
        await store.load(await store.work(claim, ["third"]))
    seen_today = "SELECT seen_on = (now() AT TIME ZONE 'UTC')::date FROM resources WHERE environment = $1"
    assert await sql.fetchval(seen_today, environment)
    assert await names_stored(sql, partition) == ["first", "second", "third"]


async def waits_for_another(sql: Connection) -> None:
    """Wait until some session waits for the end of this one's transaction."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    async with asyncio.timeout(10):
        while not await sql.fetchval(query):  # noqa: ASYNC110 (another session's doing)
            await asyncio.sleep(0.01)
