"""The read side's PostgreSQL: the queries, and one consistent look at their answers."""

import asyncpg

from gateway.runtime.postgres import UNREACHABLE, Connection, connect
from gateway.runtime.settings import Database
from schemas.errors import StoreTransient

# What was stored is counted in the same transaction, so this is exact and as cheap with a billion rows.
_COUNTS = """
WITH counted AS (
    SELECT environment, kind, sum(events)::bigint AS events FROM events_by_minute GROUP BY environment, kind
    UNION ALL
    SELECT environment, 'dead_letters', count(*) FROM dead_letters GROUP BY environment
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
        return await _read(connection)
    except asyncpg.UndefinedTableError as error:
        raise StoreTransient(f"{error}. Run `axonpush migrate` first.") from error
    except UNREACHABLE as error:
        raise StoreTransient(f"PostgreSQL went away: {type(error).__name__}: {error}.") from error
    finally:
        connection.terminate()


async def _read(connection: Connection) -> tuple[list[tuple[str, str, str, str]], dict[tuple[str, int], int]]:
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        counts = await connection.fetch(_COUNTS)
        offsets = await connection.fetch(_OFFSETS)
    return [(row[0], row[1], row[2], row[3]) for row in counts], {(row[0], row[1]): row[2] for row in offsets}
