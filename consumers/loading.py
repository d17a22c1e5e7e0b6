"""A batch gets into PostgreSQL, whatever happens: tried again, packed again, or bisected down to the poison record."""

import logging
from collections.abc import Callable

from consumers.backoff import Backoff
from consumers.batching import Claim, DeadLetterLimit, Slice, halves
from consumers.preparing import Preparer
from consumers.store.errors import LeafGone
from consumers.store.leaves import Leaves
from consumers.store.load import Found, Work, load
from consumers.store.session import Session
from gateway.runtime import metrics
from schemas.errors import PoisonRecord, StorePermanent, StoreTransient
from schemas.topics import environment_of

logger = logging.getLogger(__name__)


class Loader:
    """Stores batches one after the other.

    Args:
        session: The storing session.
        leaves: Where rows go.
        preparer: Makes work of batches.
        limit: Stops the worker where too much is set aside.
        on_lost: Told of a claim that another worker has taken.
        on_stored: Told of the slices that now stand in PostgreSQL.
    """

    def __init__(
        self,
        session: Session,
        leaves: Leaves,
        preparer: Preparer,
        limit: DeadLetterLimit,
        *,
        on_lost: Callable[[Claim], None],
        on_stored: Callable[[list[Slice]], None],
    ) -> None:
        self._session = session
        self._leaves = leaves
        self._preparer = preparer
        self._limit = limit
        self._on_lost = on_lost
        self._on_stored = on_stored

    async def prepare(self, batch: list[Slice], found: Found) -> Work:
        """Make work of a batch, and wait where PostgreSQL cannot make a leaf now."""
        backoff = Backoff()
        while True:
            batch = [taken for taken in batch if not taken.claim.is_lost]
            try:
                return await self._preparer.prepare(batch, found)
            except StoreTransient as error:
                logger.warning("A leaf cannot be made now: %s", error.message)
                await backoff.wait()

    async def store(self, work: Work) -> None:
        """Store a batch: all that is still ours, each record once; return when it stands, however long that takes.

        Raises:
            StorePermanent: too much would be set aside, or PostgreSQL refuses a dead letter too.
        """
        known = Found()
        backoff = Backoff()
        while not all(taken.claim.is_lost for taken in work.slices):
            self._limit.check(_records(work), len(work.dead))
            try:
                found = await load(self._session, work)
            except LeafGone as error:
                logger.warning("%s", error.message)
                self._leaves.forget()
                await backoff.wait()
                work = await self.prepare(work.slices, known)
            except StoreTransient as error:
                logger.warning("A batch cannot be stored now: %s", error.message)
                await backoff.wait()
            except StorePermanent as error:
                await self._bisect(work.slices, known, error)
                return
            else:
                if found.is_empty():
                    self._stored(work)
                    return
                work = await self._without(work, known, found)

    async def _without(self, work: Work, known: Found, found: Found) -> Work:
        """Pack again without what was found; `known` remembers it for this batch."""
        known.wiped_before_ns.update(found.wiped_before_ns)
        known.records |= found.records
        known.events |= found.events
        kept: list[Slice] = []
        for taken in work.slices:
            partition = taken.claim.partition
            if partition in found.lost:
                logger.warning("%s/%d belongs to another worker now.", *partition)
                metrics.WORKER_FENCED.labels(environment_of(partition.topic)).inc()
                self._on_lost(taken.claim)
            elif partition in found.done:
                self._on_stored([taken])
            else:
                kept.append(taken)
        return await self.prepare(kept, known)

    async def _bisect(self, batch: list[Slice], known: Found, error: StorePermanent) -> None:
        """Store a batch that PostgreSQL refused in two halves, down to the one record, which is set aside."""
        entries = [entry for taken in batch for entry in taken.entries]
        if len(entries) > 1:
            for half in halves(batch):
                await self.store(await self.prepare(half, known))
            return
        (entry,) = entries
        if entry.poison is not None:
            raise error
        entry.poison = PoisonRecord(error.message, reason="refused_by_postgresql")
        await self.store(await self.prepare(batch, known))

    def _stored(self, work: Work) -> None:
        """Count what now stands in PostgreSQL."""
        self._limit.note(_records(work), len(work.dead))
        for (environment, _, _, table), count in work.minutes.items():
            metrics.WORKER_ROWS.labels(environment, table).inc(count)
        for (environment, _, _, _), count in work.mismatched.items():
            metrics.ENVIRONMENT_MISMATCHES.labels(environment).inc(count)
        for (environment, _, _, outcome, _, _), quantity in work.outcomes.items():
            metrics.SENTRY_OUTCOMES.labels(environment, outcome).inc(quantity)
        for letter in work.dead:
            metrics.WORKER_DEAD_LETTERS.labels(environment_of(letter.partition.topic), letter.reason).inc()
        for (environment, reason), count in work.skipped.items():
            metrics.WORKER_SKIPPED.labels(environment, reason).inc(count)
        for taken in work.slices:
            metrics.WORKER_RECORDS.labels(environment_of(taken.claim.partition.topic)).inc(len(taken.entries))
        self._on_stored(work.slices)


def _records(work: Work) -> int:
    """Count the records of a batch."""
    return sum(len(taken.entries) for taken in work.slices)
