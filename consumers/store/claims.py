"""Claims: how a worker comes to own a partition, and how whoever owned it before is shut out."""

import logging
from collections.abc import Iterable, Mapping

import asyncpg

from consumers.batching import Claim, Partition
from consumers.store import sql
from consumers.store.session import STORE_NAME, Session
from gateway.runtime.postgres import Connection
from schemas.errors import StoreTransient

logger = logging.getLogger(__name__)

# A claim waits this long for the holder of a row, then ends the holder's session; so often in a row.
_PATIENCE = "2s"
_ATTEMPTS = 3


class Claims:
    """Claims partitions for one owner, on the session that will store them."""

    def __init__(self, session: Session, owner: str) -> None:
        self._session = session
        self._owner = owner

    async def take_known(self, partitions: Iterable[Partition]) -> list[Claim]:
        """Claim those partitions that were read before; each claim says where to read on.

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        return await self._take(sql.CLAIM_KNOWN, sorted(partitions))

    async def take_new(self, first_offsets: Mapping[Partition, int]) -> list[Claim]:
        """Claim partitions that have no row, to be read from the offsets given; a row made meanwhile wins.

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        partitions = sorted(first_offsets)
        return await self._take(sql.CLAIM_NEW, partitions, [first_offsets[partition] for partition in partitions])

    async def _take(self, statement: str, partitions: list[Partition], *more: list[int]) -> list[Claim]:
        """Run one claiming statement, and end the sessions of holders that do not let go."""
        topics, parts = [p.topic for p in partitions], [p.part for p in partitions]
        async with self._session.use() as connection:
            for _ in range(_ATTEMPTS):
                try:
                    async with connection.transaction():
                        await connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}'")
                        rows = await connection.fetch(statement, topics, parts, self._owner, *more)
                except asyncpg.LockNotAvailableError:
                    await _end_holders(connection, topics, parts)
                else:
                    return [Claim(Partition(row[0], row[1]), row[2], row[3], row[3]) for row in rows]
            raise StoreTransient("Partitions cannot be claimed: another session holds their rows in ingest_offset.")


async def _end_holders(connection: Connection, topics: list[str], parts: list[int]) -> None:
    """End the storing sessions that hold rows of these partitions."""
    for row in await connection.fetch(sql.END_HOLDERS, topics, parts, STORE_NAME):
        logger.warning("Ended the database session %d of a worker that lost its partitions and held on.", row[0])
