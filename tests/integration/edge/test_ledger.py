"""The account of a process in PostgreSQL: every flush counts once, whatever becomes of its answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from gateway.edge.accounting.account import Account
from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.limits import Limits, month_of
from gateway.edge.accounting.lives import Lives
from gateway.edge.accounting.reporting import Reporter
from gateway.edge.accounting.usage import Usage, Used
from gateway.identity.directory import Directory
from gateway.identity.postgres import PostgresSource
from gateway.identity.tokens import Peppers
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from gateway.runtime.postgres import Pool, connect, open_pool
from gateway.runtime.settings import Database
from gateway.runtime.settings import Directory as DirectorySettings
from schemas.errors import StoreTransient

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture(scope="module")
async def pool(database_url: str) -> AsyncIterator[Pool]:
    """Connections to a fresh database."""
    pool = await open_pool(Database(url=database_url))
    yield pool
    await pool.close()


def some(environment: str, key: str = "key", minute: int = 28_000_000) -> list[Used]:
    """Answer some usage within two minutes."""
    return [
        Used(environment, key, minute, requests=2, items=3, bytes=40, last_ns=minute * MINUTE_NS),
        Used(environment, key, minute + 1, refused={"gone": 1, "malformed": 5}, last_ns=(minute + 1) * MINUTE_NS),
        Used(environment, key, minute + 2, requests=1, bytes=2, refused={"gone": 1}, last_ns=(minute + 2) * MINUTE_NS),
    ]


async def totals(pool: Pool, environment: str) -> tuple[int, int, int, int]:
    used = await pool.fetchrow(
        "SELECT sum(requests)::int, sum(items)::int, sum(bytes)::int FROM usage_by_minute WHERE environment_id = $1",
        environment,
    )
    refused = await pool.fetchval(
        "SELECT sum(requests)::int FROM refusals_by_minute WHERE environment_id = $1", environment
    )
    assert used is not None
    return used[0], used[1], used[2], refused


async def test_a_flush_that_is_sent_again_counts_once(pool: Pool) -> None:
    environment = new_ulid(now_ns())
    ledger, other = Ledger(pool, now_ns), Ledger(pool, now_ns)
    await ledger.beat("")
    await other.beat("")
    for sequence in (1, 1, 2, 2, 1):
        await ledger.flush(sequence, some(environment))
    assert await totals(pool, environment) == (6, 6, 84, 14)
    await other.flush(1, some(environment))
    assert await totals(pool, environment) == (9, 9, 126, 21)
    month = await pool.fetch("SELECT subject, requests, bytes FROM usage_by_month WHERE subject = $1", environment)
    assert [tuple(row) for row in month] == [(environment, 9, 126)]
    for each in (ledger, other):
        await each.leave()


async def test_the_last_use_never_goes_back(pool: Pool) -> None:
    environment, key = new_ulid(now_ns()), new_ulid(now_ns())
    ledger = Ledger(pool, now_ns)
    await ledger.beat("")
    await ledger.flush(1, some(environment, key, minute=28_000_000))
    await ledger.flush(2, some(environment, key, minute=27_000_000))
    last = await pool.fetchval("SELECT last_used_at FROM credential_uses WHERE credential_id = $1", key)
    assert last.timestamp() == 28_000_002 * 60
    await ledger.leave()


async def test_processes_that_live_are_counted(pool: Pool) -> None:
    first, second = Ledger(pool, now_ns), Ledger(pool, now_ns)
    assert await first.beat("") == 1
    assert await second.beat("7:7:") == 2
    assert await first.beat("") == 2
    await pool.execute("UPDATE edge_processes SET heartbeat_at = now() - interval '11 s' WHERE id = $1", second.id)
    assert await first.beat("") == 1
    # What was known to be applied stays so.
    await second.beat("")
    assert await pool.fetchval("SELECT applied::text FROM edge_processes WHERE id = $1", second.id) == "7:7:"
    await pool.execute("UPDATE edge_processes SET heartbeat_at = now() - interval '25 h' WHERE id = $1", second.id)
    await first.tidy()
    assert await pool.fetchval("SELECT count(*) FROM edge_processes") == 1
    await first.leave()
    assert await pool.fetchval("SELECT count(*) FROM edge_processes") == 0


async def test_what_is_old_is_deleted(pool: Pool) -> None:
    environment = new_ulid(now_ns())
    ledger = Ledger(pool, now_ns)
    await ledger.beat("")
    recent, old = now_ns() // MINUTE_NS - 10, now_ns() // MINUTE_NS - 401 * 24 * 60
    await ledger.flush(1, [*some(environment, minute=old), *some(environment, minute=recent)])
    await ledger.tidy()
    assert await totals(pool, environment) == (3, 3, 42, 7)
    await ledger.leave()


async def growing(pool: Pool, **fields: object) -> str:
    """Make an environment of a life of 100 s that began 50 s ago and can be extended for 100 s more."""
    environment = new_ulid(now_ns())
    await pool.execute("INSERT INTO orgs (id, slug, name) VALUES ('o', 'o', 'O') ON CONFLICT DO NOTHING")
    await pool.execute("INSERT INTO apps (id, org_id, slug, name) VALUES ('a', 'o', 'a', 'A') ON CONFLICT DO NOTHING")
    row = {"ends": 50, "ttl": 100, "most": 150, "deleted": None, **fields}
    await pool.execute(
        "INSERT INTO environments (id, app_id, slug, name, color, partitions, is_ephemeral, expires_at, ttl_seconds,"
        " max_expires_at, deleted_at) VALUES ($1, 'a', lower($1), $1, '#000000', 1, true,"
        " timestamptz 'epoch' + make_interval(secs => $2), $3, timestamptz 'epoch' + make_interval(secs => $4), $5)",
        environment,
        row["ends"],
        row["ttl"],
        row["most"],
        row["deleted"],
    )
    return environment


async def ends(pool: Pool, environment: str) -> int:
    query = "SELECT extract(epoch FROM expires_at)::int FROM environments WHERE id = $1"
    return await pool.fetchval(query, environment)


async def test_a_life_moves_forward_in_steps_up_to_its_maximum(pool: Pool) -> None:
    environment = await growing(pool, ends=100)
    ledger = Ledger(pool, now_ns)
    for accepted, is_due, end in (
        (9, False, 100),
        (10, True, 110),
        (10, False, 110),
        (5, False, 110),
        (49, True, 149),
        (90, True, 150),
        (149, False, 150),
    ):
        assert await ledger.extend({environment: accepted * SECOND_NS}, 10) is is_due, accepted
        assert await ends(pool, environment) == end


async def test_only_lives_that_go_on_are_extended(pool: Pool) -> None:
    ledger = Ledger(pool, now_ns)
    over = await growing(pool)
    lasting = await growing(pool, ttl=None, most=None)
    deleted = await growing(pool, deleted=datetime.fromtimestamp(0, UTC))
    good = await growing(pool)
    accepted = dict.fromkeys((over, lasting, deleted, good, "unknown"), 40 * SECOND_NS) | {over: 50 * SECOND_NS}
    assert await ledger.extend(accepted, 10)
    assert [await ends(pool, each) for each in (over, lasting, deleted, good)] == [50, 50, 50, 140]


async def test_of_many_processes_one_writes_and_nobody_is_notified_in_vain(pool: Pool, database_url: str) -> None:
    environment = await growing(pool)
    ledgers = [Ledger(pool, now_ns) for _ in range(4)]
    listener = await connect(Database(url=database_url))
    notified: list[object] = []

    def note(*arguments: object) -> None:
        notified.append(arguments)

    await listener.add_listener("axonpush_directory", note)
    written = await asyncio.gather(*(each.extend({environment: 40 * SECOND_NS}, 10) for each in ledgers))
    assert sorted(written) == [False, False, False, True]
    # Notifications come in the order of their transactions.
    await pool.execute("SELECT pg_notify('axonpush_directory', 'last')")
    async with asyncio.timeout(10):
        while len(notified) < 2:  # noqa: ASYNC110 (the driver calls back)
            await asyncio.sleep(0.01)
    assert len(notified) == 2
    await listener.close()


class Lossy(Ledger):
    """A ledger whose answers can be lost on their way."""

    is_lossy = False

    async def flush(self, sequence: int, used: Sequence[Used]) -> None:
        """Flush, and answer unless the answer is lost."""
        await super().flush(sequence, used)
        if self.is_lossy:
            raise StoreTransient("The answer is lost.")


async def test_a_lost_answer_is_no_second_flush_and_loses_nothing(pool: Pool, database_url: str) -> None:
    environment, key = new_ulid(now_ns()), new_ulid(now_ns())
    source = PostgresSource(Database(url=database_url), credentials_max_count=10)
    peppers = Peppers(current=1, by_version={1: b"p" * 32})
    directory = Directory(source, DirectorySettings(), peppers, now_ns)
    await directory.start()
    account = Account(limits=Limits(directory.limited, now_ns), usage=Usage())
    ledger = Lossy(pool, now_ns)
    lives = Lives(directory.environment, step_percent=10, poll_seconds=5)
    reporter = Reporter(ledger, directory, account, lives)
    await reporter.report()
    for is_lossy in (True, True, False, True, False):
        ledger.is_lossy = is_lossy
        account.usage.accept(environment, key, now_ns(), items=1, size_bytes=10)
        await reporter.report()
    ledger.is_lossy = False
    await reporter.close()
    await source.close()
    used = await pool.fetchrow(
        "SELECT sum(requests)::int, sum(items)::int, sum(bytes)::int FROM usage_by_minute WHERE environment_id = $1",
        environment,
    )
    assert used is not None
    assert tuple(used) == (5, 5, 50)
    assert await pool.fetchval("SELECT count(*) FROM edge_processes WHERE id = $1", ledger.id) == 0


def test_a_month_begins_in_utc() -> None:
    assert month_of(1_800_000_000_000_000_000).isoformat() == "2027-01-01T00:00:00+00:00"


async def test_a_database_that_is_away_is_told_of_in_a_sentence() -> None:
    pool = await open_pool(Database(url="postgresql://postgres@127.0.0.1:1/none", tls_mode="disable"))
    ledger = Ledger(pool, now_ns)
    for call in (
        ledger.beat(""),
        ledger.flush(1, []),
        ledger.extend({}, 10),
        ledger.used_this_month(),
        ledger.tidy(),
        ledger.leave(),
    ):
        with pytest.raises(StoreTransient, match="cannot be written"):
            await call
    pool.terminate()
