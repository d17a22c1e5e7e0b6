"""The control plane's store: runs the named queries of its `.sql` files and answers structs."""

import re
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Protocol, TypeAlias, TypeVar

import asyncpg
from msgspec import Struct, convert

from gateway.runtime.postgres import UNREACHABLE, Pool
from schemas.errors import DirectoryUnavailable

T = TypeVar("T", bound=Struct)
PooledConnection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read_queries() -> dict[str, str]:
    """Read the `.sql` files of the control plane's rooms: each query stands below a line `-- name: …`."""
    found: dict[str, str] = {}
    for file in _sql_files(files("gateway.control")):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        found |= dict(zip(parts[1::2], (sql.strip() for sql in parts[2::2]), strict=True))
    return found


def _sql_files(folder: Traversable) -> Generator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sql_files(entry)
        elif entry.name.endswith(".sql"):
            yield entry


# Read with the module: the event loop must not wait for a file.
_QUERIES = _read_queries()


class _Executor(Protocol):
    """What a pool and a connection have in common."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...  # noqa: ANN401 (as the driver has it)
    async def execute(self, query: str, *args: Any) -> str: ...  # noqa: ANN401


class Queries:
    """Runs queries on a pool, each in a transaction of its own, or on a connection in the transaction that it is in."""

    def __init__(self, executor: _Executor, transaction: Callable[[], AbstractAsyncContextManager["Queries"]]) -> None:
        self._executor = executor
        self._transaction = transaction

    async def many(self, row_type: type[T], name: str, *arguments: object) -> list[T]:
        """Run a query and answer its rows.

        Raises:
            DirectoryUnavailable: PostgreSQL cannot be reached, or does not answer in time.
        """
        sql = _QUERIES[name].replace("{columns}", ", ".join(row_type.__struct_fields__))
        with _translated():
            records = await self._executor.fetch(sql, *arguments)
        names = row_type.__struct_encode_fields__
        return [convert(dict(zip(names, record.values(), strict=True)), row_type) for record in records]

    async def one(self, row_type: type[T], name: str, *arguments: object) -> T | None:
        """Run a query and answer its first row, None where there is none; raises as `many`."""
        rows = await self.many(row_type, name, *arguments)
        return rows[0] if rows else None

    async def run(self, name: str, *arguments: object) -> None:
        """Run a statement without an answer; raises as `many`."""
        with _translated():
            await self._executor.execute(_QUERIES[name], *arguments)

    async def statement(self, sql: str) -> None:
        """Run a statement that a query answered; raises as `many`."""
        with _translated():
            await self._executor.execute(sql)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Queries"]:
        """Give queries that stand or fall together: an exception undoes them all, and no more than them."""
        with _translated():
            async with self._transaction() as queries:
                yield queries


class Store(Queries):
    """The queries over a pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        super().__init__(pool, self._begin)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncGenerator[Queries | None]:
        """Give queries on one connection, each in a transaction of its own, while nobody else has this name; else None.

        No lock is waited for longer than a second.

        Raises:
            DirectoryUnavailable: PostgreSQL cannot be reached, or does not answer in time.
        """
        with _translated():
            # What is set and locked here, the pool undoes when it gets the connection back.
            async with self._pool.acquire() as connection:
                is_alone = await connection.fetchval(_QUERIES["be_alone"], name)
                await connection.execute(_QUERIES["wait_briefly"])
                yield Queries(connection, lambda: _transaction(connection)) if is_alone else None

    @asynccontextmanager
    async def _begin(self) -> AsyncGenerator[Queries]:
        async with self._pool.acquire() as connection, _transaction(connection) as queries:
            yield queries


@asynccontextmanager
async def _transaction(connection: PooledConnection) -> AsyncGenerator[Queries]:
    """Begin a transaction, or a savepoint in the one that the connection is in."""
    async with connection.transaction():
        yield Queries(connection, lambda: _transaction(connection))


@contextmanager
def _translated() -> Generator[None]:
    """Turn the driver's ways to say that PostgreSQL is away into the one error for it."""
    try:
        yield
    except UNREACHABLE as error:
        msg = "The directory of apps and keys cannot be reached now. Try again in a moment."
        raise DirectoryUnavailable(msg) from error
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise DirectoryUnavailable(
            "Others are working on the same now. Try again in a moment.", reason="busy"
        ) from error
