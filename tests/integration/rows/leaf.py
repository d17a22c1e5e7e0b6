"""A leaf on real PostgreSQL: rows go in by binary COPY, as the worker sends them, and are read back."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.transaction import Transaction

from consumers.rows.packing import decode, pack
from consumers.rows.tables import COLUMNS, Rows
from consumers.store import sql
from gateway.runtime.settings import Limits
from schemas.record import Record

ENVIRONMENT = "01JROWS0000000000000000000"
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


def moment(ns: int) -> datetime:
    """Answer what PostgreSQL makes of nanoseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ns // 1000)


async def store_resources(connection: asyncpg.Connection, environment: str, rows: Rows) -> None:
    """Store the resources of rows, as the worker does."""
    for resource_id, resource in rows.resources.items():
        await connection.execute(sql.ADD_RESOURCES, *([value] for value in (environment, resource_id, *resource)))


class Leaf:
    """One leaf of one environment. It stands empty before each load: the load before is rolled back."""

    def __init__(self, connection: asyncpg.Connection, suffix: str) -> None:
        self._connection = connection
        self._suffix = suffix
        self._transaction: Transaction | None = None

    async def store(self, *records: Record, limits: Limits | None = None) -> Rows:
        """Decode, pack and COPY records; every event counts as not stored before."""
        if self._transaction is not None:
            await self._transaction.rollback()
        self._transaction = self._connection.transaction()
        await self._transaction.start()
        rows = Rows()
        for record in records:
            decoded = decode(record, limits or Limits())
            pack(decoded, rows, set(decoded.events))
        for table, tuples in rows.copy.items():
            await self._connection.copy_to_table(
                f"{table}_{self._suffix}",
                source=io.BytesIO(HEADER + bytes(tuples) + TRAILER),
                columns=COLUMNS[table],
                format="binary",
            )
        await store_resources(self._connection, ENVIRONMENT, rows)
        return rows

    async def read(self, table: str) -> list[dict[str, Any]]:
        """Read what stands in a table of this leaf; jsonb is decoded."""
        rows = await self._connection.fetch(
            f"SELECT * FROM {table} WHERE environment = $1",  # noqa: S608 (the tables' names are ours)
            ENVIRONMENT,
        )
        return [dict(row) for row in rows]

    async def resources(self) -> dict[UUID, dict[str, Any]]:
        """Read what resources say of themselves, by their id."""
        return {
            row.pop("id"): {column: value for column, value in row.items() if column not in ("environment", "seen_on")}
            for row in await self.read("resources")
        }

    async def columns(self, table: str) -> set[str]:
        """Answer the names of a table's columns."""
        rows = await self._connection.fetch(
            "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", table
        )
        return {row["attname"] for row in rows}
