"""Connections to PostgreSQL: one place that knows the settings, TLS included, and the driver's ways to fail."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit

import asyncpg
import msgspec

from gateway.runtime.settings import Database
from schemas.errors import ConfigError, StoreTransient

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"

_SCHEMES = ("postgresql", "postgres")
_HOST = re.compile(r"(?:[^:@\[\]]*|\[[^\]]*\])(?::\d+)?")
_NO_URL = (
    "database.url is no URL of PostgreSQL such as postgresql://user:password@host:5432/name; special characters of a "
    "password are percent-encoded."
)
_DEFAULTS = Database()
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# libpq's names of the settings, by which asyncpg takes them.
_TLS_PARAMETERS = {
    "sslmode": "tls_mode",
    "sslrootcert": "tls_ca_file",
    "sslcert": "tls_cert_file",
    "sslkey": "tls_key_file",
}

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
    return {"dsn": _dsn(database), "timeout": database.connect_timeout_seconds}


def _dsn(database: Database) -> str:
    """Write the TLS settings into the URL, where libpq's modes keep their meaning; those that are set outrank it.

    Raises:
        ConfigError: the URL is none, or a file that it or a setting names cannot be used. Messages carry no part of the
            URL, for it holds a password.
    """
    try:
        parts = urlsplit(database.url)
        query = {"sslmode": _DEFAULTS.tls_mode, **dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))}
    except ValueError:
        raise ConfigError(_NO_URL) from None
    hosts = parts.netloc.rpartition("@")[2].split(",")
    if parts.scheme not in _SCHEMES or not all(_HOST.fullmatch(host) for host in hosts):
        raise ConfigError(_NO_URL)
    for parameter, name in _TLS_PARAMETERS.items():
        if (value := getattr(database, name)) != getattr(_DEFAULTS, name):
            query[parameter] = value
    _check_tls(query)
    return parts._replace(query=urlencode(query)).geturl()


def _check_tls(query: Mapping[str, str]) -> None:
    """Return if the mode is one and its files can be used."""
    mode, ca_file = query["sslmode"], query.get("sslrootcert")
    if mode not in _TLS_MODES:
        raise ConfigError(f"The sslmode of database.url is none; it takes one of {', '.join(_TLS_MODES)}.")
    if mode.startswith("verify") and not ca_file:
        raise ConfigError(f"database.tls_mode {mode} needs database.tls_ca_file, the authority to check against.")
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if certificate := query.get("sslcert"):
            context.load_cert_chain(certificate, query.get("sslkey"))
    except OSError as error:
        raise ConfigError(f"A file of database.tls_* cannot be used: {error}.") from error


def _unreachable(error: BaseException) -> StoreTransient:
    """Say that PostgreSQL cannot be reached; the message carries no URL, for that holds a password."""
    return StoreTransient(f"PostgreSQL cannot be reached: {type(error).__name__}: {error}.")
