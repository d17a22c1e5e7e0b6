"""What an edge process writes to PostgreSQL: that it lives, what it has applied, what was used."""

import os
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

from gateway.edge.accounting.limits import Amount, month_of
from gateway.edge.accounting.rejections import Rejection
from gateway.edge.accounting.usage import Used
from gateway.runtime.clock import Clock
from gateway.runtime.ids import new_ulid
from gateway.runtime.postgres import FAILURES, Connection, Pool
from schemas.errors import StoreTransient

_NS_PER_SECOND = 1_000_000_000
_NS_PER_MINUTE = 60 * _NS_PER_SECOND

# The count is of those that live, this one included.
_HEARTBEAT = """
    WITH own AS (
        INSERT INTO edge_processes AS e (id, host, pid, started_at, heartbeat_at, applied)
        VALUES ($1, $2, $3, $4, now(), $5::text::pg_snapshot)
        ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), applied = coalesce(excluded.applied, e.applied)
    )
    SELECT 1 + count(*)::integer FROM edge_processes WHERE id <> $1 AND heartbeat_at > now() - interval '10 seconds'"""
_GONE = "DELETE FROM edge_processes WHERE id = $1"
# A flush whose answer was lost is sent again: it counts once.
_IS_NEW = "UPDATE edge_processes SET flushed_sequence = $2 WHERE id = $1 AND flushed_sequence < $2 RETURNING true"
_USAGE = """
    INSERT INTO usage_by_minute AS u (environment_id, credential_id, minute, requests, items, bytes)
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
    ON CONFLICT (environment_id, minute, credential_id) DO UPDATE SET
        requests = u.requests + excluded.requests, items = u.items + excluded.items, bytes = u.bytes + excluded.bytes"""
_REFUSALS = """
    INSERT INTO refusals_by_minute AS r (environment_id, credential_id, minute, reason, requests)
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::bigint[])
    ON CONFLICT (environment_id, minute, credential_id, reason) DO UPDATE SET
        requests = r.requests + excluded.requests"""
# In one order in every process, or two that flush the same would wait for each other.
_MONTHS = """
    INSERT INTO usage_by_month AS m (subject, month, requests, bytes)
    SELECT subject, month, sum(requests), sum(bytes)
    FROM unnest($1::text[], $2::date[], $3::bigint[], $4::bigint[]) AS used (subject, month, requests, bytes)
    GROUP BY subject, month ORDER BY subject, month
    ON CONFLICT (subject, month) DO UPDATE SET
        requests = m.requests + excluded.requests, bytes = m.bytes + excluded.bytes"""
_LAST_USED = """
    INSERT INTO credential_uses AS c (credential_id, last_used_at)
    SELECT id, max(at) FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) GROUP BY id ORDER BY id
    ON CONFLICT (credential_id) DO UPDATE SET last_used_at = greatest(c.last_used_at, excluded.last_used_at)"""
_USED_THIS_MONTH = """
    SELECT subject, requests, bytes FROM usage_by_month
    WHERE month = $1 AND subject IN (
        SELECT id FROM environments WHERE monthly_quota IS NOT NULL
        UNION ALL SELECT id FROM credentials WHERE monthly_quota IS NOT NULL)"""
# The lives that accepted requests extend far enough to write it down. They stay locked, so that two processes do not
# write the same; and nothing is updated where none is due, for any update notifies every directory.
_DUE = """
    SELECT e.id FROM environments AS e JOIN unnest($1::text[], $2::timestamptz[]) AS accepted (id, at) USING (id)
    WHERE e.deleted_at IS NULL AND accepted.at < e.expires_at AND e.expires_at < e.max_expires_at
      AND accepted.at + make_interval(secs => e.ttl_seconds * (1 - $3::integer / 100.0)) >= e.expires_at
    ORDER BY e.id FOR NO KEY UPDATE OF e"""
_EXTEND = """
    UPDATE environments AS e
    SET expires_at = least(accepted.at + make_interval(secs => e.ttl_seconds), e.max_expires_at)
    FROM unnest($1::text[], $2::timestamptz[]) AS accepted (id, at) WHERE e.id = accepted.id"""
_FORGET = (
    "DELETE FROM edge_processes WHERE heartbeat_at < now() - interval '1 day'",
    "DELETE FROM usage_by_minute WHERE minute < now() - interval '400 days'",
    "DELETE FROM refusals_by_minute WHERE minute < now() - interval '400 days'",
)


_REJECTIONS = """
    INSERT INTO rejections (environment, id, at, credential_id, route, status, reason, message)
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::integer[], $7::text[],
                         $8::text[])
    ON CONFLICT DO NOTHING"""
