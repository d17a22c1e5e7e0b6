"""Events of several environments in the database: decoded, packed and copied as the worker does it."""

import io
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

import asyncpg
import msgspec
from msgspec.structs import replace

from consumers.rows.packing import decode, pack
from consumers.rows.tables import COLUMNS, Rows
from gateway.runtime.settings import Limits
from schemas.record import Record
from tests.integration.rows.leaf import HEADER, TRAILER, moment, store_resources
from tests.unit.rows.records import RECEIVED_NS

# Ids of environments, which are those of leaves too.
SHOP, OTHER_SHOP, FOREIGN = ("01JQUERY00000000000000SHOP", "01JQUERY000000000000QUIET0", "01JQUERY0000000000FOREIGN0")
ORG, FOREIGN_ORG = "org", "foreign-org"
START = moment(RECEIVED_NS)


def at_second(seconds: float) -> int:
    """Answer the nanoseconds of a time of receipt."""
    return RECEIVED_NS + int(seconds * 1e9)


def when(seconds: float) -> datetime:
    """Answer a time of receipt."""
    return START + timedelta(seconds=seconds)


class Archive:
    """Stores records, each at a time of its own."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @classmethod
    async def made(cls, connection: asyncpg.Connection) -> Self:
        """Make the organizations."""
        for org, app, environments in ((ORG, "app", (SHOP, OTHER_SHOP)), (FOREIGN_ORG, "foreign-app", (FOREIGN,))):
            await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ($1, $1, $1)", org)
            await connection.execute("INSERT INTO apps (id, org_id, slug, name) VALUES ($1, $2, $1, $1)", app, org)
            for environment in environments:
                await connection.execute(
                    "INSERT INTO environments (id, app_id, slug, name, color, partitions) "
                    "VALUES ($1, $2, $3, $3, '#000000', 1)",
                    environment,
                    app,
                    environment.lower()[-8:],
                )
        return cls(connection)

    async def store(self, environment: str, record: Record, seconds: float = 0) -> None:
        """Store a record as if it had been received so long after `START`."""
        received_ns = at_second(seconds)
        record = replace(record, received_ns=received_ns, ingest_id=secrets.token_bytes(16))
        rows = Rows()
        decoded = decode(record, Limits())
        pack(decoded, rows, set(decoded.events))
        received_at = moment(received_ns)
        suffix = await self.connection.fetchval("SELECT (leaf_covering($1, $2)).suffix", environment, received_at)
        for table, tuples in rows.copy.items():
            await self.connection.copy_to_table(
                f"{table}_{suffix}",
                source=io.BytesIO(HEADER + bytes(tuples) + TRAILER),
                columns=COLUMNS[table],
                format="binary",
            )
        await store_resources(self.connection, environment, rows)
        for table, count in rows.counts.items():
            await self.connection.execute(
                "INSERT INTO events_by_minute AS m (environment, part, minute, kind, events) "
                "VALUES ($1, 0, date_trunc('minute', $2::timestamptz), $3, $4) "
                "ON CONFLICT (environment, part, minute, kind) DO UPDATE SET events = m.events + excluded.events",
                environment,
                received_at,
                table,
                count,
            )

    async def leaves(self, environment: str) -> list[str]:
        """Name the leaves of an environment, of every table."""
        rows = await self.connection.fetch(
            "SELECT t || '_' || suffix FROM leaves, unnest(telemetry_tables()) AS t WHERE environment = $1", environment
        )
        return [row[0] for row in rows]


def as_item(value: object) -> dict[str, Any]:
    """Read an event as a client does."""
    return msgspec.json.decode(msgspec.json.encode(value))
