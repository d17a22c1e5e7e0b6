"""Starting the `axonpush` command as users do, and stopping it."""

import ctypes
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

COMMAND = str(Path(sys.executable).with_name("axonpush"))
_POLL_SECONDS = 0.05
# Loaded here: between fork and exec as little as possible is done.
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def clean_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Answer this process's environment with the given settings as the only ones."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AXONPUSH_")}
    return inherited | dict(env)


def run(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Run a command to its end and answer what it printed; a failure shows what it complained of."""
    done = subprocess.run(
        [COMMAND, *arguments], env=clean_environment(env), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"axonpush {' '.join(arguments)} failed:\n{done.stderr}"
    return done.stdout


class Process:
    """A running `axonpush` command; what it prints is kept in a file."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._name = f"axonpush {arguments[0]}"
        self._log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                [COMMAND, *arguments],
                env=clean_environment(env),
                stdout=output,
                stderr=output,
                cwd=log.parent,
                preexec_fn=_end_with_the_tests if _PRCTL else None,  # noqa: PLW1509 (it makes one system call)
            )

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def family(self) -> list[psutil.Process]:
        """Answer the process and all that it started."""
        parent = psutil.Process(self.popen.pid)
        return [parent, *parent.children(recursive=True)]

    def wait_for_file(self, path: Path, timeout_seconds: float) -> None:
        """Wait until the process has written a file."""
        self._wait(path.exists, f"wrote no {path}", timeout_seconds)

    def wait_for_log(self, pattern: str, timeout_seconds: float = 30) -> re.Match[str]:
        """Wait until the process has printed something, and answer it."""
        self._wait(lambda: re.search(pattern, self.log) is not None, f"did not print {pattern!r}", timeout_seconds)
        found = re.search(pattern, self.log)
        assert found is not None
        return found

    def stop(self, timeout_seconds: float = 30) -> int:
        """Ask it to stop, wait until it has, and answer its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(timeout_seconds)

    def kill(self) -> None:
        """End it without a warning."""
        self.popen.kill()
        self.popen.wait()

    def _wait(self, is_done: Callable[[], bool], complaint: str, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not is_done():
            code = self.popen.poll()
            assert code is None, f"{self._name} ended with {code}:\n{self.log}"
            assert time.monotonic() < deadline, f"{self._name} {complaint} within {timeout_seconds} s:\n{self.log}"
            time.sleep(_POLL_SECONDS)


def _end_with_the_tests() -> None:
    """Let a run of the tests that is interrupted, or killed, leave no stack behind."""
    assert _PRCTL is not None
    _PRCTL(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def start_edge(env: Mapping[str, str], folder: Path, *arguments: str) -> tuple[Process, str]:
    """Start `axonpush edge` on a free port, and answer it with its URL once it takes requests."""
    # There is no load balancer to wait for when it stops.
    env = {"AXONPUSH_SERVER_DRAIN_DELAY_SECONDS": "0", **env}
    process = Process(["edge", "--port", "0", *arguments], env, folder / f"edge-{secrets.token_hex(4)}.log")
    try:
        return process, process.wait_for_log(r"takes requests at (\S+)")[1]
    except BaseException:
        process.kill()
        raise
