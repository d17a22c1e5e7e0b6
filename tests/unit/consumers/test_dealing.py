"""Dealing: round robin, and how a member notices that it was dealt from topics of before."""

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from consumers.source.dealing import Dealer


class Cluster:
    """Kafka's topics and their partitions."""

    def __init__(self, **partitions: int) -> None:
        self._partitions = partitions

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        """Answer as aiokafka's cluster does."""
        return set(range(self._partitions[topic])) if topic in self._partitions else None


def deal(cluster: Cluster, **members: Dealer) -> dict[str, ConsumerProtocolMemberAssignment]:
    leader = next(iter(members.values()))
    asked = {name: member.metadata(member_topics(member)) for name, member in members.items()}
    hands = leader.assign(cluster, asked)
    for name, member in members.items():
        member.on_assignment(hands[name])
    return hands


def member_topics(member: Dealer) -> list[str]:
    return sorted(member._topics)


def asking(*topics: str) -> Dealer:
    dealer = Dealer()
    dealer.metadata(topics)
    return dealer


def test_partitions_are_dealt_in_turn() -> None:
    one, two = asking("a", "b"), asking("a", "b")
    hands = deal(Cluster(a=2, b=3), one=one, two=two)
    assert sorted(len(hand.partitions()) for hand in hands.values()) == [2, 3]
    assert not one.is_stale(5)
    assert not two.is_stale(5)


def test_who_asks_for_other_topics_than_were_dealt_notices() -> None:
    before = asking("a")
    (hand,) = deal(Cluster(a=1), before=before).values()
    returned = asking("a", "new")
    returned.on_assignment(hand)
    assert returned.is_stale(1)
    deal(Cluster(a=1, new=1), returned=returned)
    assert not returned.is_stale(2)


def test_a_topic_that_the_leader_does_not_see_yet_makes_a_stale_deal() -> None:
    member = asking("a", "new")
    deal(Cluster(a=1), member=member)
    assert member.is_stale(1)


def test_partitions_that_were_added_make_a_stale_deal_and_those_not_yet_seen_do_not() -> None:
    member = asking("a")
    deal(Cluster(a=3), member=member)
    assert member.is_stale(4)
    assert not member.is_stale(3)
    assert not member.is_stale(2)


def test_asking_again_differs_from_asking_before() -> None:
    member = asking("a")
    first = member.metadata(["a"]).encode()
    assert member.metadata(["a"]).encode() == first
    member.ask_for_a_new_deal()
    assert member.metadata(["a"]).encode() != first
