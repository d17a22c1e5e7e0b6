"""The directory against real PostgreSQL: freshness, look-ups, and what holds while PostgreSQL is away."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gateway.identity.directory import Directory
from gateway.identity.postgres import PostgresSource
from gateway.identity.resolution import Asked
from gateway.identity.tokens import Peppers, digest, mint, parse
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from gateway.runtime.settings import Database
from gateway.runtime.settings import Directory as DirectorySettings
from schemas.environment import Kind, Via
from schemas.errors import DirectoryUnavailable, Forbidden, Malformed, Unauthenticated
from schemas.signals import Signal

PEPPERS = Peppers(current=1, by_version={1: b"p" * 32})


class World:
    """One organization with an app, its environment and its channel, written straight into the tables."""

    def __init__(self, connection: asyncpg.Connection, admin: asyncpg.Connection, url: str) -> None:
        self.connection = connection
        self.admin = admin
        self.url = url
        self.org, self.app = new_ulid(now_ns()), new_ulid(now_ns())
        self.environments: dict[str, str] = {}
        self.channel = 0

    async def make(self) -> None:
        """Write what every test needs."""
        await self.connection.execute("INSERT INTO orgs VALUES ($1, $1, 'Org')", self.org)
        await self.connection.execute(
            "INSERT INTO apps (id, org_id, slug, name) VALUES ($1, $2, 'app', 'App')", self.app, self.org
        )
        await self.environment("production")
        self.channel = await self.connection.fetchval(
            "INSERT INTO channels (app_id, slug, name) VALUES ($1, 'default', 'Default') RETURNING id", self.app
        )
        await self.connection.execute("UPDATE apps SET default_channel_id = $2 WHERE id = $1", self.app, self.channel)

    async def environment(self, slug: str, connection: asyncpg.Connection | None = None) -> None:
        """Write an environment, within the transaction of another connection if one is given."""
        self.environments[slug] = new_ulid(now_ns())
        await (connection or self.connection).execute(
            "INSERT INTO environments (id, app_id, slug, name, color, partitions)"
            " VALUES ($1, $2, $3, $3, '#000000', 1)",
            self.environments[slug],
            self.app,
            slug,
        )

    async def key(self, *, allow_override: bool = False) -> str:
        """Write a key of production and answer its text."""
        identity = new_ulid(now_ns())
        text = mint(Kind.API_KEY, "prod", identity, b"s" * 32)
        await self.connection.execute(
            "INSERT INTO credentials (id, org_id, kind, app_id, environment_id, name, allow_environment_override,"
            " digest, pepper_version, hint, last4) VALUES ($1, $2, 'ak', $3, $4, 'key', $5, $6, 1, 'prod', 'last')",
            identity,
            self.org,
            self.app,
            self.environments["production"],
            allow_override,
            digest(text, PEPPERS.by_version[1]),
        )
        return text

    async def cut(self) -> None:
        """Refuse new connections to the database and end those of the directory."""
        name = await self.connection.fetchval("SELECT current_database()")
        await self.admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await self.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'axonpush-directory'"
        )

    async def silence(self) -> None:
        """Cut the notifications."""
        for table in ("environments", "channels", "credentials"):
            await self.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER notify")

    async def mend(self) -> None:
        """Undo `cut` and `silence`."""
        for table in ("environments", "channels", "credentials"):
            await self.connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER notify")
        name = await self.connection.fetchval("SELECT current_database()")
        await self.admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


@pytest.fixture
async def world(database_url: str, postgres_url: str) -> AsyncIterator[World]:
    connection, admin = await asyncpg.connect(database_url), await asyncpg.connect(postgres_url)
    made = World(connection, admin, database_url)
    await made.make()
    yield made
    await made.mend()
    await connection.close()
    await admin.close()


@contextlib.asynccontextmanager
async def started(world: World, **settings: str | int) -> AsyncGenerator[Directory]:
    source = PostgresSource(Database(url=world.url), credentials_max_count=1000)
    directory = Directory(source, DirectorySettings(**settings), PEPPERS, now_ns)  # pyright: ignore[reportArgumentType]
    await directory.start()
    running = asyncio.create_task(directory.run())
    try:
        yield directory
    finally:
        running.cancel()
        await asyncio.wait([running])
        await source.close()


def asked(key: str, override: str | None = None, channel: str | None = None) -> Asked:
    parsed = parse(key)
    assert parsed is not None
    return Asked(key=parsed, signal=Signal.LOGS, override=override, channel=channel)


async def until_raises(directory: Directory, question: Asked, error: type[Exception], within_seconds: float) -> None:
    """Ask until the answer is the error."""
    async with asyncio.timeout(within_seconds):
        while True:
            try:
                await directory.resolve(question)
            except error:
                return
            await asyncio.sleep(0.01)


async def until_exists(path: Path) -> None:
    """Wait until a file is there; nothing announces it."""
    async with asyncio.timeout(5):
        while not await asyncio.to_thread(path.exists):  # noqa: ASYNC110 (a file sets no event)
            await asyncio.sleep(0.01)


async def test_what_was_there_at_the_start_is_known(world: World) -> None:
    key = await world.key()
    async with started(world) as directory:
        resolution = await directory.resolve(asked(key))
    assert resolution.environment_id == world.environments["production"]
    assert (resolution.via, resolution.channel_id) == (Via.KEY_DEFAULT, world.channel)


async def test_what_was_just_made_works_at_once_without_any_notification(world: World) -> None:
    await world.silence()
    async with started(world, poll_seconds=3600) as directory:
        key = await world.key(allow_override=True)
        assert (await directory.resolve(asked(key))).environment_slug == "production"
        await world.environment("preview")
        assert (await directory.resolve(asked(key, "preview"))).environment_slug == "preview"
        channel = await world.connection.fetchval(
            "INSERT INTO channels (app_id, slug, name) VALUES ($1, 'more', 'More') RETURNING id", world.app
        )
        assert (await directory.resolve(asked(key, channel=str(channel)))).channel_id == channel


async def test_a_revocation_is_notified_within_a_second(world: World) -> None:
    key = await world.key()
    async with started(world, poll_seconds=3600) as directory:
        await directory.resolve(asked(key))
        await world.connection.execute("UPDATE credentials SET revoked_at = now()")
        await until_raises(directory, asked(key), Unauthenticated, 1.0)


async def test_without_notifications_a_change_is_polled(world: World) -> None:
    await world.silence()
    key = await world.key()
    async with started(world, poll_seconds=1) as directory:
        await directory.resolve(asked(key))
        await world.connection.execute("UPDATE environments SET ingest = 'paused'")
        await until_raises(directory, asked(key), Forbidden, 10.0)


async def test_a_commit_that_comes_late_is_not_missed(world: World) -> None:
    """A transaction that began before a reading and commits after it is older than rows already read."""
    key = await world.key(allow_override=True)
    async with started(world) as directory:
        late = await asyncpg.connect(world.url)
        async with late.transaction():
            await world.environment("late", late)
            await world.environment("early")
            assert (await directory.resolve(asked(key, "early"))).environment_slug == "early"
            with pytest.raises(Malformed):
                await directory.resolve(asked(key, "late"))
        assert (await directory.resolve(asked(key, "late"))).environment_slug == "late"
        await late.close()


async def test_unknown_keys_are_remembered_as_unknown_and_share_a_look_up(world: World) -> None:
    strangers = [mint(Kind.API_KEY, "prod", new_ulid(now_ns()), b"s" * 32) for _ in range(50)]
    async with started(world) as directory:
        statements = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        before = await _settled(world, statements)
        for _ in range(3):
            answers = await asyncio.gather(*(directory.resolve(asked(k)) for k in strangers), return_exceptions=True)
            assert {type(answer) for answer in answers} == {Unauthenticated}
        assert await _settled(world, statements) - before < 20


async def _settled(world: World, query: str) -> int:
    """Read a counter of PostgreSQL's statistics, flushed first."""
    await world.connection.execute("SELECT pg_stat_force_next_flush()")
    await world.connection.execute("SELECT pg_stat_clear_snapshot()")
    return await world.connection.fetchval(query)


