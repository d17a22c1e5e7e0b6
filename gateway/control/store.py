"""The control plane's store: runs the named queries of `queries.sql` and answers structs."""

import re
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from importlib.resources import files
from typing import Any, Protocol, TypeVar

from msgspec import Struct, convert

from gateway.runtime.postgres import UNREACHABLE, Pool
from schemas.errors import DirectoryUnavailable

T = TypeVar("T", bound=Struct)
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def _read_queries() -> dict[str, str]:
    """Read `queries.sql`: each query stands below a line `-- name: …`."""
    parts = _NAME.split(files("gateway.control").joinpath("queries.sql").read_text(encoding="utf-8"))
    return dict(zip(parts[1::2], (sql.strip() for sql in parts[2::2]), strict=True))


# Read with the module: the event loop must not wait for a file.
_QUERIES = _read_queries()


class _Executor(Protocol):
    """What a pool and a connection have in common."""

    async def fetch(self, query: str, *args: Any) -> list[Any]: ...  # noqa: ANN401 (as the driver has it)
    async def execute(self, query: str, *args: Any) -> str: ...  # noqa: ANN401


class Queries:
    """Runs queries on a pool, each in a transaction of its own, or on a connection in the transaction that it is in."""

    def __init__(self, executor: _Executor) -> None:
        self._executor = executor

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

    async def run(self, name: str) -> None:
        """Run a statement without arguments and without an answer; raises as `many`."""
        with _translated():
            await self._executor.execute(_QUERIES[name])


class Store(Queries):
    """The queries over a pool, and transactions of several."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool)
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Queries]:
        """Give queries that stand or fall together: an exception undoes them all."""
        with _translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield Queries(connection)


@contextmanager
def _translated() -> Generator[None]:
    """Turn the driver's ways to say that PostgreSQL is away into the one error for it."""
    try:
        yield
    except UNREACHABLE as error:
        msg = "The directory of apps and keys cannot be reached now. Try again in a moment."
        raise DirectoryUnavailable(msg) from error
