"""The transaction: fence the offsets, note what must be stored once, COPY the rows, count, set aside, COMMIT."""

from collections.abc import AsyncIterator, Iterable

from msgspec import Struct, field

from consumers.batching import Partition, Slice
from consumers.deadletter import DeadLetter
from consumers.rows.tables import COLUMNS, ResourceRow
from consumers.store import sql
from consumers.store.leaves import Leaf
from consumers.store.session import Session
from gateway.runtime.postgres import Connection
from schemas.topics import environment_of

# Signature, flags and the length of the header's extension; and the end of the data (PostgreSQL: COPY, Binary Format).
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_TRAILER = b"\xff\xff"
_COPY_CHUNK_BYTES = 512 * 1024

# Environment, ingest id (16 bytes), part.
RecordKey = tuple[str, bytes, int]
# Environment, channel, item type, event id (16 bytes).
EventKey = tuple[str, int, str, bytes]
# Environment, part, minutes since 1970, table.
MinuteKey = tuple[str, int, int, str]
# Environment, part, and the key of `consumers.rows.tables`.
OutcomeKey = tuple[str, int, int, str, str, str]


class Work(Struct):
    """What one transaction stores.

    `wiped_before_ns` holds what was taken for true of each environment when the rows were packed (None: it is gone),
    `copies` the tuples of each table and leaf, without header and trailer, `mismatched` how many rows of a minute say
    that they are of another environment, `outcomes` how many of Sentry's items became what, and `skipped` how many
    records are left out on purpose, by environment and reason.
    """

    slices: list[Slice]
    wiped_before_ns: dict[str, int | None] = field(default_factory=dict[str, int | None])
    records: set[RecordKey] = field(default_factory=set[RecordKey])
    events: set[EventKey] = field(default_factory=set[EventKey])
    resources: dict[tuple[str, bytes], ResourceRow] = field(default_factory=dict[tuple[str, bytes], ResourceRow])
    copies: dict[tuple[str, Leaf], bytearray] = field(default_factory=dict[tuple[str, Leaf], bytearray])
    minutes: dict[MinuteKey, int] = field(default_factory=dict[MinuteKey, int])
    mismatched: dict[MinuteKey, int] = field(default_factory=dict[MinuteKey, int])
    outcomes: dict[OutcomeKey, int] = field(default_factory=dict[OutcomeKey, int])
    dead: list[DeadLetter] = field(default_factory=list[DeadLetter])
    skipped: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def count(self, key: MinuteKey, rows: int, mismatched: int) -> None:
        """Count rows of a minute."""
        self.minutes[key] = self.minutes.get(key, 0) + rows
        if mismatched:
            self.mismatched[key] = self.mismatched.get(key, 0) + mismatched

    def note_outcome(self, key: OutcomeKey, quantity: int) -> None:
        """Count what became of some of Sentry's items."""
        self.outcomes[key] = self.outcomes.get(key, 0) + quantity

    def skip(self, environment: str, reason: str) -> None:
        """Count a record that is not stored on purpose."""
        self.skipped[environment, reason] = self.skipped.get((environment, reason), 0) + 1


class Found(Struct):
    """What a transaction found that packing did not know. Nothing was stored: pack again without it.

    `lost` partitions belong to another worker; those in `done` were stored by a COMMIT whose answer was lost.
    """

    lost: set[Partition] = field(default_factory=set[Partition])
    done: set[Partition] = field(default_factory=set[Partition])
    wiped_before_ns: dict[str, int | None] = field(default_factory=dict[str, int | None])
    records: set[RecordKey] = field(default_factory=set[RecordKey])
    events: set[EventKey] = field(default_factory=set[EventKey])

    def is_empty(self) -> bool:
        """Answer whether everything was as packing took it to be."""
        return not (self.lost or self.done or self.wiped_before_ns or self.records or self.events)


class _RolledBack(Exception):
    """Carries what was found out of a transaction, which it rolls back."""

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.found = found


async def load(session: Session, work: Work) -> Found:
    """Store everything in one transaction, or, where something was found, nothing.

    The same work may be given again after any StoreTransient, a lost answer to COMMIT included: the fence then finds
    the offsets moved, and they say `done`.

    Raises:
        LeafGone: a leaf was dropped; pack again.
        StorePermanent: PostgreSQL refuses a value of some record.
        StoreTransient: PostgreSQL could not do it now.
    """
    try:
        async with session.use() as connection, connection.transaction():
            await _fence(connection, work.slices)
            await _check_environments(connection, work)
            await _mark(connection, work)
            await _write(connection, work)
    except _RolledBack as rolled_back:
        return rolled_back.found
    return Found()


