"""Migrations: brings a database to the schema of this version, one file of schemas/sql after the other."""

import hashlib
from collections.abc import Callable
from importlib.resources import files

from msgspec import Struct

from gateway.runtime import postgres
from gateway.runtime.settings import Database
from schemas.errors import ConfigError

# Any number will do, as long as nothing else in the database locks it ("axonpush" in ASCII).
_LOCK = 0x61786F6E70757368

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text PRIMARY KEY,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class Migration(Struct, frozen=True):
    """One file: its name, its SQL, and the SHA-256 (hex) by which a later change to it is noticed."""

    name: str
    sql: str
    sha256: str


def known() -> list[Migration]:
    """List the migrations of this version in the order in which they apply."""
    found = [entry for entry in files("schemas").joinpath("sql").iterdir() if entry.name.endswith(".sql")]
    return [_read(entry.name, entry.read_text(encoding="utf-8")) for entry in sorted(found, key=lambda e: e.name)]


def pending(migrations: list[Migration], applied: dict[str, str]) -> list[Migration]:
    """Answer the migrations that are still to apply; `applied` holds name → SHA-256 of those that were.

    Raises:
        ConfigError: a file was changed after it had been applied.
    """
    for migration in migrations:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise ConfigError(
                f"The migration {migration.name} was changed after this database had applied it. "
                "Restore the file, and put the change into a new one."
            )
    return [migration for migration in migrations if migration.name not in applied]


async def migrate(database: Database, report: Callable[[str], None]) -> list[str]:
    """Apply what is pending, each file in a transaction of its own, and answer the names that were applied.

    Several processes may call this at once: an advisory lock lets one after the other through. `report` is called with
    a name after its file has been applied.

    Raises:
        ConfigError: there is no URL, or a file was changed after it had been applied.
        StoreTransient: the server cannot be reached.
    """
    connection = await postgres.connect(database)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_CREATE)
        rows = await connection.fetch("SELECT name, sha256 FROM schema_migrations")
        todo = pending(known(), {row["name"]: row["sha256"] for row in rows})
        for migration in todo:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (name, sha256) VALUES ($1, $2)", migration.name, migration.sha256
                )
            report(migration.name)
        return [migration.name for migration in todo]
    finally:
        await connection.close()


def _read(name: str, sql: str) -> Migration:
    """Make a migration of a file's name and text."""
    return Migration(name=name, sql=sql, sha256=hashlib.sha256(sql.encode()).hexdigest())
