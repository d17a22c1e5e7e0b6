"""Connections to PostgreSQL: one place that knows the settings, TLS included, and the driver's ways to fail."""

import asyncio
import ssl
from typing import Any, TypeAlias

import asyncpg
import msgspec

from gateway.runtime.settings import Database
from schemas.errors import ConfigError, StoreTransient

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

# What asyncpg raises when the server cannot be reached, refuses for now, or goes away; trying again can help.
UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncio.TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # A session that the server ended answers so until the driver has seen the end of the connection.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
)

# Those, and whatever else a statement can fail with.
FAILURES = (*UNREACHABLE, asyncpg.PostgresError)


async def connect(database: Database, *, server_settings: dict[str, str] | None = None) -> Connection:
    """Open one connection.

    Raises:
        ConfigError: there is no URL, or it or a TLS file cannot be read.
        StoreTransient: the server cannot be reached.
    """
    try:
        return await asyncpg.connect(**_arguments(database), server_settings=server_settings)
    except (*UNREACHABLE, asyncpg.PostgresError) as error:
        raise _unreachable(error) from error


async def open_pool(database: Database, *, server_settings: dict[str, str] | None = None) -> Pool:
    """Make a pool that connects when it is first used, so that a process can start while PostgreSQL is down.

    Raises:
        ConfigError: there is no URL, or it or a TLS file cannot be read.
    """
    pool: Pool = asyncpg.create_pool(
        **_arguments(database),
        min_size=0,
        max_size=database.pool_max_size,
        command_timeout=database.query_timeout_seconds,
        server_settings=server_settings,
        init=read_jsonb,
    )
    await pool
    return pool


async def read_jsonb(connection: Connection) -> None:
    """Let a connection answer `jsonb` as the value that it holds, and take any value that can be written as JSON."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: msgspec.json.encode(value).decode(),
        decoder=msgspec.json.decode,
    )


def _arguments(database: Database) -> dict[str, Any]:
    """Translate settings into asyncpg's arguments."""
    if not database.url:
        raise ConfigError(
            "database.url is not set. Give --database-url or AXONPUSH_DATABASE_URL, or run `axonpush up` here."
        )
    return {
        "dsn": database.url,
        "timeout": database.connect_timeout_seconds,
        "ssl": _tls(database),
    }


def _tls(database: Database) -> ssl.SSLContext | str:
    """Translate the TLS settings; libpq's modes keep their libpq meaning."""
    if not (database.tls_ca_file or database.tls_cert_file):
        return database.tls_mode
    try:
        context = ssl.create_default_context(cafile=database.tls_ca_file or None)
        if database.tls_cert_file:
            context.load_cert_chain(database.tls_cert_file, database.tls_key_file or None)
    except OSError as error:
        raise ConfigError(f"A file of database.tls_* cannot be read: {error}.") from error
    context.check_hostname = database.tls_mode == "verify-full"
    if not database.tls_mode.startswith("verify"):
        context.verify_mode = ssl.CERT_NONE
    return context


def _unreachable(error: BaseException) -> StoreTransient:
    """Say that PostgreSQL cannot be reached; the message carries no URL, for that holds a password."""
    return StoreTransient(f"PostgreSQL cannot be reached: {type(error).__name__}: {error}.")
