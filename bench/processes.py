"""The processes under test: starting them, telling edge, worker and PostgreSQL apart, and what CPU time they took."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import asyncpg
import msgspec
import psutil
from msgspec import Struct

from bench.load import Job, Load

# `make run` on a machine that has to download Kafka first takes minutes.
_START_MAX_SECONDS = 300
_MIB = 1024 * 1024
_MODULE = "gateway.cli"
_STOP_MAX_SECONDS = 60


class BenchError(Exception):
    """The benchmark cannot go on; the message says why."""


class _Ready(Struct, frozen=True):
    """What the benchmark needs of the file that `axonpush up --ready-file` writes."""

    ingest_url: str
    api_keys: dict[str, str]
    database_url: str


class Gateway(Struct, frozen=True):
    """A running gateway. `stored_slug`'s events are stored by its worker, `kept_slug`'s stay in Kafka."""

    ready: _Ready
    kept_slug: str
    stored_slug: str
    edge: psutil.Process
    worker: psutil.Process
    postgres: psutil.Process


def cpu_seconds(process: psutil.Process) -> float:
    """Answer the CPU time, user and system, of a process and all its descendants, those that ended included."""
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_mib(process: psutil.Process) -> float:
    """Answer the resident memory of a process and all its descendants."""
    return sum(member.memory_info().rss for member in (process, *process.children(recursive=True))) / _MIB


@contextlib.asynccontextmanager
async def gateway(folder: Path) -> AsyncGenerator[Gateway]:
    """Run `axonpush up` with its data in a folder, and stop it afterwards.

    Its worker serves the development environment alone: what is sent to production measures the edge, undisturbed.

    Raises:
        BenchError: it ended, or did not accept in time; its own output says why.
    """
    ready_file = folder / "ready.json"
    environment = os.environ | {"AXONPUSH_WORKER_ENVIRONMENTS": "development", "AXONPUSH_LOG_LEVEL": "WARNING"}
    command = [_axonpush(), "up", "--data-dir", str(folder / "data"), "--port", "0", "--ready-file", str(ready_file)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: ASYNC220 (starts at once)
    try:
        ready = await asyncio.to_thread(_wait_until_ready, process, ready_file)
        yield Gateway(
            ready=ready,
            kept_slug="production",
            stored_slug="development",
            edge=_child_of(process.pid, "edge"),
            worker=_child_of(process.pid, "worker"),
            postgres=await _postmaster(ready.database_url),
        )
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, _STOP_MAX_SECONDS)


@contextlib.contextmanager
def floor() -> Generator[tuple[psutil.Process, int]]:
    """Run the web server that does nothing; answer it and its port."""
    command = [sys.executable, "-m", "bench.floor"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    with process, process.stdin:
        yield psutil.Process(process.pid), int(process.stdout.readline())


async def load(job: Job) -> Load:
    """Run the load generator in a process of its own.

    Raises:
        BenchError: it failed; its own output says why.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.load", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(msgspec.json.encode(job))
    if process.returncode:
        raise BenchError(f"The load generator ended with exit code {process.returncode}.")
    return msgspec.json.decode(output, type=Load)


def _axonpush() -> str:
    """Name the command that stands beside this Python."""
    return str(Path(sys.executable).with_name("axonpush"))


def _wait_until_ready(process: subprocess.Popen[bytes], ready_file: Path) -> _Ready:
    deadline = time.monotonic() + _START_MAX_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if ready_file.exists():
            return msgspec.json.decode(ready_file.read_bytes(), type=_Ready)
        time.sleep(0.1)
    if process.returncode is not None:
        raise BenchError(f"`axonpush up` ended with exit code {process.returncode}; its own output says why.")
    raise BenchError(f"`axonpush up` did not accept within {_START_MAX_SECONDS} s.")


def _child_of(pid: int, command: str) -> psutil.Process:
    """Find the process of one sub-command below a process; its own descendants count as part of it."""
    for child in psutil.Process(pid).children(recursive=True):
        if {_MODULE, command} <= set(child.cmdline()):
            return child
    raise BenchError(f"`axonpush up` runs no process of `axonpush {command}`.")


async def _postmaster(database_url: str) -> psutil.Process:
    """Find PostgreSQL's first process: the parent of the one that serves a connection."""
    connection = await asyncpg.connect(database_url)
    try:
        backend = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
        postmaster = backend.parent()
    finally:
        await connection.close()
    assert postmaster is not None
    return postmaster