async def test_while_postgresql_is_away_known_keys_work_and_unknown_ones_are_deferred(world: World) -> None:
    key = await world.key()
    async with started(world, poll_seconds=1) as directory:
        await world.cut()
        assert (await directory.resolve(asked(key))).environment_slug == "production"
        with pytest.raises(DirectoryUnavailable):
            await directory.resolve(asked(mint(Kind.API_KEY, "prod", new_ulid(now_ns()), b"s" * 32)))
        await world.mend()
        await world.connection.execute("UPDATE environments SET ingest = 'paused'")
        await until_raises(directory, asked(key), Forbidden, 10.0)


async def test_an_edge_starts_from_the_copy_on_disk_while_postgresql_is_away(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "directory.msgpack"
    key = await world.key()
    async with started(world, snapshot_file=str(copy)) as directory:
        await world.environment("staging")
        await until_exists(copy)
        assert directory.is_loaded()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert key.encode() not in copy.read_bytes()
    await world.cut()
    async with started(world, snapshot_file=str(copy), poll_seconds=1) as directory:
        assert (await directory.resolve(asked(key))).environment_slug == "production"
    async with started(world, poll_seconds=1) as empty:
        assert not empty.is_loaded()
        with pytest.raises(DirectoryUnavailable):
            await empty.resolve(asked(key))
