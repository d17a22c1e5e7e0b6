"""How partitions are dealt to the workers of a group: round robin, with a note on what was dealt from.

A worker with a static id that comes back within the session timeout gets the assignment of before, without a rebalance.
That is what static ids are for; but where the topics changed meanwhile, nobody would ever read the new ones. So the
leader writes into each assignment a digest of the topics it dealt from, and whoever subscribes to others than those
asks for a new deal: it joins again with another nonce, which brokers take for a change of the member.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class Dealer:
    """The assignor of one worker; aiokafka calls it by these names."""

    name = RoundRobinPartitionAssignor.name

    def __init__(self) -> None:
        self._nonce = b""
        self._topics: frozenset[str] = frozenset()
        self._dealt_digest = b""

    @property
    def is_stale(self) -> bool:
        """Answer whether the assignment in force was dealt from other topics than this worker asked for."""
        return self._dealt_digest != _digest(self._topics)

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
        topics = {topic for topic in asked if cluster.partitions_for_topic(topic)}
        dealt = RoundRobinPartitionAssignor.assign(cluster, members)
        return {
            member: ConsumerProtocolMemberAssignment(hand.version, hand.assignment, _digest(topics))
            for member, hand in dealt.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Read what this member was dealt."""
        self._dealt_digest = assignment.user_data


def _digest(topics: Iterable[str]) -> bytes:
    """Name a set of topics."""
    return hashlib.sha256("\n".join(sorted(topics)).encode()).digest()
