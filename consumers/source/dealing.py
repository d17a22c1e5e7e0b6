"""How partitions are dealt to the workers of a group: round robin, with a note on what was dealt.

A worker with a static id that comes back within the session timeout gets the assignment of before, without a
rebalance, and without being asked what it subscribes to. That is what static ids are for; but where topics or
partitions were added meanwhile, nobody would ever read them. So the leader writes into each assignment what it dealt,
and whoever knows of more asks for a new deal: it joins again with another nonce, which brokers take for a change of the
member.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

# What was dealt is noted as the number of partitions and a digest of the topics.
_COUNT_BYTES = 4


class Dealer:
    """The assignor of one worker; aiokafka calls it by these names."""

    name = RoundRobinPartitionAssignor.name

    def __init__(self) -> None:
        self._nonce = b""
        self._topics: frozenset[str] = frozenset()
        self._dealt = b""

    def is_stale(self, partitions_count: int) -> bool:
        """Answer whether the assignment in force was dealt from other topics than this worker asked for, or from fewer.

        Args:
            partitions_count: How many partitions these topics have, as far as this worker knows.
        """
        return self._dealt[_COUNT_BYTES:] != _digest(self._topics) or partitions_count > int.from_bytes(
            self._dealt[:_COUNT_BYTES], "big"
        )

    def ask_for_a_new_deal(self) -> None:
        """Make the next join one that brokers cannot take for a repetition."""
        self._nonce = secrets.token_bytes(8)

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Write what this member asks for."""
        self._topics = frozenset(topics)
        return ConsumerProtocolMemberMetadata(RoundRobinPartitionAssignor.version, sorted(self._topics), self._nonce)

    def assign(
        self,
        cluster: Any,  # noqa: ANN401 (aiokafka has no types)
        members: Mapping[str, ConsumerProtocolMemberMetadata],
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Deal all partitions, as the leader."""
        asked = frozenset(topic for member in members.values() for topic in member.subscription)
        counts = {topic: len(partitions) for topic in asked if (partitions := cluster.partitions_for_topic(topic))}
        note = sum(counts.values()).to_bytes(_COUNT_BYTES, "big") + _digest(counts)
        dealt = RoundRobinPartitionAssignor.assign(cluster, members)
        return {
            member: ConsumerProtocolMemberAssignment(hand.version, hand.assignment, note)
            for member, hand in dealt.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Read what this member was dealt."""
        self._dealt = assignment.user_data


def _digest(topics: Iterable[str]) -> bytes:
    """Name a set of topics."""
    return hashlib.sha256("\n".join(sorted(topics)).encode()).digest()
