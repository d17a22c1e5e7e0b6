"""Requests in several records: each part is stored once, however often and in whichever order it comes."""

import random
from collections.abc import Iterable

import pytest
from msgspec.structs import replace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.protocols import otlp
from gateway.protocols.parts import Part, Sizes, record_of_part
from gateway.protocols.sentry.envelope import Envelope, Item
from gateway.protocols.sentry.split import split
from gateway.runtime.clock import now_ns
from schemas.record import Record
from schemas.signals import Format, Signal
from tests.integration.worker.world import World, record_of_bytes, span_request

SIZES = Sizes(record_max_bytes=64 * 1024, item_max_bytes=128 * 1024, value_max_bytes=128 * 1024)
RANDOM = random.Random(11)  # noqa: S311 (the same bytes in every run)


def records_of(whole: Record, parts: Iterable[Part]) -> list[Record]:
    """Make the records of one request."""
    return [record_of_part(whole, number, part) for number, part in enumerate(parts)]


@pytest.mark.clause("OTLP b2", "OTLP 24b")
async def test_parts_that_come_again_are_stored_once(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    request = ExportTraceServiceRequest()
    for number in range(1000):
        request.resource_spans.extend(ExportTraceServiceRequest.FromString(span_request(str(number))).resource_spans)
    data = request.SerializeToString()
    verdict = otlp.validate(Signal.TRACES, Format.PROTOBUF, data)
    _, parts = otlp.split(Signal.TRACES, Format.PROTOBUF, data, verdict, replace(SIZES, record_max_bytes=10_000))
    records = records_of(record_of_bytes(b""), parts)
    assert len(records) > 5
    again = RANDOM.sample(records, len(records))
    await world.produce(environment, records[:3] + again + records[3:])
    async with world.worker():
        await world.stored(environment, range(1000))
    seen = await world.sql.fetch("SELECT part FROM ingest_seen WHERE environment = $1 ORDER BY part", environment)
    assert [row[0] for row in seen] == list(range(len(records)))


@pytest.mark.clause("OTLP b2", "OTLP 24b")
async def test_data_points_of_one_metric_that_come_again_are_stored_once(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    request = ExportMetricsServiceRequest()
    points = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s").sum.data_points
    for number in range(1000):
        points.add(time_unix_nano=now_ns(), as_int=number).attributes.add(key="k").value.string_value = "x" * 20
    data = request.SerializeToString()
    verdict = otlp.validate(Signal.METRICS, Format.PROTOBUF, data)
    _, parts = otlp.split(Signal.METRICS, Format.PROTOBUF, data, verdict, replace(SIZES, record_max_bytes=10_000))
    records = records_of(replace(record_of_bytes(b""), signal=Signal.METRICS), parts)
    assert len(records) > 5
    again = RANDOM.sample(records, len(records))
    await world.produce(environment, records[:3] + again + records[3:])
    for partition in (0, 1):
        await world.produce_numbers(environment, [partition], partition=partition)
    async with world.worker():
        await world.stored(environment, [0, 1])  # and so is what stands before
    stored = await world.sql.fetch("SELECT value_int FROM metric_points WHERE environment = $1", environment)
    assert sorted(row[0] for row in stored) == list(range(1000))


@pytest.mark.clause("Sentry b11")
async def test_pieces_of_items_that_come_again_are_stored_once_and_in_their_order(world: World) -> None:
    environment = await world.environment("production", partitions=2)
    payloads = {"attachment": RANDOM.randbytes(700_000), "profile": RANDOM.randbytes(300_000)}
    items = [Item("event", {}, b"{}"), *(Item(kind, {}, payload) for kind, payload in payloads.items())]
    headers = {"event_id": "e" * 32}
    whole = replace(record_of_bytes(b""), signal=Signal.SENTRY, format=Format.ENVELOPE)
    records = records_of(whole, split(Envelope(headers, items), SIZES, whole_max_bytes=1000))
    assert len(records) > 15
    await world.produce(environment, RANDOM.sample(records, len(records)) + records)
    await world.produce_numbers(environment, [1], partition=0)
    await world.produce_numbers(environment, [2], partition=1)
    async with world.worker():
        await world.stored(environment, [1, 2])
    for number, payload in enumerate(payloads.values(), 1):
        rows = await world.sql.fetch(
            "SELECT data, size_bytes FROM attachments WHERE environment = $1 AND item = $2 ORDER BY chunk",
            environment,
            number,
        )
        assert b"".join(row["data"] for row in rows) == payload
        assert {row["size_bytes"] for row in rows} == {len(payload)}
    counted = await world.sql.fetch(
        "SELECT kind, sum(events)::int FROM events_by_minute WHERE environment = $1 GROUP BY kind", environment
    )
    assert {row[0]: row[1] for row in counted} == {
        "attachments": 1,
        "sentry_items": 1,
        "error_events": 1,
        "spans": 2,
    }


async def test_a_part_that_cannot_be_stored_is_set_aside_alone(world: World) -> None:
    environment = await world.environment("production")
    spans = [ExportTraceServiceRequest.FromString(span_request(str(number))) for number in range(3)]
    records = records_of(record_of_bytes(b""), [Part(each.SerializeToString()) for each in spans])
    records[1] = replace(records[1], value=b"\xff")
    await world.produce(environment, records)
    async with world.worker():
        await world.stored(environment, [0, 2])
    dead = await world.sql.fetchval("SELECT headers FROM dead_letters WHERE environment = $1", environment)
    assert '["p", "1"]' in dead
