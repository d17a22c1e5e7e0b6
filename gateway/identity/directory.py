"""The directory as the edge asks it: served from memory, kept fresh from PostgreSQL, with a copy on disk.

PostgreSQL says when something changed; without its notifications the directory is read anew every few seconds. What is
not in memory is looked up, all who ask within 100 ms together. While PostgreSQL is down, what is known stays good, and
expiry still applies, because it is a moment and not an event.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.identity.memory import Changes, Memory
from gateway.identity.resolution import Asked, Unknown, resolve
from gateway.identity.tokens import ParsedKey, Peppers, verify
from gateway.runtime import metrics
from gateway.runtime.clock import Clock
from gateway.runtime.settings import Directory as DirectorySettings
from schemas.environment import Credential, Environment, Resolution
from schemas.errors import DirectoryUnavailable, StoreTransient

_log = logging.getLogger(__name__)

_LOOK_UP_INTERVAL_SECONDS = 0.1
_LOOK_UP_TIMEOUT_SECONDS = 2.0
_NS_PER_SECOND = 1_000_000_000
_EVERYTHING = "0"


class Source(Protocol):
    """Where the directory is read from."""

    def on_notify(self, callback: Callable[[], None]) -> None:
        """Call back whenever something changed."""
        ...

    async def changes(self, since_xid: str, credential_ids: Collection[str]) -> Changes:
        """Answer what changed, and the credentials named; raise StoreTransient if that cannot be known now."""
        ...


class Directory:
    """Answers where requests belong; `run` keeps it fresh."""

    def __init__(self, source: Source, settings: DirectorySettings, peppers: Peppers, clock: Clock) -> None:
        self._source = source
        self._settings = settings
        self._peppers = peppers
        self._clock = clock
        self._memory = Memory(
            credentials_max_count=settings.credentials_max_count, unknown_max_count=settings.unknown_max_count
        )
        self._next_xid = _EVERYTHING
        self._is_loaded = False
        self._read_at_ns = clock()
        self._has_changed = asyncio.Event()
        self._wanted: set[str] = set()
        self._round: asyncio.Task[None] | None = None
        self._round_at_seconds = 0.0
        self._on_environments: Callable[[Collection[str]], None] = lambda _: None
        self._on_change: Callable[[], None] = lambda: None
        self._snapshot = ""

    async def resolve(self, asked: Asked) -> Resolution:
        """Answer where a request belongs, after one look-up if something is not in memory.

        Raises:
            DirectoryUnavailable: something is not in memory, and PostgreSQL cannot be asked.
            Rejected: see `gateway.identity.resolution.resolve`.
        """
        try:
            return resolve(self._memory, asked, self._peppers, self._clock())
        except Unknown as unknown:
            if unknown.credential_id is not None and self._memory.is_unknown(unknown.credential_id):
                raise unknown.final from None
            await self._look_up(unknown.credential_id)
        try:
            return resolve(self._memory, asked, self._peppers, self._clock())
        except Unknown as unknown:
            if unknown.credential_id is not None:
                self._memory.remember_unknown(unknown.credential_id)
            raise unknown.final from None

    def is_loaded(self) -> bool:
        """Answer whether the directory has been read at all, from PostgreSQL or from the copy on disk."""
        return self._is_loaded

    def on_environments(self, listener: Callable[[Collection[str]], None]) -> None:
        """Tell the ids of the environments that are not deleted, now and after each change."""
        self._on_environments = listener
        listener(self._memory.live_environment_ids())

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call back whenever rows that changed are in memory."""
        self._on_change = listener

    def snapshot(self) -> str:
        """Name the moment of PostgreSQL that is in memory; see `Changes`. Empty until it has been read."""
        return self._snapshot

    def read_anew(self) -> None:
        """Read what changed as soon as possible, for who knows of a change before PostgreSQL tells of it."""
        self._has_changed.set()

    def environment(self, environment_id: str) -> Environment | None:
        """Answer what is in memory of an environment."""
        return self._memory.environment(environment_id)

    def limited(self, environment_id: str, credential_id: str) -> tuple[Environment | None, Credential | None]:
        """Answer what can carry limits for a request: its environment and its credential, as far as they are known."""
        return self._memory.environment(environment_id), self._memory.credential(credential_id)

    def caller(self, credential_id: str) -> tuple[str, str] | None:
        """Answer a known credential's own environment and its id; None if it has no environment."""
        credential = self._memory.credential(credential_id)
        if credential is None or credential.environment_id is None:
            return None
        return credential.environment_id, credential.id

    def former_caller(self, key: ParsedKey) -> tuple[str, str] | None:
        """Answer as `caller` for a key that is not valid any more; None for one that never was, however it looks."""
        credential = self._memory.credential(key.id)
        if credential is None or not verify(key.text, credential.digest, credential.pepper_version, self._peppers):
            return None
        return self.caller(key.id)

    async def start(self) -> None:
        """Read the directory; while PostgreSQL is down, the copy on disk."""
        self._source.on_notify(self._has_changed.set)
        try:
            await self._refresh(())
        except StoreTransient as error:
            copy = await asyncio.to_thread(_read_copy, self._settings.snapshot_file)
            _log.warning("%s %s", error.message, "Starting with the copy on disk." if copy else "There is no copy.")
            if copy is not None:
                self._apply(copy)

    async def run(self) -> None:
        """Keep the directory fresh until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._settings.poll_seconds):
                    await self._has_changed.wait()
            self._has_changed.clear()
            try:
                has_news = await self._refresh(())
            except StoreTransient as error:
                metrics.DIRECTORY_REFRESHES.labels(result="failed").inc()
                _log.warning("%s What is known stays good.", error.message)
                # A notification can not come while there is no connection: wait out the poll.
                await asyncio.sleep(self._settings.poll_seconds)
            else:
                if has_news and self._settings.snapshot_file:
                    await asyncio.to_thread(
                        _write_copy, self._settings.snapshot_file, self._memory.snapshot(self._next_xid)
                    )
            metrics.DIRECTORY_AGE_SECONDS.set((self._clock() - self._read_at_ns) / _NS_PER_SECOND)

    async def _look_up(self, credential_id: str | None) -> None:
        """Read what changed, and one credential; all who ask while a round is awaited share it."""
        if credential_id is not None:
            self._wanted.add(credential_id)
        if self._round is None:
            self._round = asyncio.create_task(self._next_round())
        try:
            async with asyncio.timeout(_LOOK_UP_TIMEOUT_SECONDS):
                await asyncio.shield(self._round)
        except (StoreTransient, TimeoutError) as error:
            raise DirectoryUnavailable("Keys cannot be looked up at the moment; try again shortly.") from error

    async def _next_round(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self._round_at_seconds + _LOOK_UP_INTERVAL_SECONDS - loop.time())
        self._round_at_seconds = loop.time()
        # Whoever comes from here on may ask for what was made after this reading began, and gets a round of its own.
        self._round = None
        wanted, self._wanted = self._wanted, set()
        await self._refresh(wanted)

    async def _refresh(self, credential_ids: Collection[str]) -> bool:
        """Read what changed; answer whether anything did."""
        changes = await self._source.changes(self._next_xid, credential_ids)
        self._apply(changes)
        self._next_xid = changes.next_xid
        self._snapshot = changes.snapshot
        self._read_at_ns = self._clock()
        metrics.DIRECTORY_REFRESHES.labels(result="ok").inc()
        has_news = bool(changes.apps or changes.environments or changes.channels or changes.credentials)
        if has_news:
            self._on_change()
        return has_news

    def _apply(self, changes: Changes) -> None:
        self._memory.apply(changes)
        self._is_loaded = True
        if changes.environments:
            self._on_environments(self._memory.live_environment_ids())


def _read_copy(path: str) -> Changes | None:
    try:
        return msgspec.msgpack.decode(Path(path).read_bytes(), type=Changes)
    except (OSError, msgspec.MsgspecError):
        return None


def _write_copy(path: str, snapshot: Changes) -> None:
    """Replace the copy in one step, readable by its owner alone: it holds digests, no keys."""
    unfinished = Path(f"{path}.{os.getpid()}")
    try:
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(msgspec.msgpack.encode(snapshot))
        unfinished.replace(path)
    except OSError as error:
        _log.warning("The directory's copy cannot be written to %s: %s.", path, error)
