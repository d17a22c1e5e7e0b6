"""Reading rows back: a connection to PostgreSQL that tests without an event loop can use."""

import json
import time
from collections.abc import Callable
from typing import Any

import asyncpg

from gateway.runtime import postgres
from gateway.runtime.settings import Database as DatabaseSettings
from tests.acceptance.background import Background

_POLL_SECONDS = 0.05


class Database:
    """A connection that lives in a thread of its own; jsonb is decoded."""

    def __init__(self, url: str) -> None:
        self._background = Background()
        self._run = self._background.run
        self._connection: asyncpg.Connection = self._run(self._connect(url))

    def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """Answer the rows of a query."""
        return self._run(self._connection.fetch(query, *arguments))

    def row(self, query: str, *arguments: object) -> asyncpg.Record:
        """Answer the only row of a query."""
        rows = self.rows(query, *arguments)
        assert len(rows) == 1, f"{len(rows)} rows instead of one: {query} {arguments}"
        return rows[0]

    def value(self, query: str, *arguments: object) -> Any:
        """Answer the first column of the first row."""
        return self._run(self._connection.fetchval(query, *arguments))

    def execute(self, query: str, *arguments: object) -> None:
        """Run a statement."""
        self._run(self._connection.execute(query, *arguments))

    def wait_for(self, count: int, query: str, *arguments: object, timeout_seconds: float = 30) -> list[asyncpg.Record]:
        """Ask until a query answers at least this many rows, and answer all of them."""
        deadline = time.monotonic() + timeout_seconds
        while len(rows := self.rows(query, *arguments)) < count:
            assert time.monotonic() < deadline, f"{len(rows)} of {count} rows came: {query} {arguments}"
            time.sleep(_POLL_SECONDS)
        return rows

    def close(self) -> None:
        """Disconnect and end the thread."""
        self._run(self._connection.close())
        self._background.close()

    @staticmethod
    async def _connect(url: str) -> asyncpg.Connection:
        connection = await postgres.connect(DatabaseSettings(url=url))
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        return connection


def wait_until(is_true: Callable[[], bool], complaint: str, timeout_seconds: float = 30) -> None:
    """Ask until something holds."""
    deadline = time.monotonic() + timeout_seconds
    while not is_true():
        assert time.monotonic() < deadline, f"Not within {timeout_seconds} s: {complaint}"
        time.sleep(_POLL_SECONDS)
