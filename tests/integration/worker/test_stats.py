"""`axonpush stats` as a person or a script calls it."""

import asyncio
import sys

import msgspec

from tests.integration.worker.world import World, record_of_bytes


async def stats(world: World, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "stats", *arguments),
        *("--database-url", world.settings.database.url, "--kafka-bootstrap", world.settings.kafka.bootstrap),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_stats_count_what_is_stored_and_what_waits(world: World) -> None:
    environment = await world.environment("production", partitions=3)
    await world.environment("development")
    async with world.worker():
        await world.produce_numbers(environment, range(20))
        await world.produce(environment, [record_of_bytes(b"\xff")])
        await world.stored(environment, range(20))
        await world.until(lambda: _has_dead_letter(world, environment))
    await world.produce_numbers(environment, range(20, 27))
    empty = dict.fromkeys(
        ("spans", "logs", "metric_points", "error_events", "items", "attachments", "dead_letters", "lag"), 0
    )
    assert msgspec.json.decode(await stats(world, "--json")) == {
        "environments": [
            {"app": "shop", "environment": "development", **empty},
            {"app": "shop", "environment": "production", **empty, "spans": 20, "dead_letters": 1, "lag": 7},
        ]
    }
    heading, *_, last = [line.split() for line in (await stats(world)).splitlines() if line.strip()]
    assert (heading[0], heading[-1]) == ("app", "lag")
    assert last == ["shop", "production", "20", "0", "0", "0", "0", "0", "1", "7"]


async def _has_dead_letter(world: World, environment: str) -> bool:
    return await world.sql.fetchval("SELECT count(*) = 1 FROM dead_letters WHERE environment = $1", environment)
