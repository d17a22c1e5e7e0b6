"""Lag: how many records stand in the topics and not in PostgreSQL yet."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.settings import Kafka
from schemas.errors import StreamUnavailable

_TIMEOUT_SECONDS = 15


async def lag(kafka: Kafka, topics: Collection[str], next_offsets: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """Count the records of each topic that are not stored yet; a topic that does not exist has none.

    Args:
        kafka: Where Kafka is.
        topics: Names of topics.
        next_offsets: (topic, partition) → the first offset that is not stored. A partition that is missing here has
            never been read, so that all of it is waiting.

    Raises:
        ConfigError: a setting is wrong.
        StreamUnavailable: Kafka does not answer.
    """
    if not topics:
        return {}
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            partitions = await _partitions(kafka, topics)
            first, end = await _offsets(kafka, partitions)
    except (KafkaError, TimeoutError) as error:
        raise StreamUnavailable(f"Kafka at {kafka.bootstrap} does not answer: {error!r}.") from error
    waiting = dict.fromkeys(topics, 0)
    for where in partitions:
        stored = next_offsets.get((where.topic, where.partition), 0)
        waiting[where.topic] += max(0, end[where] - max(first[where], stored))
    return waiting


async def _partitions(kafka: Kafka, topics: Collection[str]) -> list[TopicPartition]:
    """Answer the partitions of those topics that exist."""
    admin: Any = AIOKafkaAdminClient(**kafka_options(kafka))
    try:
        await admin.start()
        described: list[dict[str, Any]] = await admin.describe_topics(list(topics))
    finally:
        with suppress(KafkaError):
            await admin.close()
    return [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        if not topic["error_code"]
        for partition in topic["partitions"]
    ]


async def _offsets(
    kafka: Kafka, partitions: list[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Answer the first and the end offset of each partition."""
    if not partitions:
        return {}, {}
    consumer: Any = AIOKafkaConsumer(
        **kafka_options(kafka), group_id=None, enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        await consumer.start()
        # Assigned, so that the client knows all leaders at once; paused at a position, so that it fetches nothing.
        consumer.assign(partitions)
        consumer.pause(*partitions)
        for where in partitions:
            consumer.seek(where, 0)
        return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    finally:
        with suppress(KafkaError):
            await consumer.stop()
