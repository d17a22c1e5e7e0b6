"""Administration of the environments' topics: made by whoever makes an environment, never by asking for metadata."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.settings import Kafka
from schemas.errors import StreamUnavailable

_log = logging.getLogger(__name__)

_MS_PER_HOUR = 3_600_000
_TIMEOUT_SECONDS = 10.0
_LIMIT = "max.message.bytes"
# Where a value of a topic comes from: its own configuration (Kafka's protocol, DescribeConfigs).
_OWN_CONFIG = 1
# Where access rules forbid creation, a topic made beforehand is accepted.
_ACCEPTABLE = (TopicAlreadyExistsError, TopicAuthorizationFailedError)


class KafkaTopics:
    """`Topics` over Kafka's admin API; connects when it is first asked."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka
        self._client: AIOKafkaAdminClient | None = None
        self._connecting = asyncio.Lock()

    async def ensure(self, partitions_by_topic: Mapping[str, int]) -> None:
        """See `Topics.ensure`."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                client = await self._connected()
                existing = await _partition_counts(client, partitions_by_topic)
                await self._create(client, {t: n for t, n in partitions_by_topic.items() if t not in existing})
                await _raise_limits(client, existing, self._kafka.message_max_bytes)
                await _widen(client, {t: n for t, n in partitions_by_topic.items() if n > existing.get(t, n)})
        except (KafkaError, TimeoutError, OSError) as error:
            raise StreamUnavailable(f"The topics cannot be made ready: {error!r}.") from error

    async def ends(self, topic: str) -> Mapping[int, int]:
        """See `Topics.ends`."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                count = (await _partition_counts(await self._connected(), [topic])).get(topic, 0)
                if not count:
                    return {}
                consumer: Any = AIOKafkaConsumer(**kafka_options(self._kafka), group_id=None, enable_auto_commit=False)
                await consumer.start()
                try:
                    ends = await consumer.end_offsets([TopicPartition(topic, part) for part in range(count)])
                finally:
                    await consumer.stop()
        except (KafkaError, TimeoutError, OSError) as error:
            raise StreamUnavailable(f"The end of {topic} cannot be read: {error!r}.") from error
        return {partition.partition: offset for partition, offset in ends.items()}

    async def delete(self, topics: Collection[str]) -> None:
        """See `Topics.delete`."""
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                answer: Any = await (await self._connected()).delete_topics(list(topics))
                for topic, code, *_ in answer.topic_error_codes:
                    error = for_code(code)
                    if code and not issubclass(error, UnknownTopicOrPartitionError):
                        raise error(topic)
        except (KafkaError, TimeoutError, OSError) as error:
            raise StreamUnavailable(f"The topics cannot be deleted: {error!r}.") from error

    async def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> AIOKafkaAdminClient:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaAdminClient(
                    **kafka_options(self._kafka), request_timeout_ms=int(_TIMEOUT_SECONDS * 1000)
                )
                try:
                    await client.start()
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    async def _create(self, client: AIOKafkaAdminClient, partitions_by_topic: Mapping[str, int]) -> None:
        if not partitions_by_topic:
            return
        configs = {
            _LIMIT: str(self._kafka.message_max_bytes),
            "min.insync.replicas": str(self._kafka.min_insync_replicas),
            "retention.ms": str(self._kafka.retention_hours * _MS_PER_HOUR),
            "unclean.leader.election.enable": "false",
        }
        answer: Any = await client.create_topics(
            [
                NewTopic(topic, partitions, self._kafka.replication_factor, topic_configs=configs)
                for topic, partitions in partitions_by_topic.items()
            ]
        )
        forbidden: list[str] = []
        for topic, code, *message in answer.topic_errors:
            if not code:
                continue
            error = for_code(code)
            if not issubclass(error, _ACCEPTABLE):
                raise error(f"{topic}: {message}")
            if issubclass(error, TopicAuthorizationFailedError):
                forbidden.append(topic)
        if forbidden and (missing := set(forbidden) - set(await _partition_counts(client, forbidden))):
            raise TopicAuthorizationFailedError(f"May not create, and nobody made beforehand: {sorted(missing)}")


async def _partition_counts(client: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    """Answer how many partitions each of the topics has that exist."""
    described: Any = await client.describe_topics(list(topics))
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def _raise_limits(client: AIOKafkaAdminClient, topics: Iterable[str], max_bytes: int) -> None:
    """Let topics that take less than a record may have take it, and say so where that is not allowed."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    if not asked:
        return
    described: Any = await client.describe_configs(asked)
    for code, _, _, topic, entries in (found for answer in described for found in answer.resources):
        if code:
            _log.warning("The configuration of %s may not be read; see that its %s is %d.", topic, _LIMIT, max_bytes)
            continue
        values = {name: value for name, value, *_ in entries}
        if int(values[_LIMIT]) >= max_bytes:
            continue
        # Kafka resets whatever is not named here.
        own = {name: value for name, value, _, source, *_ in entries if source == _OWN_CONFIG}
        changed = ConfigResource(ConfigResourceType.TOPIC, topic, own | {_LIMIT: str(max_bytes)})
        answers: Any = await client.alter_configs([changed])
        if any(result[0] for answer in answers for result in answer.resources):
            _log.warning(
                "%s of %s is %s; larger records are refused. Set it to %d.", _LIMIT, topic, values[_LIMIT], max_bytes
            )


async def _widen(client: AIOKafkaAdminClient, partitions_by_topic: Mapping[str, int]) -> None:
    """Raise partition counts; Kafka cannot lower them."""
    if partitions_by_topic:
        await client.create_partitions({topic: NewPartitions(count) for topic, count in partitions_by_topic.items()})
