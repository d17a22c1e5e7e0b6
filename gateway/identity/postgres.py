"""The directory in PostgreSQL: what changed since a snapshot, credentials by id, and notifications of change."""

import asyncio
from collections.abc import Callable, Collection

import asyncpg
import msgspec

from gateway.identity.memory import Changes
from gateway.runtime.postgres import UNREACHABLE, Connection, connect, read_jsonb
from gateway.runtime.settings import Database
from schemas.environment import App, Channel, Credential, Environment
from schemas.errors import ConfigError, StoreTransient

_CHANNEL = "axonpush_directory"

_APPS = "SELECT id, default_environment_id, default_channel_id FROM apps WHERE changed_xid >= $1::text::xid8"
_ENVIRONMENTS = """
    SELECT id, app_id, slug, ingest,
           CASE WHEN deleted_at < expires_at THEN NULL
                ELSE (extract(epoch FROM expires_at) * 1e9)::bigint END AS expires_at_ns,
           ttl_seconds, (extract(epoch FROM max_expires_at) * 1e9)::bigint AS max_expires_at_ns,
           deleted_at IS NOT NULL AS is_deleted, source_ref, rate, monthly_quota, over_quota, categories
    FROM environments WHERE changed_xid >= $1::text::xid8"""
_CHANNELS = "SELECT id, app_id, deleted_at IS NOT NULL AS is_deleted FROM channels WHERE changed_xid >= $1::text::xid8"
_CREDENTIAL_COLUMNS = """
    SELECT id, kind, org_id, digest, pepper_version, app_id, environment_id, channel_id, allow_environment_override,
           scopes, override_environments, origins, networks, rate, monthly_quota, over_quota,
           (extract(epoch FROM least(expires_at, retire_at)) * 1e9)::bigint AS expires_at_ns,
           revoked_at IS NOT NULL AS is_revoked
    FROM credentials"""
# The newest first: where there are more than fit, the others are looked up when they are used.
_CREDENTIALS = f"{_CREDENTIAL_COLUMNS} WHERE changed_xid >= $1::text::xid8 ORDER BY changed_xid DESC LIMIT $2"
_CREDENTIALS_BY_ID = f"{_CREDENTIAL_COLUMNS} WHERE id = ANY($1::text[])"


class PostgresSource:
    """Reads the directory over one connection of its own, which is made again when it is gone."""

    def __init__(self, database: Database, *, credentials_max_count: int) -> None:
        self._database = database
        self._credentials_max_count = credentials_max_count
        self._connection: Connection | None = None
        self._on_notify: Callable[[], None] | None = None
        # One connection runs one query at a time.
        self._turn = asyncio.Lock()

    def on_notify(self, callback: Callable[[], None]) -> None:
        """Call back whenever PostgreSQL says that the directory changed, and after each new connection."""
        self._on_notify = callback

    async def changes(self, since_xid: str, credential_ids: Collection[str]) -> Changes:
        """Answer what was changed by transactions from `since_xid` on ("0" for all), and the credentials named.

        Rows may be answered twice; none is missed, however late its transaction commits: `next_xid` is the oldest
        transaction that was still running.

        Raises:
            StoreTransient: PostgreSQL cannot be reached.
            ConfigError: the database has no schema.
        """
        async with self._turn:
            try:
                connection = await self._connected()
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    snapshot: str = await connection.fetchval("SELECT pg_current_snapshot()::text")
                    apps = await connection.fetch(_APPS, since_xid)
                    environments = await connection.fetch(_ENVIRONMENTS, since_xid)
                    channels = await connection.fetch(_CHANNELS, since_xid)
                    credentials = await connection.fetch(_CREDENTIALS, since_xid, self._credentials_max_count)
                    if credential_ids:
                        credentials += await connection.fetch(_CREDENTIALS_BY_ID, list(credential_ids))
            except asyncpg.UndefinedTableError as error:
                raise ConfigError("The database has no schema yet. Run `axonpush migrate` first.") from error
            except (*UNREACHABLE, asyncpg.PostgresError) as error:
                await self.close()
                raise StoreTransient(f"The directory cannot be read: {type(error).__name__}.") from error
        return Changes(
            # A snapshot is written xmin:xmax:running, xmin being the oldest transaction that was still running.
            next_xid=snapshot.partition(":")[0],
            snapshot=snapshot,
            apps=msgspec.convert([dict(row) for row in apps], tuple[App, ...]),
            environments=msgspec.convert([dict(row) for row in environments], tuple[Environment, ...]),
            channels=msgspec.convert([dict(row) for row in channels], tuple[Channel, ...]),
            credentials=msgspec.convert([dict(row) for row in credentials], tuple[Credential, ...]),
        )

    async def close(self) -> None:
        """Disconnect at once."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            connection = await connect(self._database, server_settings={"application_name": "axonpush-directory"})
            await read_jsonb(connection)
            await connection.add_listener(_CHANNEL, self._notified)
            self._connection = connection
        return self._connection

    def _notified(self, *_: object) -> None:
        if self._on_notify is not None:
            self._on_notify()
