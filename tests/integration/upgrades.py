"""A database of an earlier version, for tests of what becomes of it."""

import asyncpg

from gateway.runtime.migrations import known


async def migrate_before(connection: asyncpg.Connection, name: str) -> None:
    """Bring an empty database to the version before the first migration that begins with `name`."""
    await connection.execute("CREATE TABLE schema_migrations (name text, sha256 text, applied_at timestamptz)")
    for migration in known():
        if migration.name < name:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations VALUES ($1, $2, now())", migration.name, migration.sha256
            )
