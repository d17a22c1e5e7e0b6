"""The keeper: whatever ends the parent, nothing of the child is left."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from gateway.local.child import Child
from gateway.local.errors import LocalError

ROOT = Path(__file__).parents[3]

# A child with a grandchild that has left its session, both deaf to SIGTERM; writes the process ids once both are deaf.
DEAF = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
reader, writer = os.pipe()
grandchild = os.fork()
if grandchild == 0:
    os.setsid()
    os.write(writer, b".")
    time.sleep(600)
os.read(reader, 1)
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {grandchild}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""

# A parent that starts a program behind a keeper, and then sleeps.
PARENT = """
import asyncio, sys
from gateway.local.child import Child
async def main():
    await Child.start("deaf", [sys.executable, "-c", sys.argv[1], sys.argv[2]], log=None, grace_seconds=1)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.02)
    return path.read_text()


def wait_until_gone(pids: list[int]) -> None:
    gone, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=20)
    assert not alive, f"{alive} outlived their parent, {gone} did not"


def start_parent(told: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, DEAF, str(told)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    pids = [int(pid) for pid in wait_for(told).split()]
    keepers = [process.pid for process in psutil.Process(parent.pid).children()]
    return parent, [*keepers, *pids]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_a_killed_parent(tmp_path: Path, number: signal.Signals) -> None:
    parent, pids = start_parent(tmp_path / "pids")
    assert len(pids) == 3
    parent.send_signal(number)
    parent.wait(timeout=20)
    wait_until_gone(pids)


async def test_a_killed_keeper_takes_its_child_along(tmp_path: Path) -> None:
    child = await Child.start("sleep", ["sleep", "600"], log=tmp_path / "sleep.log")
    keeper = psutil.Process(child._process.pid)
    await child.until(lambda: [process.name() for process in keeper.children()] == ["sleep"], 10)
    pids = [process.pid for process in keeper.children()]
    keeper.kill()
    assert await child.wait() == -signal.SIGKILL
    await asyncio.to_thread(wait_until_gone, pids)
    await child.stop()


async def test_stopping_asks_first_and_kills_after_the_grace(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    child = await Child.start(
        "deaf", [sys.executable, "-c", DEAF, str(told)], log=tmp_path / "deaf.log", grace_seconds=1
    )
    await child.until(told.exists, 20)
    pids = [int(pid) for pid in told.read_text().split()]
    began = time.monotonic()
    await child.stop()
    assert child.exit_code == 128 + signal.SIGKILL
    assert 0.9 < time.monotonic() - began < 10
    # The keeper has ended, so nothing is left: not even for a moment.
    assert not any(psutil.pid_exists(pid) for pid in pids)
    await child.stop()


async def test_a_child_gets_its_own_signal_and_its_exit_code_is_told(tmp_path: Path) -> None:
    program = "trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done"
    log = tmp_path / "child.log"
    child = await Child.start("sh", ["sh", "-c", program], log=log, stop_signal=signal.SIGINT)
    await child.until(lambda: "ready" in log.read_text(), 10)
    await child.stop()
    assert child.exit_code == 7


async def test_a_child_that_ends_while_it_starts_shows_its_log(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = await Child.start("The child", ["sh", "-c", "echo no disk left >&2; exit 3"], log=log)
    with pytest.raises(LocalError) as caught:
        await child.until(lambda: False, 10)
    assert caught.value.message == (
        f"The child ended with exit code 3 while it started. The end of {log}:\n    no disk left"
    )
    with pytest.raises(LocalError, match="failed with exit code 3"):
        await child.succeed()


async def test_the_log_of_the_last_run_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    for text in ("first", "second"):
        child = await Child.start("echo", ["echo", text], log=log)
        await child.succeed()
    assert log.read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"
    assert log.stat().st_mode & 0o777 == 0o600
