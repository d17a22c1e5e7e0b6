"""The read side's PostgreSQL: the queries, and one consistent look at their answers."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, cast

import asyncpg

from gateway.query.columns import Source
from gateway.runtime.postgres import UNREACHABLE, Connection, Pool, connect
from gateway.runtime.settings import Database
from schemas.errors import StoreTransient
from schemas.stored import Rejection, RejectionsAsked

# What was stored is counted in the same transaction, so this is exact and as cheap with a billion rows.
_COUNTS = """
WITH counted AS (
    SELECT environment, kind, sum(events)::bigint AS events FROM events_by_minute GROUP BY environment, kind
    UNION ALL
    SELECT environment, 'environment_mismatches', sum(mismatched)::bigint FROM events_by_minute GROUP BY environment
    UNION ALL
    SELECT environment, 'dead_letters', count(*) FROM dead_letters GROUP BY environment
    UNION ALL
    SELECT environment, 'client_discards', sum(quantity)::bigint FROM sentry_outcomes
    WHERE outcome NOT IN ('accepted', 'ignored') GROUP BY environment
)
SELECT e.id, a.slug, e.slug, coalesce(jsonb_object_agg(c.kind, c.events) FILTER (WHERE c.kind IS NOT NULL), '{}')::text
FROM environments AS e
JOIN apps AS a ON a.id = e.app_id
LEFT JOIN counted AS c ON c.environment = e.id
WHERE e.deleted_at IS NULL
GROUP BY e.id, a.slug, e.slug
ORDER BY a.slug, e.slug
"""

_OFFSETS = "SELECT topic, part, next_offset FROM ingest_offset"

_MINUTE = """
SELECT minute FROM (
    SELECT minute, sum(sum(events)) OVER (ORDER BY minute {direction}) AS events_so_far
    FROM events_by_minute
    WHERE environment = $1 AND kind = $2 AND minute > date_trunc('minute', $3::timestamptz)
      AND minute < date_trunc('minute', $4::timestamptz)
    GROUP BY minute
) AS counted
WHERE events_so_far >= $5 ORDER BY minute {direction} LIMIT 1
"""
_PREFETCHED_ROWS = 50
_REJECTIONS = """
SELECT id, at, credential_id, route, status, reason, message FROM rejections
WHERE environment = $1 AND ($2::text IS NULL OR id < $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::text IS NULL OR credential_id = $4)
ORDER BY id DESC LIMIT $5
"""


async def read_counts(database: Database) -> tuple[list[tuple[str, str, str, str]], dict[tuple[str, int], int]]:
    """Read, in one snapshot, what is stored and how far each partition was read.

    Returns:
        Rows of environment id, app slug, environment slug and a JSON object of counts by kind, which is the name of a
        table; and the next offset of each topic and partition.

    Raises:
        StoreTransient: PostgreSQL cannot be reached, or has no schema yet.
    """
    connection = await connect(database)
    try:
        with _translated():
            return await _read(connection)
    finally:
        connection.terminate()


async def _read(connection: Connection) -> tuple[list[tuple[str, str, str, str]], dict[tuple[str, int], int]]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        counts = await connection.fetch(_COUNTS)
        offsets = await connection.fetch(_OFFSETS)
    return [(row[0], row[1], row[2], row[3]) for row in counts], {(row[0], row[1]): row[2] for row in offsets}


class Tenant:
    """What one organization may read, in one transaction: see `Reader.tenant`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, *arguments: object, max_bytes: int) -> tuple[list[tuple[Any, ...]], bool]:
        """Run a query; answer its rows, at least one, until their texts make up `max_bytes`, and whether any was left.

        Raises:
            StoreTransient: PostgreSQL went away, or does not answer in time.
        """
        found: list[tuple[Any, ...]] = []
        size_bytes = 0
        with _translated():
            async for record in self._connection.cursor(sql, *arguments, prefetch=_PREFETCHED_ROWS):
                if found and size_bytes > max_bytes:
                    return found, True
                row = tuple(record.values())
                size_bytes += sum(len(value) for value in row if isinstance(value, str))
                found.append(row)
        return found, False

    async def minute_of(
        self, environment: str, source: Source, since: datetime, until: datetime, *, events: int, is_newest_first: bool
    ) -> datetime | None:
        """Answer the minute up to which the whole minutes of a time hold so many events, None where they do not."""
        sql = _MINUTE.format(direction="DESC" if is_newest_first else "ASC")
        with _translated():
            return await self._connection.fetchval(sql, environment, source.table, since, until, events)

    async def rejections(self, environment: str, asked: RejectionsAsked) -> list[Rejection]:
        """Answer the last refused requests of an environment, one more than asked for, the newest first."""
        arguments = (environment, asked.after, asked.reason, asked.credential_id, asked.limit + 1)
        with _translated():
            rows = await self._connection.fetch(_REJECTIONS, *arguments)
        return [Rejection(**dict(row)) for row in rows]


class Reader:
    """Reads for tenants, over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def tenant(self, org_id: str) -> AsyncGenerator[Tenant]:
        """Read as the role that sees only what belongs to an organization, all of it as of one moment.

        Raises:
            StoreTransient: PostgreSQL cannot be reached.
        """
        with _translated():
            async with (
                self._pool.acquire() as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                await connection.execute("SET LOCAL ROLE axonpush_reader")
                await connection.execute("SELECT set_config('axonpush.org_id', $1, true)", org_id)
                yield Tenant(cast("Connection", connection))  # the pool's proxy, which its stubs call no connection


@contextmanager
def _translated() -> Generator[None]:
    """Turn the driver's ways to say that PostgreSQL is away into the one error for it."""
    try:
        yield
    except asyncpg.UndefinedTableError as error:
        raise StoreTransient(f"{error}. Run `axonpush migrate` first.") from error
    except UNREACHABLE as error:
        raise StoreTransient(f"PostgreSQL went away: {type(error).__name__}: {error}.") from error
