"""One connection of the worker: opened when it is first needed, and again after it broke."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from consumers.store import sql
from consumers.store.errors import translated
from gateway.runtime.postgres import UNREACHABLE, Connection, connect
from gateway.runtime.settings import Database
from schemas.errors import StoreTransient

# The application name of a storing session is this and its owner: a claimer ends a zombie's session by it.
STORE_NAME = "axonpush-store "

# A batch takes a second or so. What the server may take, then what the answer may take on top.
_TRANSACTION_SECONDS = 60
_DEADLINE_SECONDS = 70

_SETTINGS = {
    "idle_in_transaction_session_timeout": "3s",
    "transaction_timeout": f"{_TRANSACTION_SECONDS}s",
    "synchronous_commit": "on",
    "jit": "off",
}


class Session:
    """A connection that one caller uses at a time.

    Args:
        database: Where PostgreSQL is.
        name: The session's application name, which no other session has.
        lock_timeout: How long a statement waits for a lock, as PostgreSQL writes it.
        owner: Where it is given, the session tells that it now is the one which holds this owner's claims.
    """

    def __init__(self, database: Database, *, name: str, lock_timeout: str, owner: str | None = None) -> None:
        self._database = database
        self._name = name
        self._settings = {**_SETTINGS, "application_name": name, "lock_timeout": lock_timeout}
        self._owner = owner
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[Connection]:
        """Lend the connection.

        Raises:
            StoreTransient: PostgreSQL could not do it now; the connection is given up.
            StorePermanent: PostgreSQL refuses a value.
        """
        async with self._turn:
            try:
                with translated():
                    async with asyncio.timeout(_DEADLINE_SECONDS):
                        yield await self._open()
            except (StoreTransient, asyncio.CancelledError):
                self._give_up()
                raise

    async def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            with suppress(*UNREACHABLE):
                await self._connection.close(timeout=1)
            self._give_up()

    async def _open(self) -> Connection:
        """Answer the connection, opened anew if it broke."""
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._database, server_settings=self._settings)
            await self._connection.execute(sql.END_FORMER_SESSIONS, self._name)
            if self._owner is not None:
                await self._connection.execute(sql.ANNOUNCE_SESSION, self._owner)
        return self._connection

    def _give_up(self) -> None:
        """Drop the connection without a word."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
