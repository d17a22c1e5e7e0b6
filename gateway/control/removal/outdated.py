"""What the reaper forgets once an hour, because it is too old to be asked for.

- Marks of records and of Sentry events that were stored, by which a repeat is known: a repeat comes while Kafka keeps
  the record, or what was sent twice waits somewhere on its way.
- Resources to which no event refers any more: they were last stored before the first leaf that is left begins. A day is
  left between the two, for the clocks of the edge and of PostgreSQL.
"""

from datetime import datetime, timedelta

from msgspec import Struct

from gateway.control.store import Queries

_NAME = "outdated"
_PAUSE = timedelta(hours=1)
_PART_ROWS = 10_000
# So that one sweep does not take long; the next one goes on.
_PARTS_MAX_COUNT = 20


class _Upkeep(Struct, frozen=True):
    done_at: datetime


class _Statement(Struct, frozen=True):
    statement: str


class _Gone(Struct, frozen=True):
    rows: int


async def forget(queries: Queries, now: datetime, repeats_kept: timedelta) -> None:
    """Forget what is too old, if that was not done within the last hour; what does not get done is left for later.

    Raises:
        DirectoryUnavailable: PostgreSQL cannot be reached, or somebody uses what is to go for longer than a second.
    """
    if await queries.one(_Upkeep, "upkeep_since", _NAME, now - _PAUSE) is not None:
        return
    repeats_end = now - repeats_kept
    for row in await queries.many(_Statement, "removal_of_seen", repeats_end):
        await queries.statement(row.statement)
    has_forgotten = [
        await _in_parts(queries, "forget_sentry_seen", repeats_end),
        await _in_parts(queries, "forget_resources", now),
    ]
    if all(has_forgotten):
        await queries.run("note_upkeep", _NAME, now)


async def _in_parts(queries: Queries, name: str, moment: datetime) -> bool:
    """Delete rows part by part, each in a transaction of its own; answer whether none is left."""
    for _ in range(_PARTS_MAX_COUNT):
        gone = await queries.one(_Gone, name, moment, _PART_ROWS)
        if gone is None or gone.rows < _PART_ROWS:
            return True
    return False
