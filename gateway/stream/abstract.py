"""The port to the stream: what the gateway needs of it, whatever carries it."""

from collections.abc import Collection, Mapping
from typing import Protocol

from schemas.record import Record


class Publisher(Protocol):
    """Publishes records to the topics of environments."""

    async def publish(self, environment_id: str, record: Record) -> None:
        """Return once every in-sync replica has the record.

        Raises:
            StreamUnavailable: no acknowledgement in time, or the topic does not exist; the record may or may not
                arrive later, and the caller must not be told that it was accepted.
            Overloaded: too many bytes are waiting for an acknowledgement already, of the environment or of all.
            PayloadTooLarge: the record is larger than a topic takes.
        """
        ...

    def check_size(self, record: Record) -> None:
        """Return if a topic takes a record as large as this one.

        Raises:
            PayloadTooLarge: it does not.
        """
        ...

    def expect(self, environment_ids: Collection[str]) -> None:
        """Learn the topics that will be published to, so that no first request has to wait for their metadata."""
        ...

    async def check(self) -> None:
        """Return if a publish can be expected to succeed.

        Raises:
            StreamUnavailable: it cannot; the message says why.
        """
        ...


class Topics(Protocol):
    """Makes, checks and deletes the topics of environments."""

    async def ensure(self, partitions_by_topic: Mapping[str, int]) -> None:
        """Make the topics that are missing, and raise partition counts and record limits that are lower.

        Topics that exist are accepted as they are otherwise; where access rules forbid creation, those made beforehand
        are accepted.

        Raises:
            StreamUnavailable: Kafka cannot be reached, or refuses.
        """
        ...

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Answer by partition the offset that the next record will get; nothing where there is no such topic.

        Raises:
            StreamUnavailable: Kafka cannot be reached, or refuses.
        """
        ...

    async def delete(self, topics: Collection[str]) -> None:
        """Delete topics with all their records; those that do not exist are none the worse.

        Raises:
            StreamUnavailable: Kafka cannot be reached, or refuses.
        """
        ...
