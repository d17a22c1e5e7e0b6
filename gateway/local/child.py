"""A child process behind a keeper: it cannot outlive this process, whatever ends it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from gateway.local.errors import LocalError

_KEEPER = Path(__file__).with_name("keeper.py")
_POLL_SECONDS = 0.02
_TAIL_BYTES = 8192


class User(Struct, frozen=True):
    """The user that a child runs as; -1 is the user of this process."""

    uid: int = -1
    gid: int = -1


class Child:
    """A running child. `stop` asks it to end, and returns when nothing of it is left.

    A `companion` works for the child and is stopped before it.
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, leash: int, log: Path | None) -> None:
        self.name = name
        self._process = process
        self._leash: int | None = leash
        self._log = log
        self.companion: Child | None = None

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        log: Path | None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_seconds: int = 20,
        user: User = User(),  # noqa: B008 (it is frozen)
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> "Child":
        """Start a command behind a keeper.

        Args:
            name: what it is called in messages.
            command: the program and its arguments.
            log: takes what it writes, emptied first (the file of the last run stays as `.1`); None for our own output.
            stop_signal: the signal that asks it to end.
            grace_seconds: how long it may take to end before it is killed.
            user: the user it runs as.
            env: its environment; None for our own.
            cwd: its working directory; None for our own.
            pass_fds: file descriptors that it inherits under the same numbers.
        """
        output = None if log is None else _rotated(log)
        their_end, leash = os.pipe()
        keeper = [sys.executable, "-I", "-S", str(_KEEPER)]
        try:
            process = await asyncio.create_subprocess_exec(
                *keeper,
                *(str(number) for number in (int(stop_signal), grace_seconds, user.uid, user.gid)),
                *command,
                stdin=their_end,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C in a terminal must not reach it: the order of stopping is ours
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
            )
        except BaseException:
            os.close(leash)
            raise
        finally:
            os.close(their_end)
            if output is not None:
                os.close(output)
        return cls(name, process, leash, log)

    @property
    def exit_code(self) -> int | None:
        """The exit code (128 + signal for a killed child), or None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait for its end and answer the exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and wait until nothing of it is left; does nothing the second time."""
        if self.companion is not None:
            await self.companion.stop()
        self.let_go()
        await self._process.wait()

    def let_go(self) -> None:
        """Ask it to end without waiting."""
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None

    @asynccontextmanager
    async def stopped_on_failure(self) -> AsyncGenerator[None]:
        """Stop it if what happens in the context, the rest of its start, fails or is cancelled."""
        try:
            yield
        except BaseException:
            await self.stop()
            raise

    async def until(self, is_ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Wait until it is ready, asking every few milliseconds.

        Raises:
            LocalError: it ended instead, or took too long; the message shows the end of its log.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while not is_ready():
                    if self.exit_code is not None:
                        raise LocalError(
                            f"{self.name} ended with exit code {self.exit_code} while it started.{self.tail()}"
                        )
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise LocalError(f"{self.name} was not ready within {timeout_seconds:.0f} s.{self.tail()}") from error

    async def succeed(self) -> None:
        """Wait for the end of a command that is to end by itself.

        Raises:
            LocalError: it failed; the message shows the end of its log.
        """
        async with self.stopped_on_failure():
            code = await self.wait()
        self.let_go()
        if code:
            raise LocalError(f"{self.name} failed with exit code {code}.{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """Answer where its log lies and the log's last lines, to follow a sentence; empty where there is none."""
        if self._log is None:
            return ""
        with self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return "\n".join([f" The end of {self._log}:", *(f"    {line}" for line in text.splitlines()[-lines:])])


def _rotated(log: Path) -> int:
    """Open a log file for a new run, and keep the last run's."""
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    return os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
