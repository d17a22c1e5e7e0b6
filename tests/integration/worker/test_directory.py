"""The directory under a running worker: what is made is served, what is wiped or deleted is not stored."""

import asyncio

import msgspec
import pytest

from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ingest_id
from gateway.runtime.settings import Worker
from tests.integration.worker.world import World, record_of_bytes, span_request


async def test_a_new_environment_is_served_within_two_seconds(world: World) -> None:
    first = await world.environment("production")
    async with world.worker(), world.worker():
        await world.produce_numbers(first, range(3))
        await world.stored(first, range(3))
        second = await world.environment("preview", partitions=2)
        await world.produce_numbers(second, range(10))
        async with asyncio.timeout(2):
            await world.stored(second, range(10))
        await world.produce_numbers(first, range(3, 6))
        await world.stored(first, range(6))


async def test_an_environment_made_while_the_worker_was_away_is_served(world: World) -> None:
    """A static member that comes back gets the assignment of before, which does not know the new topic."""
    first = await world.environment("production")
    worker = await world.start()
    await worker.ready()
    await world.produce_numbers(first, range(3))
    await world.stored(first, range(3))
    await worker.kill()
    second = await world.environment("preview")
    await world.produce_numbers(second, range(3))
    async with world.worker():
        await world.stored(second, range(3))


async def test_an_environment_deleted_while_the_worker_was_away_stops_nobody(world: World) -> None:
    """The assignment of before then holds a topic that nobody subscribes to, which the client does not bear."""
    first = await world.environment("production")
    second = await world.environment("preview")
    worker = await world.start()
    await worker.ready()
    await world.produce_numbers(second, range(3))
    await world.stored(second, range(3))
    await worker.kill()
    await world.sql.execute("UPDATE environments SET deleted_at = now(), slug = 'gone' WHERE id = $1", second)
    await world.produce_numbers(first, range(3))
    async with world.worker():
        await world.stored(first, range(3))


async def test_a_worker_starts_before_there_is_any_environment(world: World) -> None:
    async with world.worker():
        environment = await world.environment("production")
        await world.produce_numbers(environment, range(3))
        await world.stored(environment, range(3))


async def test_each_lane_serves_its_own_environments(world: World) -> None:
    production = await world.environment("production")
    preview = await world.environment("preview")
    for environment in (production, preview):
        await world.produce_numbers(environment, range(5))
    only = Worker(batch_wait_ms=20, environments=("production",))
    rest = Worker(batch_wait_ms=20, excluded_environments=("production",))
    async with world.worker(msgspec.structs.replace(world.settings, worker=only)):
        await world.stored(production, range(5))
        assert await world.ledger(preview) == {}
    async with world.worker(msgspec.structs.replace(world.settings, worker=rest)):
        await world.stored(preview, range(5))
    owners = await world.sql.fetchval("SELECT count(*) FROM ingest_offset WHERE topic LIKE '%' || $1", production)
    assert owners == 1


async def test_what_was_received_before_a_wipe_is_skipped(world: World) -> None:
    environment = await world.environment("production")
    async with world.worker():
        await world.produce_numbers(environment, range(3))
        await world.stored(environment, range(3))
        wiped_ns = now_ns()
        await world.sql.execute("UPDATE environments SET wiped_before_ns = $2 WHERE id = $1", environment, wiped_ns)
        await world.produce(environment, [record_of_bytes(span_request("old"), received_ns=wiped_ns - 1)])
        await world.produce_numbers(environment, range(3, 5))
        await world.stored(environment, range(5))


async def test_a_record_that_arrives_twice_is_stored_once(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    ingest_id = new_ingest_id(now_ns())
    repeat = record_of_bytes(span_request("0"), ingest_id=ingest_id)
    await world.produce(environment, [repeat, repeat], partition=0)
    async with world.worker():
        await world.stored(environment, [0])
        await world.produce(environment, [repeat], partition=1)
        await world.produce_numbers(environment, [1], partition=1)
        await world.stored(environment, range(2))


@pytest.mark.parametrize("received_ns", [0, 4_102_444_800_000_000_000])
async def test_an_edge_whose_clock_is_wrong_makes_no_leaf_of_its_own(world: World, received_ns: int) -> None:
    environment = await world.environment("production")
    await world.produce(environment, [record_of_bytes(span_request("0"), received_ns=received_ns)])
    async with world.worker():
        await world.stored(environment, [0])
    late = await world.sql.fetchval(
        "SELECT count(*) FROM spans WHERE environment = $1 AND received_at > now() - interval '1 hour'", environment
    )
    assert late == 1
