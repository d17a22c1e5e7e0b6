"""The storage worker: fetch, prepare, store, each a loop of its own with one batch between them.

1. A slot in the consumer group is leased, and the directory followed for as long as the worker lives (`_follow`).
2. `consumers.source` joins the group, claims what it is assigned, fetches, and fills `consumers.batching`'s queues.
3. `consumers.preparing` decodes a batch and packs its rows, while the one before is being stored.
4. `consumers.loading` stores it by `consumers.store.load` in one transaction: again, if need be, for ever.

With PostgreSQL away, step 4 waits, step 3 stops at one batch, and step 2 pauses what is full.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from consumers import progress
from consumers.backoff import Backoff
from consumers.batching import Claim, DeadLetterLimit, Queues, Slice
from consumers.loading import Loader
from consumers.preparing import Preparer
from consumers.source.consumer import Source
from consumers.store.claims import Claims
from consumers.store.lease import Lease, Membership
from consumers.store.leaves import Leaves
from consumers.store.load import Found, Work, add_dead_letters
from consumers.store.session import STORE_NAME, Session
from gateway.runtime import metrics
from gateway.runtime.clock import Clock
from gateway.runtime.ids import new_ulid
from gateway.runtime.settings import Settings
from schemas.errors import StoreTransient, StreamUnavailable
from schemas.topics import environment_of, topic_of

logger = logging.getLogger(__name__)

# Environments that are made one after the other cost one rebalance, not one each.
_DEBOUNCE_SECONDS = 0.1
_UPKEEP_SECONDS = 1
# Other workers hear of new topics within this time; only after it an old deal is one that nobody will renew.
_STALE_SECONDS = 2
_FINISH_TIMEOUT_SECONDS = 10


async def run(settings: Settings, *, clock: Clock, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    """Work until told to stop; then finish the batch in hand, tell Kafka, and leave.

    Args:
        settings: All settings.
        clock: Wall-clock time.
        stop: Set it to end the worker.
        on_ready: Called once, as soon as the worker reads what it is assigned.

    Raises:
        AssignmentLost: another worker took this one's slot while PostgreSQL was away.
        ConfigError: a setting is wrong.
        StorePermanent: too many records would become dead letters.
    """
    await _Worker(settings, clock, on_ready).run(stop)


class _Worker:
    """What the loops of one worker share."""

    def __init__(self, settings: Settings, clock: Clock, on_ready: Callable[[], None]) -> None:
        worker = settings.worker
        owner = new_ulid(clock())
        self._settings = settings
        self._clock = clock
        self._on_ready: Callable[[], None] | None = on_ready
        self._lease = Lease(settings, owner=owner)
        self._session = Session(settings.database, name=STORE_NAME + owner, lock_timeout="4s", owner=owner)
        self._leaf_session = Session(settings.database, name=f"axonpush-leaves {owner}", lock_timeout="1s")
        self._claims = Claims(self._session, owner)
        self._leaves = Leaves(self._leaf_session)
        self._queues = Queues(
            partition_max_bytes=worker.partition_queue_max_bytes, batch_max_bytes=worker.batch_max_bytes
        )
        self._wiped_before_ns: dict[str, int | None] = {}
        self._loader = Loader(
            self._session,
            self._leaves,
            Preparer(self._leaves, settings.limits, clock, self._wiped_before_ns),
            DeadLetterLimit(worker.dead_letter_max_ratio_percent),
            on_lost=self._lost,
            on_stored=self._stored,
        )
        self._source: Source | None = None
        self._topics: frozenset[str] | None = None
        self._arrived = asyncio.Event()
        self._prepared: asyncio.Queue[Work] = asyncio.Queue(maxsize=1)

    async def run(self, stop: asyncio.Event) -> None:
        """Run the loops until one fails or the worker is told to stop."""
        intake = [asyncio.create_task(loop) for loop in (self._take_in(), self._prepare(), self._keep_up())]
        storing = asyncio.create_task(self._store())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*intake, storing, stopping], return_when=asyncio.FIRST_COMPLETED)
            failed = [task for task in (*intake, storing) if task.done()]
            for task in intake:
                task.cancel()
            if not failed:
                finished = asyncio.create_task(self._prepared.join())
                await asyncio.wait(
                    [finished, storing], timeout=_FINISH_TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                finished.cancel()
            for task in failed:
                await task
        finally:
            for task in (*intake, storing, stopping):
                task.cancel()
            await asyncio.wait([*intake, storing, stopping])
            await self._leave()

    async def _leave(self) -> None:
        """Tell Kafka what is stored and close everything; the slot is free at the end."""
        if self._source is not None:
            await self._source.commit(self._queues.claims())
            await self._source.close()
        await self._session.close()
        await self._leaf_session.close()
        await self._lease.close()

    async def _take_in(self) -> None:
        """Take a slot, follow the directory, and be a member of the group; one that broke is made anew."""
        place = await self._take_slot()
        following = asyncio.create_task(self._follow())
        try:
            while True:
                self._source = await self._connect(place)
                try:
                    await self._fetch(self._source, following)
                except StreamUnavailable as error:
                    logger.warning("%s Joining the group again in a few seconds.", error.message)
                    await self._source.close()
                # By then the group has forgotten this member, and deals anew.
                await asyncio.sleep(self._settings.worker.session_timeout_ms / 1000 + 1)
        finally:
            following.cancel()

    async def _connect(self, place: Membership) -> Source:
        """Connect to Kafka, however long that takes."""
        backoff = Backoff()
        while True:
            source = Source(self._settings, place, queues=self._queues, claims=self._claims)
            try:
                await source.open()
            except StreamUnavailable as error:
                logger.warning("%s", error.message)
                await source.close()
                await backoff.wait()
            else:
                return source

    async def _take_slot(self) -> Membership:
        """Take a slot in the group; without PostgreSQL there is none."""
        backoff = Backoff()
        while True:
            try:
                return await self._lease.take()
            except StoreTransient as error:
                logger.warning("No slot can be leased now: %s", error.message)
                await backoff.wait()

    async def _follow(self) -> None:
        """Follow the directory: which environments there are, and what was wiped."""
        while True:
            try:
                environments = await self._lease.environments()
            except StoreTransient as error:
                logger.warning("The directory cannot be read now: %s", error.message)
            else:
                self._wiped_before_ns.clear()
                self._wiped_before_ns.update(environments)
                self._topics = frozenset(topic_of(environment) for environment in environments)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.worker.subscription_refresh_seconds):
                    await self._lease.news.wait()
                    await asyncio.sleep(_DEBOUNCE_SECONDS)
            self._lease.news.clear()

    async def _fetch(self, source: Source, following: asyncio.Task[None]) -> None:
        """Subscribe to what the directory holds, and fetch."""
        loop = asyncio.get_running_loop()
        fresh_at = loop.time()
        while not following.done():
            if self._topics is not None:
                await source.follow(self._topics)
            if await source.fetch():
                self._arrived.set()
            if not source.is_stale:
                fresh_at = loop.time()
            elif loop.time() > fresh_at + _STALE_SECONDS:
                source.ask_for_a_new_deal()
            if self._on_ready is not None and (source.is_settled or self._topics == frozenset()):
                self._on_ready()
                self._on_ready = None
        await following

    async def _prepare(self) -> None:
        """Prepare one batch after the other; a batch that is not full waits a moment for more."""
        while True:
            await self._arrived.wait()
            if not self._queues.has_batch():
                await asyncio.sleep(self._settings.worker.batch_wait_ms / 1000)
            self._arrived.clear()
            batch = self._queues.take()
            if batch:
                await self._prepared.put(await self._loader.prepare(batch, Found()))
                # What is left over waits for the next turn.
                self._arrived.set()

    async def _store(self) -> None:
        """Store one batch after the other."""
        while True:
            work = await self._prepared.get()
            with metrics.WORKER_BATCH_SECONDS.time():
                await self._loader.store(work)
            self._prepared.task_done()

    async def _keep_up(self) -> None:
        """Do now and then what must not wait for a batch: leaves ahead of time, gaps, hints, lag."""
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            source = self._source
            if source is None:
                continue
            environments = {environment_of(claim.partition.topic) for claim in self._queues.claims()}
            try:
                await self._leaves.ahead(environments, self._clock())
                while source.gaps:
                    await add_dead_letters(self._session, source.gaps[:1])
                    del source.gaps[0]
            except StoreTransient as error:
                logger.warning("PostgreSQL cannot be prepared for what comes: %s", error.message)
            await source.commit(self._queues.claims())
            progress.tell_lag(self._queues.claims(), source.end_offsets(), source.stopped(), self._clock())

    def _lost(self, claim: Claim) -> None:
        """Give up a partition that another worker has claimed."""
        if self._source is not None:
            self._source.give_up(claim)

    def _stored(self, slices: list[Slice]) -> None:
        """Note what stands in PostgreSQL."""
        for taken in slices:
            taken.claim.stored_offset = taken.next_offset
            record = taken.entries[-1].record
            if record is not None:
                taken.claim.received_ns = record.received_ns
