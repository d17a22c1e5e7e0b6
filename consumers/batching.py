"""What is fetched and not yet stored: a queue a partition, bounded by bytes, and batches taken from them fairly."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Struct

from schemas.errors import PoisonRecord, StorePermanent
from schemas.record import Record, record_of

# Small records cost PostgreSQL one key each, so a batch of them is bounded by their number too.
BATCH_MAX_RECORDS = 4_000

# All queues of a worker together hold about this many batches; the partitions that have something waiting share it.
_QUEUED_BATCHES = 8

_RATIO_WINDOW_RECORDS = 1_000
_RATIO_FLOOR_RECORDS = 200


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    part: int


class Claim(Struct, eq=False):
    """A partition that this worker owns until another claims it.

    Attributes:
        partition: What is claimed.
        epoch: What PostgreSQL counted at the claim.
        stored_offset: The first offset that is not stored yet.
        next_offset: The first offset that stands in no batch yet.
        received_ns: When the last stored record was received; 0 before the first.
        is_lost: Set by whoever loses the claim; what was taken under it is dropped.
    """

    partition: Partition
    epoch: int
    stored_offset: int
    next_offset: int
    received_ns: int = 0
    is_lost: bool = False


class Entry(Struct):
    """One message of a partition: the record it carries, or why it can never be stored."""

    offset: int
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None
    record: Record | None = None
    poison: PoisonRecord | None = None

    @property
    def size_bytes(self) -> int:
        """What this entry counts against budgets: its decompressed bytes."""
        return len(self.value or b"") if self.record is None else self.record.inflated_bytes


class Slice(Struct):
    """What a batch takes from one partition: the positions `[start, next_offset)`, which may hold gaps."""

    claim: Claim
    start: int
    next_offset: int
    entries: list[Entry]


class Queue(Struct, eq=False):
    """The entries of one claim that wait for a batch, in order."""

    claim: Claim
    expected_offset: int
    entries: deque[Entry]
    queued_bytes: int = 0
    is_full: bool = False


def entry_of(offset: int, headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Entry:
    """Read one message; what cannot be read carries its poison."""
    entry = Entry(offset=offset, headers=tuple(headers), value=value)
    try:
        entry.record = record_of(entry.headers, value)
    except PoisonRecord as error:
        entry.poison = error
    return entry


def halves(batch: list[Slice]) -> tuple[list[Slice], list[Slice]]:
    """Split a batch of at least two entries, by partitions first, so that each half can be stored after the other."""
    if len(batch) > 1:
        middle = len(batch) // 2
        return batch[:middle], batch[middle:]
    (whole,) = batch
    middle = len(whole.entries) // 2
    boundary = whole.entries[middle].offset
    first = Slice(whole.claim, whole.start, boundary, whole.entries[:middle])
    return [first], [Slice(whole.claim, boundary, whole.next_offset, whole.entries[middle:])]


class Queues:
    """The queues of all claimed partitions."""

    def __init__(self, *, partition_max_bytes: int, batch_max_bytes: int) -> None:
        self._partition_max_bytes = partition_max_bytes
        self._batch_max_bytes = batch_max_bytes
        self._queues: dict[Partition, Queue] = {}
        self._busy_count = 0
        self._turn = 0

    def open(self, claim: Claim) -> None:
        """Let entries of a claimed partition in."""
        self.drop(claim.partition)
        self._queues[claim.partition] = Queue(claim, claim.next_offset, deque())

    def drop(self, partition: Partition) -> None:
        """Give up one partition and what waits of it."""
        queue = self._queues.pop(partition, None)
        if queue is not None:
            queue.claim.is_lost = True
            self._busy_count -= bool(queue.entries)

    def drop_all(self) -> None:
        """Give up every partition, as each rebalance asks for."""
        for partition in list(self._queues):
            self.drop(partition)

    def put(self, partition: Partition, entries: Iterable[Entry]) -> bool:
        """Queue what was fetched, and answer whether the partition is full and must be paused.

        What is not claimed, and what was fetched before the claim's position was known, is dropped.
        """
        queue = self._queues.get(partition)
        if queue is None:
            return False
        was_idle = not queue.entries
        for entry in entries:
            if entry.offset >= queue.expected_offset:
                queue.entries.append(entry)
                queue.queued_bytes += entry.size_bytes
                queue.expected_offset = entry.offset + 1
        self._busy_count += was_idle and bool(queue.entries)
        queue.is_full = queue.queued_bytes >= self._share_bytes()
        return queue.is_full

    def drained(self) -> list[Partition]:
        """Answer the full partitions that have room again, once."""
        drained = [
            partition
            for partition, queue in self._queues.items()
            if queue.is_full and queue.queued_bytes <= self._share_bytes() // 2
        ]
        for partition in drained:
            self._queues[partition].is_full = False
        return drained

    def claims(self) -> list[Claim]:
        """Answer the claims that stand."""
        return [queue.claim for queue in self._queues.values()]

    def has_batch(self) -> bool:
        """Answer whether a full batch waits."""
        queues = self._queues.values()
        return (
            sum(queue.queued_bytes for queue in queues) >= self._batch_max_bytes
            or sum(len(queue.entries) for queue in queues) >= BATCH_MAX_RECORDS
        )

    def take(self) -> list[Slice]:
        """Take a batch: one entry of each partition in turn, until it is full or nothing waits."""
        waiting = deque(queue for queue in self._queues.values() if queue.entries)
        waiting.rotate(-self._turn)
        self._turn += 1
        left_bytes, left_records = self._batch_max_bytes, BATCH_MAX_RECORDS
        batch: dict[Partition, Slice] = {}
        while waiting and left_bytes > 0 and left_records > 0:
            queue = waiting.popleft()
            entry = queue.entries.popleft()
            queue.queued_bytes -= entry.size_bytes
            left_bytes -= entry.size_bytes
            left_records -= 1
            claim = queue.claim
            taken = batch.setdefault(claim.partition, Slice(claim, claim.next_offset, claim.next_offset, []))
            taken.entries.append(entry)
            taken.next_offset = entry.offset + 1
            if queue.entries:
                waiting.append(queue)
            else:
                self._busy_count -= 1
        for taken in batch.values():
            taken.claim.next_offset = taken.next_offset
        return list(batch.values())

    def _share_bytes(self) -> int:
        """Answer what one partition may hold: its own limit, or its share of all that this worker may hold."""
        return min(self._partition_max_bytes, _QUEUED_BATCHES * self._batch_max_bytes // max(1, self._busy_count))


class DeadLetterLimit:
    """Stops a worker that would shovel everything aside."""

    def __init__(self, max_ratio_percent: int) -> None:
        self._max_ratio_percent = max_ratio_percent
        self._window: deque[tuple[int, int]] = deque()
        self._records = 0
        self._dead = 0

    def check(self, records: int, dead: int) -> None:
        """Look at a batch that is about to be stored: so many records, of which some are to become dead letters.

        Raises:
            StorePermanent: too many of the last records would be; the worker has to stop.
        """
        records, dead = self._records + records, self._dead + dead
        if dead * 100 > self._max_ratio_percent * max(records, _RATIO_FLOOR_RECORDS):
            raise StorePermanent(
                f"{dead} of the last {records} records would be dead letters, more than "
                f"worker.dead_letter_max_ratio_percent ({self._max_ratio_percent}) allows. Look at the newest rows of "
                "dead_letters; mend their cause or raise the limit, then start the worker again.",
                reason="dead_letter_ratio",
            )

    def note(self, records: int, dead: int) -> None:
        """Count a batch that was stored."""
        self._window.append((records, dead))
        self._records += records
        self._dead += dead
        while self._records - self._window[0][0] >= _RATIO_WINDOW_RECORDS:
            old_records, old_dead = self._window.popleft()
            self._records -= old_records
            self._dead -= old_dead
