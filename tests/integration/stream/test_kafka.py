"""Publishing to a real broker: what arrives is what was published, and what fails is said in time."""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.memory_records import MemoryRecords

from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ingest_id, new_ulid
from gateway.runtime.settings import Kafka, Limits
from gateway.stream.kafka import KafkaPublisher
from gateway.stream.topics import KafkaTopics
from schemas.errors import Overloaded, PayloadTooLarge, StreamUnavailable
from schemas.record import Record, record_of
from schemas.signals import Encoding, Format, Signal
from schemas.topics import topic_of

TOO_LARGE = b"x" * 20_000
LIMITS = Limits()


def record(value: bytes) -> Record:
    return Record(
        signal=Signal.TRACES,
        format=Format.PROTOBUF,
        encoding=Encoding.IDENTITY,
        inflated_bytes=len(value),
        channel_id=1,
        credential_id=new_ulid(now_ns()),
        ingest_id=new_ingest_id(now_ns()),
        part=0,
        received_ns=now_ns(),
        value=value,
    )


@contextlib.asynccontextmanager
async def publishing(kafka: Kafka, limits: Limits = LIMITS) -> AsyncGenerator[KafkaPublisher]:
    publisher = KafkaPublisher(kafka, limits)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.close()


@contextlib.asynccontextmanager
async def environment(kafka: Kafka, partitions: int = 1) -> AsyncGenerator[str]:
    topics = KafkaTopics(kafka)
    identity = new_ulid(now_ns())
    await topics.ensure({topic_of(identity): partitions})
    try:
        yield identity
    finally:
        await topics.close()


async def stored(kafka: Kafka, identity: str, count: int, partitions: int = 1) -> Sequence[Record]:
    """Read so many records of all partitions."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic_of(identity), part) for part in range(partitions)])
        messages = [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()
    return [record_of(message.headers, message.value) for message in messages]


async def test_what_arrives_is_what_was_published(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    records = [record(secrets.token_bytes(1 + 5000 * index)) for index in range(100)]
    async with environment(kafka, partitions=3) as identity, publishing(kafka) as publisher:
        await asyncio.gather(*(publisher.publish(identity, each) for each in records))
        arrived = await stored(kafka, identity, len(records), partitions=3)
    assert sorted(arrived, key=lambda r: len(r.value)) == records


async def test_the_largest_record_arrives_and_a_larger_one_is_named(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    largest = record(secrets.token_bytes(kafka.value_max_bytes))
    async with environment(kafka) as identity, publishing(kafka) as publisher:
        await publisher.publish(identity, largest)
        with pytest.raises(PayloadTooLarge, match=str(kafka.value_max_bytes)):
            await publisher.publish(identity, record(largest.value + b"x"))
        assert await stored(kafka, identity, 1) == [largest]


async def test_bytes_in_flight_are_bounded(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    async with environment(kafka) as identity, publishing(kafka, Limits(in_flight_max_bytes=2000)) as publisher:
        first = asyncio.create_task(publisher.publish(identity, record(b"x" * 400)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded, match=f" 912 bytes of records that wait for Kafka of .*{identity}, "):
            await publisher.publish(identity, record(b"x" * 400))
        await first
        await publisher.publish(identity, record(b"x" * 400))


@pytest.mark.clause("Sentry d4")
async def test_what_waits_for_one_environments_topic_refuses_no_other(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap, publish_timeout_seconds=2)
    stuck = new_ulid(now_ns())  # there is no such topic: its records wait until their time is over
    async with environment(kafka) as identity, publishing(kafka, Limits(in_flight_max_bytes=20_000)) as publisher:
        sent = [asyncio.create_task(publisher.publish(stuck, record(b"x" * 400))) for _ in range(20)]
        await asyncio.sleep(0)
        refused = [task.exception() for task in sent if task.done()]
        waiting = [task for task in sent if not task.done()]
        assert {type(error) for error in refused} == {Overloaded}
        assert len(waiting) == 10_000 // 912
        for size_bytes in (1, 400, 4000):
            await publisher.publish(identity, record(b"y" * size_bytes))
        assert not any(task.done() for task in waiting)
        told = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(error) for error in told} == {StreamUnavailable}
        assert publisher._in_flight.held_bytes == 0


async def test_a_topic_that_is_not_there_is_unavailable_in_time(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap, publish_timeout_seconds=1)
    async with publishing(kafka) as publisher, asyncio.timeout(5):
        with pytest.raises(StreamUnavailable):
            await publisher.publish(new_ulid(now_ns()), record(b"lost"))


async def test_a_topic_that_is_gone_is_asked_for_no_more(
    kafka_bootstrap: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    topics = KafkaTopics(kafka)
    async with publishing(kafka) as publisher, environment(kafka) as gone, environment(kafka) as kept:
        publisher.expect([gone, kept])
        await publisher.publish(gone, record(b"x"))
        await topics.delete([topic_of(gone)])
        publisher.expect([kept])
        await publisher.check()
        await publisher.publish(kept, record(b"y"))
        publisher.expect([])
        await publisher.check()
    await topics.close()
    assert [each.getMessage() for each in caplog.records if topic_of(gone) in each.getMessage()] == []


async def test_a_broker_that_is_not_there_is_named() -> None:
    kafka = Kafka(bootstrap="127.0.0.1:1", publish_timeout_seconds=1)
    with pytest.raises(StreamUnavailable, match=r"127\.0\.0\.1:1"):
        await KafkaPublisher(kafka, LIMITS).start()


async def test_after_a_final_failure_the_partition_goes_on(kafka_bootstrap: str) -> None:
    """An idempotent producer's sequence has moved on when the broker refused a batch; a new producer starts anew."""
    kafka = Kafka(bootstrap=kafka_bootstrap)
    async with environment(kafka) as identity, publishing(kafka) as publisher:
        await publisher.publish(identity, record(b"before"))
        await _limit_messages(kafka, identity, 10_000)
        taken = await _until_refused(publisher, identity)
        for _ in range(3):
            await publisher.publish(identity, record(b"after"))
        values = [each.value for each in await stored(kafka, identity, 4 + taken)]
    assert values == [b"before", *[TOO_LARGE] * taken, b"after", b"after", b"after"]