async def add_dead_letters(session: Session, dead: Iterable[DeadLetter]) -> None:
    """Set messages aside in a transaction of their own, moving no offset.

    Raises:
        StoreTransient: PostgreSQL could not do it now.
    """
    async with session.use() as connection:
        await connection.execute(sql.ADD_DEAD_LETTERS, *_dead_columns(dead))


async def _fence(connection: Connection, slices: list[Slice]) -> None:
    """Move every partition on; tell apart those that are lost and those that were moved by this same work before."""
    topics, parts = [s.claim.partition.topic for s in slices], [s.claim.partition.part for s in slices]
    moved = await connection.fetch(
        sql.FENCE,
        topics,
        parts,
        [s.start for s in slices],
        [s.next_offset for s in slices],
        [s.claim.epoch for s in slices],
    )
    if len(moved) == len(slices):
        return
    ours = {Partition(row[0], row[1]) for row in moved}
    stands = {Partition(r[0], r[1]): (r[2], r[3]) for r in await connection.fetch(sql.OFFSETS, topics, parts)}
    found = Found()
    for taken in slices:
        partition = taken.claim.partition
        if partition in ours:
            continue
        is_done = stands.get(partition) == (taken.claim.epoch, taken.next_offset)
        (found.done if is_done else found.lost).add(partition)
    raise _RolledBack(found)


async def _check_environments(connection: Connection, work: Work) -> None:
    """Hold off wipes, and find those and the deletions that packing did not know of."""
    environments = sorted({environment_of(s.claim.partition.topic) for s in work.slices})
    await connection.execute(sql.HOLD_ENVIRONMENTS, environments)
    rows = await connection.fetch(sql.ENVIRONMENTS, environments)
    now: dict[str, int | None] = dict.fromkeys(environments)
    now.update((row[0], row[1]) for row in rows)
    changed = {name: value for name, value in now.items() if work.wiped_before_ns.get(name) != value}
    if changed:
        raise _RolledBack(Found(wiped_before_ns=changed))


async def _mark(connection: Connection, work: Work) -> None:
    """Note records and Sentry events as stored, and find those that were stored before. Sorted: no deadlock."""
    found = Found()
    if work.records:
        rows = await connection.fetch(sql.MARK_RECORDS, *_columns(sorted(work.records), 3))
        found.records.update((row[0], row[1], row[2]) for row in rows)
    if work.events:
        rows = await connection.fetch(sql.MARK_EVENTS, *_columns(sorted(work.events), 4))
        found.events.update((row[0], row[1], row[2], row[3]) for row in rows)
    if not found.is_empty():
        raise _RolledBack(found)


async def _write(connection: Connection, work: Work) -> None:
    """Write everything that is new."""
    if work.resources:
        await connection.execute(sql.KEEP_RESOURCES, *_columns(sorted(work.resources), 2))
        resources = [(*key, *work.resources[key]) for key in sorted(work.resources)]
        await connection.execute(sql.ADD_RESOURCES, *_columns(resources, 6))
    for (table, leaf), tuples in sorted(work.copies.items(), key=lambda item: (item[0][0], item[0][1].suffix)):
        await connection.copy_to_table(
            f"{table}_{leaf.suffix}", source=_copy_data(tuples), columns=COLUMNS[table], format="binary"
        )
    if work.dead:
        await connection.execute(sql.ADD_DEAD_LETTERS, *_dead_columns(work.dead))
    if work.minutes:
        minutes = [(*key, events, work.mismatched.get(key, 0)) for key, events in sorted(work.minutes.items())]
        await connection.execute(sql.COUNT_EVENTS, *_columns(minutes, 6))
    if work.outcomes:
        outcomes = [(*key, quantity) for key, quantity in sorted(work.outcomes.items())]
        await connection.execute(sql.COUNT_OUTCOMES, *_columns(outcomes, 7))


async def _copy_data(tuples: bytearray) -> AsyncIterator[bytes]:
    """Write the binary COPY stream in pieces, so that a large one is under flow control."""
    yield _COPY_HEADER
    view = memoryview(tuples)
    for start in range(0, len(view), _COPY_CHUNK_BYTES):
        yield bytes(view[start : start + _COPY_CHUNK_BYTES])
    yield _COPY_TRAILER


def _dead_columns(dead: Iterable[DeadLetter]) -> list[list[object]]:
    """Turn dead letters into the columns of ADD_DEAD_LETTERS."""
    rows = [
        (
            environment_of(letter.partition.topic),
            letter.reason,
            letter.detail,
            letter.partition.topic,
            letter.partition.part,
            letter.offset,
            letter.headers,
            letter.value,
        )
        for letter in dead
    ]
    return _columns(rows, 8)


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Turn rows into columns, as unnest takes them."""
    columns: list[list[object]] = [[] for _ in range(count)]
    for row in rows:
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return columns
