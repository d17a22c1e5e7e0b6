"""Leaves: the tables of an environment and a range of receive time, made before rows go there."""

import asyncpg
from msgspec import Struct

from consumers.store import sql
from consumers.store.session import Session

_NS_PER_SECOND = 1_000_000_000
_MS_PER_DAY = 86_400_000

# What is needed within this time is made now, so that no batch waits for it.
_AHEAD_NS = 3_600 * _NS_PER_SECOND


class Leaf(Struct, frozen=True):
    """The tables `<table>_<suffix>`: rows of one environment, whose slug never changes, received in its time.

    That is `[starts_ns, ends_ns)`.
    """

    environment: str
    slug: str
    suffix: str
    starts_ns: int
    ends_ns: int


class Leaves:
    """The leaves that are known to exist. Made on a session of their own, in short transactions."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._leaves: dict[str, list[Leaf]] = {}
        self._seen_days: set[int] = set()

    async def covering(self, environment: str, received_ns: int) -> Leaf | None:
        """Answer the leaf for a moment, made if it is missing; None if the environment is gone.

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        known = self._leaves.setdefault(environment, [])
        for leaf in known:
            if leaf.starts_ns <= received_ns < leaf.ends_ns:
                return leaf
        async with self._session.use() as connection:
            try:
                row = await connection.fetchrow(sql.LEAF, environment, received_ns // _NS_PER_SECOND)
            except asyncpg.NoDataFoundError:
                return None
        assert row is not None
        leaf = Leaf(environment, row["slug"], row["suffix"], row["starts_ns"], row["ends_ns"])
        known.append(leaf)
        return leaf

    async def ensure_seen(self, ingest_id: bytes) -> None:
        """Make sure that `ingest_seen` takes an ingest id (a UUIDv7, which begins with milliseconds since 1970).

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        day = int.from_bytes(ingest_id[:6], "big") // _MS_PER_DAY
        if day not in self._seen_days:
            async with self._session.use() as connection:
                await connection.execute(sql.ENSURE_SEEN_DAY, day)
            self._seen_days.add(day)

    async def ahead(self, environments: set[str], now_ns: int) -> None:
        """Make what these environments need now and will need soon; what is known of others is forgotten.

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        self._leaves = {name: known for name, known in self._leaves.items() if name in environments}
        for moment_ns in (now_ns, now_ns + _AHEAD_NS):
            await self.ensure_seen((moment_ns // 1_000_000).to_bytes(6, "big"))
            for environment in environments:
                await self.covering(environment, moment_ns)

    def forget(self) -> None:
        """Forget everything: a table that should exist does not."""
        self._leaves.clear()
        self._seen_days.clear()
