"""What can never be stored is set aside with its bytes, and everything around it is stored."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from schemas.record import headers_of
from tests.integration.worker.world import World, record_of_bytes


async def test_poison_becomes_dead_letters_and_its_neighbours_are_stored(world: World) -> None:
    environment = await world.environment("production")
    good = headers_of(record_of_bytes(b""))
    await world.produce_numbers(environment, range(5))
    await world.produce_raw(environment, b"from the future", [("v", b"99"), *good[1:]])
    await world.produce_raw(environment, None, good)
    await world.produce_raw(environment, b"no headers", [])
    await world.produce(environment, [record_of_bytes(b"\xff\xff no protobuf")])
    await world.produce_numbers(environment, range(5, 10))
    async with world.worker():
        await world.stored(environment, range(10))
    rows = await world.sql.fetch(
        "SELECT reason, record_offset, value FROM dead_letters WHERE environment = $1 ORDER BY record_offset",
        environment,
    )
    assert [tuple(row) for row in rows] == [
        ("schema_version", 5, b"from the future"),
        ("no_value", 6, None),
        ("schema_version", 7, b"no headers"),
        ("malformed", 8, b"\xff\xff no protobuf"),
    ]
    headers = await world.sql.fetchval("SELECT headers FROM dead_letters WHERE reason = 'malformed'")
    assert msgspec.json.decode(headers)[0] == ["v", "1"]
    seen = await world.sql.fetchval("SELECT count(*) FROM ingest_seen WHERE environment = $1", environment)
    assert seen == 10


@pytest.fixture
async def _refused(world: World) -> AsyncIterator[None]:
    """A name that PostgreSQL refuses, in leaves that are made from now on."""
    await world.sql.execute("ALTER TABLE spans ADD CONSTRAINT refuses CHECK (name NOT IN ('13', '77')) NOT VALID")
    yield
    await world.sql.execute("ALTER TABLE spans DROP CONSTRAINT refuses")


@pytest.mark.usefixtures("_refused")
async def test_a_batch_that_postgresql_refuses_is_bisected_down_to_its_poison(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    await world.produce_numbers(environment, range(50), partition=0)
    await world.produce_numbers(environment, range(50, 100), partition=1)
    async with world.worker():
        await world.stored(environment, set(range(100)) - {13, 77})
    rows = await world.sql.fetch(
        "SELECT reason, part, record_offset, value FROM dead_letters WHERE environment = $1 ORDER BY part", environment
    )
    assert [(row["reason"], row["part"], row["record_offset"]) for row in rows] == [
        ("refused_by_postgresql", 0, 13),
        ("refused_by_postgresql", 1, 27),
    ]
    assert b"77" in rows[1]["value"]


async def test_a_worker_stops_rather_than_set_everything_aside(world: World) -> None:
    environment = await world.environment("production")
    await world.produce(environment, [record_of_bytes(b"\xff") for _ in range(300)])
    limited = msgspec.structs.replace(world.settings.worker, dead_letter_max_ratio_percent=10)
    worker = await world.start(msgspec.structs.replace(world.settings, worker=limited))
    assert await worker.ended() == 1
    assert "dead_letter_max_ratio_percent (10)" in worker.log
    assert await world.sql.fetchval("SELECT count(*) FROM dead_letters WHERE environment = $1", environment) <= 20
    stored = await world.sql.fetchval("SELECT next_offset FROM ingest_offset WHERE topic LIKE '%' || $1", environment)
    assert stored <= 20


async def test_an_offset_that_kafka_lost_stops_its_partition_and_no_other(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    await world.produce_numbers(environment, range(10), partition=0)
    async with world.worker():
        await world.stored(environment, range(10))
    await world.produce_numbers(environment, range(10, 20), partition=0)
    await world.lose(environment, partition=0, before_offset=15)
    await world.produce_numbers(environment, range(100, 110), partition=1)
    async with world.worker() as worker:
        await world.stored(environment, [*range(10), *range(100, 110)])

        async def is_recorded() -> bool:
            return await world.sql.fetchval("SELECT count(*) > 0 FROM dead_letters WHERE environment = $1", environment)

        await world.until(is_recorded)
        assert "offset_out_of_range" in worker.log
        await world.stored(environment, [*range(10), *range(100, 110)])
    rows = await world.sql.fetch(
        "SELECT reason, part, record_offset FROM dead_letters WHERE environment = $1", environment
    )
    assert [tuple(row) for row in rows] == [("offset_out_of_range", 0, 10)]
    stands = await world.sql.fetchval(
        "SELECT next_offset FROM ingest_offset WHERE topic LIKE '%' || $1 AND part = 0", environment
    )
    assert stands == 10
