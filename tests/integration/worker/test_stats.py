"""`axonpush stats` as a person or a script calls it."""

import asyncio
import sys

import msgspec
import pytest

from gateway.runtime import clock
from gateway.runtime.ids import new_ingest_id
from schemas.record import Record
from schemas.signals import Signal
from tests.integration.worker.world import World, record_of_bytes
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import span, traces


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
        (
            *("spans", "logs", "metric_points", "error_events", "items", "attachments", "dead_letters"),
            *("environment_mismatches", "client_discards", "lag"),
        ),
        0,
    )
    assert msgspec.json.decode(await stats(world, "--json")) == {
        "environments": [
            {"app": "shop", "environment": "development", **empty},
            {"app": "shop", "environment": "production", **empty, "spans": 20, "dead_letters": 1, "lag": 7},
        ]
    }
    heading, *_, last = [line.split() for line in (await stats(world)).splitlines() if line.strip()]
    assert (heading[0], heading[-1]) == ("app", "lag")
    assert last == ["shop", "production", "20", "0", "0", "0", "0", "0", "1", "0", "0", "7"]


async def test_events_that_say_that_they_are_of_another_environment_are_counted(world: World) -> None:
    environment = await world.environment("staging")

    def sent(said: str | None, spans: int) -> Record:
        resource = {} if said is None else {"deployment.environment.name": said}
        message = traces(*(span(name=f"{said} {number}") for number in range(spans)), resource=resource)
        return fresh(otlp(Signal.TRACES, message))

    event = {"event_id": "e" * 32, "environment": "production"}
    async with world.worker():
        await world.produce(environment, [sent("Staging ", 1), sent(None, 2), sent("production", 3), sent("dev", 4)])
        await world.produce(environment, [fresh(envelope(item("event", event), event_id="e" * 32))])
        await world.until(lambda: _are_stored(world, environment, 11))
    listed = msgspec.json.decode(await stats(world, "--json"))["environments"]
    (found,) = [each for each in listed if each["environment"] == "staging"]
    assert (found["spans"], found["error_events"], found["environment_mismatches"]) == (10, 1, 8)


@pytest.mark.clause("Sentry 26a")
async def test_what_clients_report_that_they_did_not_send_is_shown(world: World) -> None:
    environment = await world.environment("reports")
    report = {
        "discarded_events": [{"reason": "sample_rate", "category": "span", "quantity": 30}],
        "rate_limited_events": [{"reason": "quota", "category": "error", "quantity": 4}],
    }
    async with world.worker():
        await world.produce(environment, [fresh(envelope(item("client_report", report), sent_at="soon"))])
        await world.until(lambda: _are_stored(world, environment, 1))
    listed = msgspec.json.decode(await stats(world, "--json"))["environments"]
    (found,) = [each for each in listed if each["environment"] == "reports"]
    assert (found["items"], found["client_discards"]) == (1, 34)


def fresh(record: Record) -> Record:
    """Give a record an ingest id of its own, and a time that can be."""
    now_ns = clock.now_ns()
    return msgspec.structs.replace(record, ingest_id=new_ingest_id(now_ns), received_ns=now_ns)


async def _are_stored(world: World, environment: str, events: int) -> bool:
    sql = "SELECT coalesce(sum(events), 0) = $2 FROM events_by_minute WHERE environment = $1"
    return await world.sql.fetchval(sql, environment, events)


async def _has_dead_letter(world: World, environment: str) -> bool:
    return await world.sql.fetchval("SELECT count(*) = 1 FROM dead_letters WHERE environment = $1", environment)