_REJECTIONS_MAX_COUNT = 1000
# Whoever comes second leaves to the first what it is deleting.
_FORGET_REJECTIONS = """
    DELETE FROM rejections WHERE (environment, id) IN (
        SELECT r.environment, r.id FROM unnest($1::text[]) AS e (id),
            LATERAL (SELECT environment, id FROM rejections WHERE environment = e.id
                     ORDER BY id DESC OFFSET $2 FOR UPDATE SKIP LOCKED) AS r)"""


class Ledger:
    """One process's account in PostgreSQL, under an id of its own. Every method raises StoreTransient if it fails."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self.id = new_ulid(clock())
        self._started_at = _moment(clock())

    async def beat(self, snapshot: str) -> int:
        """Say that this process lives and what it has applied (empty: not known); answer how many processes live."""
        async with self._connection() as connection:
            return await connection.fetchval(
                _HEARTBEAT, self.id, socket.gethostname(), os.getpid(), self._started_at, snapshot or None
            )

    async def flush(self, sequence: int, used: Sequence[Used]) -> None:
        """Add what was used; the same sequence number again adds nothing."""
        async with self._connection() as connection, connection.transaction():
            if await connection.fetchval(_IS_NEW, self.id, sequence):
                await _add(connection, used)

    async def extend(self, accepted_ns: Mapping[str, int], step_percent: int) -> bool:
        """Let environments live on from their last accepted requests, where that is a step or more; say if any does."""
        async with self._connection() as connection, connection.transaction():
            moments = {identity: _moment(at_ns) for identity, at_ns in accepted_ns.items()}
            rows = await connection.fetch(_DUE, list(moments), list(moments.values()), step_percent)
            due = [row["id"] for row in rows]
            if due:
                await connection.execute(_EXTEND, due, [moments[identity] for identity in due])
            return bool(due)

    async def add_rejections(self, rejections: Sequence[Rejection]) -> None:
        """Add refused requests; of each environment the last ones are kept. The same one again adds nothing."""
        async with self._connection() as connection, connection.transaction():
            await connection.execute(
                _REJECTIONS,
                [each.environment_id for each in rejections],
                [each.id for each in rejections],
                [_moment(each.at_ns) for each in rejections],
                [each.credential_id for each in rejections],
                [each.route for each in rejections],
                [each.status for each in rejections],
                [each.reason for each in rejections],
                [each.message for each in rejections],
            )
            environments = sorted({each.environment_id for each in rejections})
            await connection.execute(_FORGET_REJECTIONS, environments, _REJECTIONS_MAX_COUNT)

    async def used_this_month(self) -> Mapping[str, Amount]:
        """Answer what was flushed by all processes for whatever has a monthly quota, by id."""
        async with self._connection() as connection:
            rows = await connection.fetch(_USED_THIS_MONTH, month_of(self._clock()))
        return {subject: Amount(requests, size_bytes) for subject, requests, size_bytes in rows}

    async def tidy(self) -> None:
        """Delete what is too old to be asked for, and processes that ended without a word."""
        async with self._connection() as connection:
            for statement in _FORGET:
                await connection.execute(statement)

    async def leave(self) -> None:
        """Say that this process is gone."""
        async with self._connection() as connection:
            await connection.execute(_GONE, self.id)

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Connection]:
        try:
            async with self._pool.acquire() as connection:
                yield cast("Connection", connection)
        except FAILURES as error:
            raise StoreTransient(f"The edge's ledger cannot be written: {type(error).__name__}.") from error


async def _add(connection: Connection, used: Sequence[Used]) -> None:
    accepted = [each for each in used if each.requests]
    await connection.execute(
        _USAGE,
        [each.environment_id for each in accepted],
        [each.credential_id for each in accepted],
        [_moment(each.minute * _NS_PER_MINUTE) for each in accepted],
        [each.requests for each in accepted],
        [each.items for each in accepted],
        [each.bytes for each in accepted],
    )
    refused = [(each, reason, each.refused[reason]) for each in used for reason in sorted(each.refused)]
    await connection.execute(
        _REFUSALS,
        [each.environment_id for each, _, _ in refused],
        [each.credential_id for each, _, _ in refused],
        [_moment(each.minute * _NS_PER_MINUTE) for each, _, _ in refused],
        [reason for _, reason, _ in refused],
        [requests for _, _, requests in refused],
    )
    await connection.execute(
        _MONTHS,
        [subject for each in accepted for subject in (each.environment_id, each.credential_id)],
        [month_of(each.minute * _NS_PER_MINUTE) for each in accepted for _ in range(2)],
        [each.requests for each in accepted for _ in range(2)],
        [each.bytes for each in accepted for _ in range(2)],
    )
    await connection.execute(
        _LAST_USED, [each.credential_id for each in used], [_moment(each.last_ns) for each in used]
    )


def _moment(ns: int) -> datetime:
    return datetime.fromtimestamp(ns / _NS_PER_SECOND, UTC)
