"""The consumer of one worker: subscribes, claims what it is assigned, fetches, pauses and resumes."""

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from consumers.backoff import Backoff
from consumers.batching import Claim, Partition, Queues, entry_of
from consumers.deadletter import DeadLetter, gap
from consumers.source.client import CLOSE_TIMEOUT_SECONDS, POLL_MS, close_client, new_client
from consumers.source.dealing import Dealer
from consumers.store.claims import Claims
from consumers.store.lease import Membership
from gateway.runtime.settings import Settings
from schemas.errors import StoreTransient, StreamUnavailable

logger = logging.getLogger(__name__)

_FETCH_MAX_RECORDS = 2_000
# While a rebalance runs, getmany waits for its end; whoever calls `fetch` has other things to look at too.
_FETCH_TIMEOUT_SECONDS = 1
# A partition that another worker claimed is claimed again only if Kafka still says, after some heartbeats, that it is
# ours: else two workers would take it from each other.
_RECLAIM_SECONDS = 3


class Source(ConsumerRebalanceListener):
    """One membership of the consumer group.

    Every rebalance takes everything away and gives some of it back. A partition is paused from the moment it is
    assigned until it is claimed in PostgreSQL and sought to where it is to be read on; what the client fetched before
    is dropped.

    Args:
        settings: Kafka's and the worker's.
        place: The consumer group, and this worker's slot in it, which is its static id.
        queues: Where entries go.
        claims: The store's side of an assignment.
    """

    def __init__(self, settings: Settings, place: Membership, *, queues: Queues, claims: Claims) -> None:
        self._queues = queues
        self._claims = claims
        self._dealer = Dealer()
        self._consumer = new_client(settings, place, self._dealer)
        self._topics: frozenset[str] = frozenset()
        self._is_assigned = False
        self._stopped: set[Partition] = set()
        self._committed: dict[TopicPartition, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        # Gaps that were met, for the worker to store.
        self.gaps: list[DeadLetter] = []

    async def open(self) -> None:
        """Connect to Kafka.

        Raises:
            StreamUnavailable: no broker answers.
        """
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise StreamUnavailable(f"Kafka cannot be reached: {error!r}.") from error

    async def close(self) -> None:
        """Leave, without telling the group: the slot's next worker takes over where this one stood."""
        self._forget_assignment()
        await close_client(self._consumer)

    @property
    def is_settled(self) -> bool:
        """Answer whether partitions were assigned, none perhaps, and all of them claimed."""
        return self._is_assigned and not self._tasks

    @property
    def is_stale(self) -> bool:
        """Answer whether the assignment in force was dealt before the group knew of all that this worker knows of."""
        known = sum(len(self._consumer.partitions_for_topic(topic) or ()) for topic in self._topics)
        return self._is_assigned and self._dealer.is_stale(known)

    async def follow(self, topics: frozenset[str]) -> None:
        """Subscribe to those of the topics that exist, if they are others than so far.

        Raises:
            StreamUnavailable: Kafka does not answer.
        """
        if topics - self._topics:
            try:
                topics &= await self._consumer.topics()
            except KafkaError as error:
                raise StreamUnavailable(f"Kafka does not list its topics: {error!r}.") from error
        if topics != self._topics:
            logger.info("Subscribing to %d topics.", len(topics))
            self._topics = topics
            self._subscribe()

    def ask_for_a_new_deal(self) -> None:
        """Make the group deal its partitions again."""
        logger.info("The group dealt its partitions before it knew of all of them: asking it to deal again.")
        self._dealer.ask_for_a_new_deal()
        self._subscribe()

    async def fetch(self) -> int:
        """Queue what has arrived, and answer how many records that was; wait for some, but not for long.

        Raises:
            StreamUnavailable: the membership broke and has to be made anew.
        """
        if self._failure is not None:
            raise self._failure
        self._resume_drained()
        if not self._topics:
            await asyncio.sleep(POLL_MS / 1000)
            return 0
        try:
            fetched = await self._poll()
        except KafkaError as error:
            raise StreamUnavailable(f"Kafka's consumer failed: {error!r}.") from error
        for where, messages in fetched.items():
            entries = [entry_of(message.offset, message.headers, message.value) for message in messages]
            if self._queues.put(Partition(*where), entries):
                self._consumer.pause(where)
        return sum(len(messages) for messages in fetched.values())

    def give_up(self, claim: Claim) -> None:
        """Drop a partition that another worker has claimed; if Kafka goes on saying that it is ours, claim it again."""
        if claim.is_lost:
            return
        self._queues.drop(claim.partition)
        claim.is_lost = True
        self._consumer.pause(TopicPartition(*claim.partition))
        self._start(self._claim({claim.partition}, after_seconds=_RECLAIM_SECONDS))

    async def commit(self, claims: Iterable[Claim]) -> None:
        """Tell Kafka what is stored: a hint for lag tools, so its failure is nobody's concern."""
        hints = {TopicPartition(*claim.partition): claim.stored_offset for claim in claims}
        news = {where: offset for where, offset in hints.items() if self._committed.get(where) != offset}
        if news:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await self._consumer.commit(news)
                self._committed = hints

    def end_offsets(self) -> dict[Partition, int]:
        """Answer the ends of this worker's partitions, as far as Kafka has told."""
        ends = {Partition(*where): self._consumer.highwater(where) for where in self._consumer.assignment()}
        return {partition: end for partition, end in ends.items() if end is not None}

    def stopped(self) -> set[Partition]:
        """Answer the partitions that are not read because Kafka no longer has the next offset."""
        return self._stopped

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Stop the intake. A batch that is being stored goes on: whoever claims next waits for it, or shuts it out."""
        del revoked
        self._forget_assignment()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Keep the partitions shut and begin to claim them; no more, because no heartbeat is sent while this runs."""
        try:
            self._forget_assignment()
            self._is_assigned = True
            for where in assigned:
                self._consumer.pause(where)
                # Any position keeps the client from asking for a committed one, which it would have to refuse.
                self._consumer.seek(where, 0)
            partitions = {Partition(*where) for where in assigned}
            logger.info("Assigned %d partitions: claiming them.", len(partitions))
            self._start(self._claim(partitions))
        # aiokafka logs what a listener raises, and goes on.
        except Exception as error:  # noqa: BLE001
            self._failure = error

    async def _poll(self) -> dict[TopicPartition, list[Any]]:
        """Answer what has arrived."""
        try:
            async with asyncio.timeout(_FETCH_TIMEOUT_SECONDS):
                return await self._consumer.getmany(timeout_ms=POLL_MS, max_records=_FETCH_MAX_RECORDS)
        except (TimeoutError, NoOffsetForPartitionError):
            return {}
        except OffsetOutOfRangeError as error:
            await self._stop_partitions(error.args[0])
            return {}

    def _subscribe(self) -> None:
        """Subscribe anew; the client takes everything away at once."""
        self._forget_assignment()
        if self._topics:
            self._consumer.subscribe(topics=list(self._topics), listener=self)
        else:
            self._consumer.unsubscribe()

    def _forget_assignment(self) -> None:
        """Shut every gate."""
        self._is_assigned = False
        self._stopped.clear()
        self._queues.drop_all()
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as this assignment lasts; its failure is the membership's."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Note how a task ended."""
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()

    async def _claim(self, partitions: set[Partition], *, after_seconds: float = 0) -> None:
        """Claim partitions and open them; go on until that is done or a rebalance cancels it."""
        await asyncio.sleep(after_seconds)
        backoff = Backoff()
        waiting = set(partitions)
        while waiting:
            try:
                for claim in await self._claims.take_known(waiting):
                    self._open(claim)
                    waiting.discard(claim.partition)
                if waiting:
                    first = await self._consumer.beginning_offsets([TopicPartition(*p) for p in waiting])
                    for claim in await self._claims.take_new({Partition(*p): offset for p, offset in first.items()}):
                        self._open(claim)
                        waiting.discard(claim.partition)
            except (StoreTransient, KafkaError) as error:
                logger.warning("%d partitions cannot be claimed now: %r", len(waiting), error)
                await backoff.wait()

    def _open(self, claim: Claim) -> None:
        """Let a claimed partition's records in, from where it is to be read on."""
        where = TopicPartition(*claim.partition)
        self._consumer.seek(where, claim.next_offset)
        self._queues.open(claim)
        self._consumer.resume(where)

    def _resume_drained(self) -> None:
        """Fetch again from partitions whose queue has room."""
        for partition in self._queues.drained():
            if partition not in self._stopped:
                self._consumer.resume(TopicPartition(*partition))

    async def _stop_partitions(self, offsets: dict[TopicPartition, int]) -> None:
        """Stop partitions whose next offset Kafka no longer has: a person has to decide."""
        for where, offset in offsets.items():
            partition = Partition(*where)
            self._consumer.pause(where)
            self._stopped.add(partition)
            first = await self._consumer.beginning_offsets([where])
            letter = gap(partition, next_offset=offset, first_offset=first[where])
            logger.error("offset_out_of_range: %s", letter.detail)
            self.gaps.append(letter)
