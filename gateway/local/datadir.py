"""The data directory of one machine's stack: where things lie in it, who uses it, and its private files."""

import asyncio
import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.local.errors import LocalError

_LEFTOVERS_TIMEOUT_SECONDS = 45


class DataDir:
    """A data directory; it is made when it is locked."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.postgres = self.path / "postgres"
        self.kafka = self.path / "kafka"
        self.logs = self.path / "logs"
        self.secrets_file = self.path / "secrets.json"
        self.running_file = self.path / "running.json"
        self._lock_file = self.path / "lock"

    @asynccontextmanager
    async def locked(self, report: Callable[[str], None]) -> AsyncGenerator[int]:
        """Hold the directory, and answer the descriptor that holds it.

        Every child inherits the descriptor: the directory is free when the last process of a run has ended, and not
        before. What a killed run left is waited for.

        Raises:
            LocalError: another stack uses the directory, or it cannot be made.
        """
        self._make()
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await self._acquire(descriptor, report)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield descriptor
        finally:
            os.close(descriptor)

    def log(self, name: str) -> Path:
        """Name the log file of a child."""
        return self.logs / f"{name}.log"

    def _make(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.logs, self.kafka):
                folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise LocalError(
                f"The data directory {self.path} cannot be made: {error}. Give another --data-dir."
            ) from error

    async def _acquire(self, descriptor: int, report: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LEFTOVERS_TIMEOUT_SECONDS
        is_waiting = False
        while not _try_lock(descriptor):
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if _is_alive(owner) or loop.time() > deadline:
                raise LocalError(
                    f"Another `axonpush up` (process {owner}) uses {self.path}. Stop it, or give another --data-dir."
                )
            if not is_waiting:
                report("Waiting for what a killed run left to stop ...")
                is_waiting = True
            await asyncio.sleep(0.1)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that does not exist is an empty one.

    Raises:
        LocalError: the file cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise LocalError(f"{path} cannot be read: {error}. Restore it, or delete the directory it lies in.") from error


def write_private_json(path: Path, value: object) -> None:
    """Write JSON with mode 0600, atomically: a reader sees the whole of it or what stood there before.

    Raises:
        LocalError: the file cannot be written.
    """
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(value)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise LocalError(f"{path} cannot be written: {error}.") from error


def make_traversable(path: Path, report: Callable[[str], None]) -> None:
    """Let every user pass through a folder and those above it, as a server that must not run as root needs.

    They can pass, not list: only `o+x` is added.

    Raises:
        LocalError: the permissions cannot be changed.
    """
    for folder in (path, *path.parents):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            try:
                folder.chmod(mode | stat.S_IXOTH)
            except OSError as error:
                raise LocalError(
                    f"PostgreSQL does not run as root, and its user cannot pass through {folder}: {error}. "
                    f"Run `chmod o+x {folder}`, give a --data-dir elsewhere, or run as another user than root."
                ) from error
            if folder != path:
                report(f"Let other users pass through {folder} (chmod o+x): PostgreSQL does not run as root.")


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(pid: str) -> bool:
    if not pid.isdecimal():
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(int(pid), 0)
        return True
    return False
