"""What stands in the topics of environments: how much, and the newest of it."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.record import Record, record_of
from schemas.topics import topic_of
from tests.acceptance.background import Background


class Topics:
    """A connection to Kafka that lives in a thread of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._background = Background()
        self._consumer = self._background.run(self._connect(bootstrap))

    def records(self, environment_ids: Iterable[str]) -> int:
        """Count the records of environments."""
        return self._background.run(self._count([topic_of(each) for each in environment_ids]))

    def last(self, environment_id: str) -> Record:
        """Answer the record of an environment that was received last; there must be one."""
        return self._background.run(self._last(topic_of(environment_id)))

    def close(self) -> None:
        """Disconnect and end the thread."""
        self._background.run(self._consumer.stop())
        self._background.close()

    async def _count(self, topics: list[str]) -> int:
        return sum((await self._ends(topics)).values())

    async def _last(self, topic: str) -> Record:
        ends = {partition: end for partition, end in (await self._ends([topic])).items() if end}
        self._consumer.assign(list(ends))
        for partition, end in ends.items():
            self._consumer.seek(partition, end - 1)
        newest = [await self._consumer.getone(partition) for partition in ends]
        self._consumer.unsubscribe()
        return max((record_of(each.headers, each.value) for each in newest), key=lambda record: record.received_ns)

    async def _ends(self, topics: list[str]) -> dict[TopicPartition, int]:
        client = self._consumer._client  # there is no public way to learn of a topic's partitions for certain
        for topic in topics:
            await client.add_topic(topic)
        partitions = [
            TopicPartition(topic, part) for topic in topics for part in client.cluster.partitions_for_topic(topic) or ()
        ]
        return await self._consumer.end_offsets(partitions)

    @staticmethod
    async def _connect(bootstrap: str) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        return consumer
