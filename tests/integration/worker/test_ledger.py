"""The ledger of numbered records: stored once, whatever happens to the workers."""

import asyncio
import signal

from gateway.runtime.clock import now_ns
from tests.integration.worker.world import Process, World, record_of_bytes, span_request

_DAY_NS = 86_400 * 1_000_000_000


async def test_records_of_several_partitions_are_stored_once(world: World) -> None:
    environment = await world.environment("production", partitions=3)
    await world.produce_numbers(environment, range(300))
    async with world.worker():
        await world.stored(environment, range(300))
        await world.produce_numbers(environment, range(300, 400))
        await world.stored(environment, range(400))
    counted = await world.sql.fetchval(
        "SELECT sum(events) FROM events_by_minute WHERE environment = $1 AND kind = 'spans'", environment
    )
    assert counted == 400


async def test_a_worker_killed_under_load_loses_nothing_and_stores_nothing_twice(world: World) -> None:
    environment = await world.environment("production", partitions=4)
    total = 3_000
    async with world.worker():
        victim = await world.start()
        await victim.ready()
        load = asyncio.create_task(_load(world, environment, total))
        for _ in range(4):
            await asyncio.sleep(0.4)
            await victim.kill()
            victim = await world.start()
            await victim.ready()
        await load
        await world.stored(environment, range(total))
        assert await victim.stop() == 0
    seen = await world.sql.fetchval("SELECT count(*) FROM ingest_seen WHERE environment = $1", environment)
    assert seen == total


async def test_workers_come_and_go_under_load(world: World) -> None:
    environment = await world.environment("production", partitions=6)
    total = 2_000
    load = asyncio.create_task(_load(world, environment, total))
    async with world.worker(), world.worker(), world.worker():
        owners = await world.sql.fetch(
            "SELECT DISTINCT owner FROM ingest_offset WHERE topic LIKE '%' || $1", environment
        )
        assert len(owners) == 3
    async with world.worker():
        await load
        await world.stored(environment, range(total))


async def test_a_zombie_is_fenced(world: World) -> None:
    """Stopped with a batch in hand, it wakes when another worker has stored all of it, and goes on at once.

    The keys of the records are forgotten meanwhile, so that nothing but the fence keeps them from being stored twice.
    """
    environment = await world.environment("production")
    old_ns = now_ns() - 10 * _DAY_NS
    async with world.worker() as zombie:
        await world.produce_numbers(environment, range(50))
        await world.stored(environment, range(50))
        async with world.sql.transaction():
            # A batch that needs another leaf waits for this lock before its transaction begins.
            await world.sql.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended('leaf ' || $1::text, 0))", environment
            )
            old = [record_of_bytes(span_request(str(number)), received_ns=old_ns) for number in range(50, 100)]
            await world.produce(environment, old)
            await world.until(lambda: _waits_for_a_leaf(world))
            zombie.send(signal.SIGSTOP)
        async with world.worker():
            await world.stored(environment, range(100))
            await world.sql.execute("TRUNCATE ingest_seen")
            zombie.send(signal.SIGCONT)
            await world.until(lambda: _tried(world, environment, zombie))
            await world.produce_numbers(environment, range(100, 150))
            await world.stored(environment, range(150))
            assert "belongs to another worker now" in zombie.log


async def _tried(world: World, environment: str, zombie: Process) -> bool:
    """Tell whether a zombie was shut out, or stored what it had in hand."""
    return "belongs to another worker now" in zombie.log or sum((await world.ledger(environment)).values()) > 100


async def _load(world: World, environment: str, total: int) -> None:
    """Produce numbers in small portions."""
    for start in range(0, total, 50):
        await world.produce_numbers(environment, range(start, start + 50))
        await asyncio.sleep(0.02)


async def _waits_for_a_leaf(world: World) -> bool:
    """Tell whether a session that makes leaves waits for a lock."""
    return await world.sql.fetchval(
        "SELECT count(*) > 0 FROM pg_stat_activity "
        "WHERE application_name LIKE 'axonpush-leaves %' AND wait_event_type = 'Lock' AND datname = current_database()"
    )
