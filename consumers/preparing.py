"""A batch becomes work for one transaction: decoded and packed in slices, so that heartbeats keep their turn."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from consumers.batching import Entry, Partition, Slice
from consumers.deadletter import dead_letter
from consumers.rows.packing import decode, pack
from consumers.rows.tables import Rows
from consumers.store.leaves import Leaf, Leaves
from consumers.store.load import Found, Work
from gateway.runtime.clock import Clock
from gateway.runtime.settings import Limits
from schemas.errors import PoisonRecord
from schemas.record import Record
from schemas.topics import environment_of

logger = logging.getLogger(__name__)

_SLICE_SECONDS = 0.02
_GONE = "environment_gone"
_NS_PER_SECOND = 1_000_000_000
_NS_PER_MINUTE = 60 * _NS_PER_SECOND

# Receive times are our own edge's, so a time outside of this is a clock that is wrong: 2020-01-01 to a day from now.
_EARLIEST_NS = 1_577_836_800 * _NS_PER_SECOND
_SKEW_MAX_NS = 86_400 * _NS_PER_SECOND


class _Item(Struct):
    """One entry that is to be stored, and where it goes."""

    partition: Partition
    environment: str
    leaf: Leaf
    entry: Entry
    record: Record


class Preparer:
    """Turns batches into work.

    Args:
        leaves: Where rows go.
        limits: What values are cut to.
        clock: Tells which receive times cannot be.
        wiped_before_ns: Environment → the time before which its events were wiped, as far as is known; kept up to date
            by whoever reads the directory.
    """

    def __init__(self, leaves: Leaves, limits: Limits, clock: Clock, wiped_before_ns: Mapping[str, int | None]) -> None:
        self._leaves = leaves
        self._limits = limits
        self._clock = clock
        self._wiped_before_ns = wiped_before_ns

    async def prepare(self, batch: list[Slice], found: Found) -> Work:
        """Decode and pack a batch, without what an earlier attempt found to be stored, wiped or gone.

        Raises:
            StoreTransient: a leaf is missing and cannot be made now; nothing was decoded yet.
        """
        work = Work(slices=batch)
        for taken in batch:
            environment = environment_of(taken.claim.partition.topic)
            known = self._wiped_before_ns.get(environment)
            work.wiped_before_ns[environment] = found.wiped_before_ns.get(environment, known)
        items = [item for taken in batch for entry in taken.entries if (item := await self._place(work, taken, entry))]
        rows: dict[Leaf, Rows] = {}
        loop = asyncio.get_running_loop()
        pause_at = loop.time() + _SLICE_SECONDS
        for item in items:
            if work.wiped_before_ns[item.environment] is None:
                work.skip(item.environment, _GONE)
            else:
                self._pack(work, item, rows.setdefault(item.leaf, Rows(slug=item.leaf.slug)), found)
            if loop.time() >= pause_at:
                await asyncio.sleep(0)
                pause_at = loop.time() + _SLICE_SECONDS
        for leaf, accumulated in rows.items():
            work.copies.update({(table, leaf): tuples for table, tuples in accumulated.copy.items()})
            for resource_id, resource in accumulated.resources.items():
                work.resources[leaf.environment, resource_id] = resource
        return work

    async def _place(self, work: Work, taken: Slice, entry: Entry) -> _Item | None:
        """Find the leaf of an entry; what is poison, wiped or of an environment that is gone has none."""
        partition = taken.claim.partition
        if entry.poison is not None:
            _set_aside(work, partition, entry, entry.poison)
            return None
        assert entry.record is not None
        record = self._sane(entry.record)
        environment = environment_of(partition.topic)
        wiped_before_ns = work.wiped_before_ns[environment]
        if wiped_before_ns is not None and record.received_ns < wiped_before_ns:
            work.skip(environment, "wiped")
            return None
        leaf = None if wiped_before_ns is None else await self._leaves.covering(environment, record.received_ns)
        if leaf is None:
            work.wiped_before_ns[environment] = None
            work.skip(environment, _GONE)
            return None
        await self._leaves.ensure_seen(record.ingest_id)
        return _Item(partition, environment, leaf, entry, record)

    def _sane(self, record: Record) -> Record:
        """Answer the record with a receive time that can be."""
        now_ns = self._clock()
        if _EARLIEST_NS <= record.received_ns <= now_ns + _SKEW_MAX_NS:
            return record
        logger.warning("A record says that it was received at %d ns: an edge's clock is wrong.", record.received_ns)
        return msgspec.structs.replace(record, received_ns=now_ns)

    def _pack(self, work: Work, item: _Item, rows: Rows, found: Found) -> None:
        """Decode one record and add its rows, or set it aside."""
        record = item.record
        key = (item.environment, record.ingest_id, record.part)
        if key in found.records or key in work.records:
            work.skip(item.environment, "repeat")
            return
        before, mismatched_before = dict(rows.counts), dict(rows.mismatched)
        try:
            decoded = decode(record, self._limits)
            events = {event: (item.environment, *event) for event in decoded.events}
            offered = {event for event, key in events.items() if key not in found.events and key not in work.events}
            fresh = set(offered)
            pack(decoded, rows, fresh)
        except PoisonRecord as error:
            _set_aside(work, item.partition, item.entry, error)
            return
        # A fault of ours with one record must not stop its partition for ever.
        except Exception as error:
            logger.exception("A record of %s at offset %d cannot be packed.", item.partition, item.entry.offset)
            _set_aside(work, item.partition, item.entry, PoisonRecord(repr(error), reason="internal"))
            return
        for outcome, quantity in rows.outcomes.items():
            work.note_outcome((item.environment, item.partition.part, *outcome), quantity)
        rows.outcomes.clear()
        work.records.add(key)
        work.events.update(events[event] for event in offered - fresh)
        minute = record.received_ns // _NS_PER_MINUTE
        for table, count in rows.counts.items():
            if count > before.get(table, 0):
                mismatched = rows.mismatched.get(table, 0) - mismatched_before.get(table, 0)
                where = (item.environment, item.partition.part, minute, table)
                work.count(where, count - before.get(table, 0), mismatched)


def _set_aside(work: Work, partition: Partition, entry: Entry, error: PoisonRecord) -> None:
    """Make an entry a dead letter."""
    work.dead.append(dead_letter(partition, entry, reason=error.reason, detail=error.message))
