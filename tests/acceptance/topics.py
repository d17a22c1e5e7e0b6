"""How much stands in the topics of environments."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

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

    def close(self) -> None:
        """Disconnect and end the thread."""
        self._background.run(self._consumer.stop())
        self._background.close()

    async def _count(self, topics: list[str]) -> int:
        client = self._consumer._client  # there is no public way to learn of a topic's partitions for certain
        for topic in topics:
            await client.add_topic(topic)
        partitions = [
            TopicPartition(topic, part) for topic in topics for part in client.cluster.partitions_for_topic(topic) or ()
        ]
        return sum((await self._consumer.end_offsets(partitions)).values())

    @staticmethod
    async def _connect(bootstrap: str) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        return consumer
