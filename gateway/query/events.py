"""What is stored of an environment: pages of events of one kind or several, by time of receipt."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, get_args, get_type_hints
from uuid import UUID

from msgspec import Raw, Struct

from gateway.query import cursor
from gateway.query.columns import SOURCES, Source
from gateway.query.cursor import Key
from gateway.query.redaction import redact
from gateway.query.store import Reader, Tenant
from schemas.stored import Event, EventKind, EventPage, EventsAsked, Order

# A page ends early rather than be larger than about this.
PAGE_MAX_BYTES = 8 * 1024 * 1024
_KEY_COLUMNS = "e.received_at, e.ingest_id, e.place"
_KEY_LENGTH = 3
_MINUTE = timedelta(minutes=1)
_MICROSECOND = timedelta(microseconds=1)
_RANK = {kind: rank for rank, kind in enumerate(EventKind)}


class _Found(Struct, frozen=True):
    key: Key
    event: Event


class _Window(Struct, frozen=True):
    """From when on and before when to read, and behind which key."""

    since: datetime
    until: datetime
    after: Key | None

    def is_empty(self) -> bool:
        return self.since >= self.until


async def read(reader: Reader, org_id: str, environment: str, asked: EventsAsked, *, is_redacted: bool) -> EventPage:
    """Answer a page of what is stored of an environment; with `is_redacted` without what is not for everybody.

    The environment is named in each query, and row-level security holds for the organization beside it.

    Raises:
        Unprocessable: `after` is no cursor of ours.
        StoreTransient: PostgreSQL cannot be reached, or does not answer in time.
    """
    window = window_of(asked)
    found: list[_Found] = []
    ends: list[Key] = []
    async with reader.tenant(org_id) as tenant:
        for kind in asked.kinds:
            rows, is_cut = await _read_kind(tenant, environment, kind, asked, window)
            found += rows
            if is_cut:
                ends.append(rows[-1].key)
    found.sort(key=lambda each: each.key, reverse=_is_newest_first(asked))
    # Behind the last one that was read of a kind there are more of it, which no other kind may overtake.
    kept = [each for each in found if not any(_is_behind(each.key, end, asked) for end in ends)]
    page = kept[: asked.limit]
    is_end = not ends and len(page) == len(found)
    return EventPage(
        items=[redact(each.event) if is_redacted else each.event for each in page],
        next=None if is_end else cursor.write(page[-1].key),
    )


def window_of(asked: EventsAsked) -> _Window:
    """Narrow the time that is asked for to what lies behind the cursor."""
    after = cursor.read(asked.after) if asked.after else None
    if after is None:
        return _Window(asked.since, asked.until, None)
    if _is_newest_first(asked):
        return _Window(asked.since, min(asked.until, after.received_at + _MICROSECOND), after)
    return _Window(max(asked.since, after.received_at), asked.until, after)


async def _read_kind(
    tenant: Tenant, environment: str, kind: EventKind, asked: EventsAsked, window: _Window
) -> tuple[list[_Found], bool]:
    """Read one event more than asked for, of one kind; answer also whether there are more that were too large.

    There is no index that orders by time of receipt, for it would cost every insertion: what was counted by the minute
    says which minutes to read and sort.
    """
    source = SOURCES[kind]
    if window.is_empty() or (asked.trace_id is not None and not source.has_trace_id):
        return [], False
    wanted = asked.limit + 1
    slices = [window]
    if asked.trace_id is None and (narrow := await _narrowed(tenant, environment, source, asked, window)):
        slices.insert(0, narrow)
    rows: list[_Found] = []
    is_cut = False
    for each in slices:
        sql, arguments = query_of(environment, kind, asked, each)
        raw, is_cut = await tenant.rows(sql, *arguments, max_bytes=PAGE_MAX_BYTES)
        rows = [_found(kind, row) for row in raw]
        # What was counted may be gone by now.
        if is_cut or len(rows) == wanted:
            break
    return rows, is_cut


async def _narrowed(
    tenant: Tenant, environment: str, source: Source, asked: EventsAsked, window: _Window
) -> _Window | None:
    """Answer the part of the time that is enough for a page, None where that is all of it."""
    newest = _is_newest_first(asked)
    minute = await tenant.minute_of(
        environment, source, window.since, window.until, events=asked.limit + 1, is_newest_first=newest
    )
    if minute is None:
        return None
    return (
        _Window(minute, window.until, window.after) if newest else _Window(window.since, minute + _MINUTE, window.after)
    )


def query_of(environment: str, kind: EventKind, asked: EventsAsked, window: _Window) -> tuple[str, list[object]]:
    """Write the query of a page of one kind, and its arguments."""
    source = SOURCES[kind]
    arguments: list[object] = [environment, window.since, window.until, asked.limit + 1]
    conditions = ["environment = $1", "received_at >= $2", "received_at < $3"]
    if asked.trace_id is not None:
        arguments.append(asked.trace_id)
        conditions.append(f"trace_id = ${len(arguments)}")
    if (key := window.after) is not None:
        first = len(arguments) + 1
        arguments += [key.received_at, key.kind, key.ingest_id, key.place]
        compare = "<" if _is_newest_first(asked) else ">"
        conditions.append(
            f"(received_at, {_RANK[kind]}, ingest_id, ctid) {compare} "
            f"(${first}::timestamptz, ${first + 1}::integer, ${first + 2}::uuid, ${first + 3}::tid)"
        )
    direction = "DESC" if _is_newest_first(asked) else "ASC"
    join = "LEFT JOIN resources AS r ON r.environment = e.environment AND r.id = e.resource_id"
    sql = f"""
        SELECT {_KEY_COLUMNS}, {source.select()} FROM (
            SELECT *, ctid AS place FROM {source.table} WHERE {" AND ".join(conditions)}
            ORDER BY received_at {direction}, ingest_id {direction}, ctid {direction} LIMIT $4
        ) AS e {join if source.has_resource else ""}
        ORDER BY e.received_at {direction}, e.ingest_id {direction}, e.place {direction}
    """  # noqa: S608 (made of our own names; values are arguments)
    return sql, arguments


def _found(kind: EventKind, row: tuple[Any, ...]) -> _Found:
    """Make an event of a row."""
    received_at, ingest_id, place = row[:_KEY_LENGTH]
    key = Key(received_at, _RANK[kind], UUID(int=ingest_id.int), tuple(place))
    return _Found(key, event_of(kind, row[_KEY_LENGTH:]))


def event_of(kind: EventKind, row: Sequence[Any]) -> Any:  # noqa: ANN401 (an event of the kind)
    """Make an event of what `Source.select` selected."""
    struct, json_fields = SOURCES[kind].struct, _JSON_FIELDS[kind]
    fields = {
        name: Raw(value.encode()) if name in json_fields and value is not None else value
        for name, value in zip(struct.__struct_fields__, row, strict=True)
    }
    return struct(**fields)


def _json_fields(struct: type[Struct]) -> frozenset[str]:
    """Name the fields that hold JSON as it is stored."""
    return frozenset(name for name, hint in get_type_hints(struct).items() if Raw in get_args(hint))


_JSON_FIELDS = {kind: _json_fields(source.struct) for kind, source in SOURCES.items()}


def _is_newest_first(asked: EventsAsked) -> bool:
    return asked.order is Order.NEWEST


def _is_behind(key: Key, last: Key, asked: EventsAsked) -> bool:
    return key < last if _is_newest_first(asked) else key > last
