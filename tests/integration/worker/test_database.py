"""PostgreSQL under a running worker: connections cut, tables locked, and the worker goes on."""

import asyncio
from pathlib import Path

import msgspec

from gateway.runtime.settings import Database
from tests.integration.worker.proxy import proxied
from tests.integration.worker.world import World

_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name LIKE 'axonpush-%' AND datname = current_database()
"""


async def test_connections_cut_under_load_lose_nothing_and_store_nothing_twice(world: World) -> None:
    environment = await world.environment("production", partitions=3)
    async with world.worker(), world.worker():
        for start in range(0, 1_000, 50):
            await world.produce_numbers(environment, range(start, start + 50))
            await world.sql.execute(_CUT)
            await asyncio.sleep(0.1)
        await world.stored(environment, range(1_000))


async def test_while_postgresql_is_away_the_worker_waits(world: World, tmp_path: Path) -> None:
    environment = await world.environment("production", partitions=3)
    async with proxied(world.settings.database.url, tmp_path) as proxy:
        settings = msgspec.structs.replace(world.settings, database=Database(url=proxy.url))
        async with world.worker(settings) as worker:
            await world.produce_numbers(environment, range(100))
            await world.stored(environment, range(100))
            proxy.down()
            await world.produce_numbers(environment, range(100, 300))

            async def is_waiting() -> bool:
                return "cannot be stored now" in worker.log and "directory cannot be read now" in worker.log

            await world.until(is_waiting)
            assert worker.is_running
            await proxy.up()
            await world.stored(environment, range(300))


async def test_a_worker_ends_when_told_to_while_postgresql_is_away(world: World, tmp_path: Path) -> None:
    async with proxied(world.settings.database.url, tmp_path) as proxy:
        worker = await world.start(msgspec.structs.replace(world.settings, database=Database(url=proxy.url)))
        environment = await world.environment("production")
        await worker.ready()
        proxy.down()
        await world.produce_numbers(environment, range(10))
        assert await worker.stop() == 0
    async with world.worker():
        await world.stored(environment, range(10))


async def test_a_leaf_that_was_dropped_is_made_again(world: World) -> None:
    environment = await world.environment("production")
    async with world.worker():
        await world.produce_numbers(environment, range(3))
        await world.stored(environment, range(3))
        suffix = await world.sql.fetchval("DELETE FROM leaves WHERE environment = $1 RETURNING suffix", environment)
        for table in ("spans", "logs", "metric_points", "error_events", "sentry_items", "attachments"):
            await world.sql.execute(f"DROP TABLE {table}_{suffix}")
        await world.produce_numbers(environment, range(3, 6))
        await world.stored(environment, range(3, 6))
