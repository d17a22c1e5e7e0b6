"""Keeps one child: stands between a parent and its child, and ends the child when the parent is gone.

Run as `python -I -S keeper.py STOP_SIGNAL GRACE_SECONDS UID GID COMMAND...` with a pipe from the parent as standard
input. The parent's end closes when the parent closes it, or dies in whatever way: then the child gets STOP_SIGNAL, and
SIGKILL after GRACE_SECONDS. UID and GID of -1 leave the user as it is. The child is the leader of a session of its own;
what it leaves behind is killed. Exits as the child did (128 + signal, as a shell says it). Imports the standard library
alone, so that it starts within milliseconds.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform == "linux"


def main() -> int:
    """Start the child, wait for the end of it or of the parent, and answer the exit code."""
    stop_signal, grace_seconds, uid, gid = (int(argument) for argument in sys.argv[1:5])
    prctl = ctypes.CDLL(None).prctl if _IS_LINUX else None
    if prctl:
        prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans of the child become ours
    wake = _wake_on_signals()
    child = subprocess.Popen(
        sys.argv[5:],
        stdin=subprocess.DEVNULL,
        close_fds=False,  # what the parent passed on is for the child
        start_new_session=True,
        user=None if uid < 0 else uid,
        group=None if gid < 0 else gid,
        extra_groups=None if uid < 0 else [],
        # Should this process be killed itself, Linux tells the child.
        preexec_fn=(lambda: prctl(_PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)) if prctl else None,  # noqa: PLW1509 (no threads here)
    )
    code = _watch(child.pid, wake, stop_signal, grace_seconds)
    _kill_the_rest(child.pid)
    return code


def _wake_on_signals() -> int:
    """Answer a pipe's end that becomes readable with each signal; it carries the signals' numbers."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A handler, because a child would inherit an ignored signal as ignored.
        signal.signal(number, _go_on)
    return reader


def _go_on(_number: int, _frame: FrameType | None) -> None:
    """Do nothing: the wake-up pipe tells the number."""


def _watch(pid: int, wake: int, stop_signal: int, grace_seconds: int) -> int:
    """Wait until the child has ended, stop it when the parent is gone or a signal asks for it; answer its exit code."""
    parent = [sys.stdin.fileno()]
    deadline: float | None = None
    while True:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([wake, *parent], [], [], remaining)
        numbers = os.read(wake, 4096) if wake in readable else b""
        code = _reap(pid)
        if code is not None:
            return code
        is_asked_to_stop = bool(parent and parent[0] in readable) or any(n != signal.SIGCHLD for n in numbers)
        if is_asked_to_stop and deadline is None:
            parent.clear()
            deadline = time.monotonic() + grace_seconds
            os.kill(pid, stop_signal)
        elif deadline is not None and time.monotonic() >= deadline:
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + grace_seconds


def _reap(pid: int) -> int | None:
    """Collect every process that has ended; answer the child's exit code if it is among them."""
    code = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == pid:
                exit_code = os.waitstatus_to_exitcode(status)
                code = exit_code if exit_code >= 0 else 128 - exit_code
    return code


def _kill_the_rest(pid: int) -> None:
    """Kill what the child left: its process group, and on Linux every descendant, in whatever session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    while orphans := _children():
        for orphan in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)  # its own children become ours now


def _children() -> list[int]:
    """List this process's children; empty where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:  # noqa: PTH123 (pathlib is slow to import)
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main())
