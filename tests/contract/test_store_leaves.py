"""What the worker may rely on from its leaves: they stand before rows go there, and they are asked for once."""

from collections.abc import AsyncIterator

import pytest

from consumers.store.leaves import Leaves
from consumers.store.session import Session
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ingest_id, new_ulid
from gateway.runtime.postgres import Connection, connect
from gateway.runtime.settings import Database
from schemas.errors import StoreTransient
from tests.integration.worker.world import add_environment

_DAY_NS = 86_400 * 1_000_000_000


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(Database(url=database_url))
    yield connection
    await connection.close()


@pytest.fixture
async def session(database_url: str) -> AsyncIterator[Session]:
    session = Session(Database(url=database_url), name=f"axonpush-leaves {new_ulid(now_ns())}", lock_timeout="1s")
    yield session
    await session.close()


@pytest.fixture
async def environment(sql: Connection) -> str:
    environment = new_ulid(now_ns())
    await add_environment(sql, environment, f"env-{environment[-8:].lower()}", 1)
    return environment


async def leaves_made(sql: Connection, environment: str) -> int:
    return await sql.fetchval("SELECT count(*) FROM leaves WHERE environment = $1", environment)


async def test_a_leaf_covers_its_moment_and_is_known_from_then_on(
    session: Session, sql: Connection, environment: str
) -> None:
    leaves = Leaves(session)
    leaf = await leaves.covering(environment, now_ns())
    assert leaf is not None
    assert leaf.starts_ns <= now_ns() < leaf.ends_ns
    assert await sql.fetchval("SELECT to_regclass('spans_' || $1) IS NOT NULL", leaf.suffix)
    await session.close()
    async with sql.transaction():
        # Whoever asked again would wait for this lock, in vain.
        await sql.execute("LOCK TABLE leaves IN ACCESS EXCLUSIVE MODE")
        assert await leaves.covering(environment, leaf.starts_ns) == leaf
        assert await leaves.covering(environment, leaf.ends_ns - 1) == leaf
        with pytest.raises(StoreTransient):
            await leaves.covering(environment, leaf.ends_ns)


async def test_an_environment_that_is_gone_has_no_leaf(session: Session, sql: Connection, environment: str) -> None:
    await sql.execute("UPDATE environments SET deleted_at = now() WHERE id = $1", environment)
    assert await Leaves(session).covering(environment, now_ns()) is None
    assert await leaves_made(sql, environment) == 0


async def test_the_next_leaf_is_made_an_hour_ahead(session: Session, sql: Connection, environment: str) -> None:
    leaves = Leaves(session)
    leaf = await leaves.covering(environment, now_ns())
    assert leaf is not None
    await leaves.ahead({environment}, leaf.ends_ns - 3_601 * 1_000_000_000)
    assert await leaves_made(sql, environment) == 1
    await leaves.ahead({environment}, leaf.ends_ns - 3_599 * 1_000_000_000)
    assert await leaves_made(sql, environment) == 2


async def test_keys_of_any_day_find_their_partition(session: Session, sql: Connection) -> None:
    leaves = Leaves(session)
    for moment_ns in (now_ns(), now_ns() + 40 * _DAY_NS, 0, 2**47 * 1_000_000):
        ingest_id = new_ingest_id(moment_ns)
        await leaves.ensure_seen(ingest_id)
        await sql.execute("INSERT INTO ingest_seen VALUES ('x', encode($1, 'hex')::uuid, 0)", ingest_id)
