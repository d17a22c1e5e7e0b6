"""The lease: a worker's slot in its consumer group, and the directory's news, on one session of its own."""

import asyncio
import logging
from contextlib import suppress

import asyncpg
from msgspec import Struct

from consumers.store import sql
from consumers.store.errors import translated
from gateway.runtime.postgres import UNREACHABLE, Connection, connect
from gateway.runtime.settings import Settings, Worker
from schemas.errors import AssignmentLost, StoreTransient

logger = logging.getLogger(__name__)

_CHANNEL = "axonpush_directory"
_QUERY_TIMEOUT_SECONDS = 5
_FULL_WAIT_SECONDS = 1


class Membership(Struct, frozen=True):
    """A worker's place: its consumer group, and its slot there."""

    group: str
    slot: int


class Lease:
    """A slot that no other live worker of the group has: two with one static id would steal from each other for ever.

    The slot is an advisory lock, so it is free as soon as its worker's session is gone. A group is the workers of one
    installation that serve the same environments.
    """

    def __init__(self, settings: Settings, *, owner: str) -> None:
        self._settings = settings
        self._name = f"axonpush-worker {owner}"
        self._connection: Connection | None = None
        self._membership: Membership | None = None
        # Set when the directory changed.
        self.news = asyncio.Event()

    async def take(self) -> Membership:
        """Take the lowest free slot, and wait for one while all are taken.

        Raises:
            StoreTransient: PostgreSQL could not do it now.
        """
        count = self._settings.worker.slots_max_count
        while True:
            connection = await self._open()
            with translated():
                installation = await connection.fetchval(sql.INSTALLATION, timeout=_QUERY_TIMEOUT_SECONDS)
                group = f"axonpush-worker-{installation:x}{_lane(self._settings.worker)}"
                for slot in range(count):
                    if await connection.fetchval(sql.TAKE_SLOT, group, slot, timeout=_QUERY_TIMEOUT_SECONDS):
                        self._membership = Membership(group, slot)
                        return self._membership
            logger.warning("All %d slots of group %s are taken (worker.slots_max_count): waiting.", count, group)
            await asyncio.sleep(_FULL_WAIT_SECONDS)

    async def environments(self) -> dict[str, int]:
        """Answer the environments that this worker serves, each with the time before which its events were wiped.

        Raises:
            AssignmentLost: the session broke and another worker took the slot; this one has to end.
            StoreTransient: PostgreSQL could not do it now.
        """
        worker = self._settings.worker
        try:
            connection = await self._open()
            with translated():
                rows = await connection.fetch(
                    sql.DIRECTORY,
                    list(worker.environments),
                    list(worker.excluded_environments),
                    timeout=_QUERY_TIMEOUT_SECONDS,
                )
        except StoreTransient:
            self._give_up()
            raise
        return {row[0]: row[1] for row in rows}

    async def close(self) -> None:
        """Free the slot."""
        if self._connection is not None:
            with suppress(*UNREACHABLE):
                await self._connection.close(timeout=1)
            self._give_up()

    async def _open(self) -> Connection:
        """Answer the session; one that broke is opened anew and the same slot taken again."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        settings = {"application_name": self._name, "lock_timeout": "2s"}
        self._connection = await connect(self._settings.database, server_settings=settings)
        with translated():
            await self._connection.add_listener(_CHANNEL, self._on_news)
            if self._membership is not None:
                await self._connection.execute(sql.END_FORMER_SESSIONS, self._name)
                await _retake(self._connection, self._membership)
        return self._connection

    def _on_news(self, *_: object) -> None:
        """Note that the directory changed."""
        self.news.set()

    def _give_up(self) -> None:
        """Drop the session without a word."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


async def _retake(connection: Connection, membership: Membership) -> None:
    """Take the slot that this worker has, or end."""
    try:
        await connection.execute(sql.RETAKE_SLOT, membership.group, membership.slot)
    except asyncpg.LockNotAvailableError as error:
        raise AssignmentLost(
            f"While PostgreSQL was away another worker took slot {membership.slot} of group {membership.group}. "
            "Start this worker again; it takes another one."
        ) from error


def _lane(worker: Worker) -> str:
    """Name the environments that a group serves, unless it serves all."""
    only, excluded = ",".join(sorted(worker.environments)), ",".join(sorted(worker.excluded_environments))
    return (f" only {only}" if only else "") + (f" except {excluded}" if excluded else "")