async def test_a_refusal_is_told_even_if_no_new_producer_can_be_made(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    async with environment(kafka) as identity, publishing(kafka) as publisher:
        await _limit_messages(kafka, identity, 10_000)
        publisher._kafka = msgspec.structs.replace(kafka, bootstrap="127.0.0.1:1")
        await _until_refused(publisher, identity)


async def _until_refused(publisher: KafkaPublisher, identity: str) -> int:
    """Publish what is too large until it is refused, and answer how often it was not: the limit takes a moment."""
    async with asyncio.timeout(10):
        for taken in itertools.count():
            try:
                await publisher.publish(identity, record(TOO_LARGE))
            except StreamUnavailable:
                return taken
    raise AssertionError


async def _limit_messages(kafka: Kafka, identity: str, max_bytes: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    configs = {"max.message.bytes": str(max_bytes)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic_of(identity), configs)])
    await admin.close()


@pytest.mark.clause("OTLP 23a")
async def test_each_batch_asks_for_the_acknowledgement_of_all_replicas(
    kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One broker alone cannot show it: it asks for no more replicas than there are. So the requests are listened to."""
    kafka = Kafka(bootstrap=kafka_bootstrap)
    asked: list[int] = []
    async with environment(kafka) as identity, publishing(kafka) as publisher:
        client = publisher._producer.client
        send = client.send

        async def listened(node: int, request: Any, **more: Any) -> Any:
            if isinstance(request, ProduceRequest):
                asked.append(request.required_acks)
            return await send(node, request, **more)

        monkeypatch.setattr(client, "send", listened)
        for _ in range(3):
            await publisher.publish(identity, record(b"x"))
    assert asked == [-1] * 3


@pytest.mark.clause("OTLP 23a", "OTLP 24b")
async def test_batches_are_numbered_so_that_the_broker_drops_a_repeat(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    async with environment(kafka) as identity, publishing(kafka) as publisher:
        for _ in range(3):
            await publisher.publish(identity, record(b"x"))
        found = await _batches(kafka, identity)
    assert [sequence for _, sequence in found] == [0, 1, 2]
    assert len({producer for producer, _ in found}) == 1
    assert found[0][0] >= 0


async def _batches(kafka: Kafka, identity: str) -> list[tuple[int, int]]:
    """Answer the producer's id and the number of each batch of the first partition, as they stand in the log."""
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    await client.bootstrap()
    topics = [(topic_of(identity), [(0, 0, 1_000_000)])]
    answer: Any = await client.send(client.get_random_node(), FetchRequest(500, 1, 1_000_000, 0, topics))
    await client.close()
    ((_, ((*_, data),)),) = answer.topics
    batches = MemoryRecords(data)
    found: list[tuple[int, int]] = []
    while batches.has_next():
        batch: Any = batches.next_batch()
        found.append((batch.producer_id, batch.base_sequence))
    return found


async def test_topics_are_made_once_and_widened(kafka_bootstrap: str) -> None:
    kafka = Kafka(bootstrap=kafka_bootstrap)
    topics = KafkaTopics(kafka)
    name = topic_of(new_ulid(now_ns()))
    for wanted, expected in ((1, 1), (1, 1), (4, 4), (2, 4)):
        await topics.ensure({name: wanted})
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
        await admin.start()
        described = await admin.describe_topics([name])
        await admin.close()
        assert len(described[0]["partitions"]) == expected
    await topics.close()


async def test_a_topic_that_takes_less_than_a_record_is_told_to_take_it_and_keeps_the_rest(
    kafka_bootstrap: str,
) -> None:
    before = Kafka(bootstrap=kafka_bootstrap, item_max_bytes=1024 * 1024, retention_hours=5)
    kafka = Kafka(bootstrap=kafka_bootstrap)
    async with environment(before) as identity:
        topics = KafkaTopics(kafka)
        for _ in range(2):
            await topics.ensure({topic_of(identity): 1})
        await topics.close()
        values = await _configuration(kafka, identity)
    assert values["max.message.bytes"] == str(kafka.message_max_bytes)
    assert values["retention.ms"] == str(5 * 3_600_000)
    assert values["unclean.leader.election.enable"] == "false"


async def test_a_topic_that_takes_more_than_a_record_is_left_alone(kafka_bootstrap: str) -> None:
    async with environment(Kafka(bootstrap=kafka_bootstrap, item_max_bytes=9 * 1024 * 1024)) as identity:
        kafka = Kafka(bootstrap=kafka_bootstrap)
        before = await _configuration(kafka, identity)
        topics = KafkaTopics(kafka)
        await topics.ensure({topic_of(identity): 1})
        await topics.close()
        assert await _configuration(kafka, identity) == before
        assert int(before["max.message.bytes"]) > kafka.message_max_bytes


async def _configuration(kafka: Kafka, identity: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    answers: Any = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic_of(identity))])
    await admin.close()
    ((_, _, _, _, entries),) = answers[0].resources
    return {name: value for name, value, *_ in entries}


async def test_topics_of_an_absent_broker_are_unavailable() -> None:
    topics = KafkaTopics(Kafka(bootstrap="127.0.0.1:1"))
    with pytest.raises(StreamUnavailable):
        await topics.ensure({"x": 1})
    await topics.close()
