"""The data directory: one owner at a time, private files, and a way through for a server that is not root."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.local.datadir import DataDir, make_traversable, read_json, write_private_json
from gateway.local.errors import LocalError

# Holds a lock that is inherited by a process that goes on for a moment after the first one was killed.
HOLDER = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.write(descriptor, str(os.getpid()).encode())
if os.fork() == 0:
    print("held", flush=True)
    os.close(1)
    sys.stdin.read()
else:
    time.sleep(600)
"""


def start_holder(lock: Path, stdin: int) -> subprocess.Popen[str]:
    owner = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdin=stdin, stdout=subprocess.PIPE, text=True)
    with owner.stdout or pytest.fail("no pipe"):
        assert owner.stdout.readline() == "held\n"
    return owner


async def test_the_next_run_waits_for_what_a_killed_one_left(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    reader, writer = os.pipe()
    owner = start_holder(tmp_path / "lock", reader)
    os.close(reader)
    with pytest.raises(LocalError, match=rf"Another `axonpush up` \(process {owner.pid}\) uses"):
        async with data.locked(pytest.fail):
            pass
    owner.kill()
    owner.wait()

    said: list[str] = []

    def let_the_rest_end(line: str) -> None:
        said.append(line)
        os.close(writer)

    async with data.locked(let_the_rest_end):
        assert said == ["Waiting for what a killed run left to stop ..."]
        assert (tmp_path / "lock").read_text() == str(os.getpid())


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match=r"The data directory .*/file/data cannot be made: .* Give another --data-dir"):
        async with DataDir(tmp_path / "file" / "data").locked(pytest.fail):
            pass


def test_a_private_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    assert read_json(path) == {}
    path.write_text('{"old": true}')
    path.chmod(0o644)
    write_private_json(path, {"key": "value"})
    assert read_json(path) == {"key": "value"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["secrets.json"]


def test_a_private_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("{")
    with pytest.raises(LocalError, match=rf"{path} cannot be read: .* Restore it"):
        read_json(path)
    with pytest.raises(LocalError, match=r"gone/x\.json cannot be written"):
        write_private_json(tmp_path / "gone" / "x.json", {})


def test_others_may_pass_through_folders_and_not_list_them(tmp_path: Path) -> None:
    closed = tmp_path / "home"
    data = closed / "data"
    data.mkdir(parents=True)
    data.chmod(0o700)
    closed.chmod(0o700)
    said: list[str] = []
    make_traversable(data, said.append)
    assert stat.S_IMODE(data.stat().st_mode) == 0o701
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    assert f"Let other users pass through {closed} (chmod o+x): PostgreSQL does not run as root." in said
