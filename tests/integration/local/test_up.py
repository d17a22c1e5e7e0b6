"""`axonpush up` as a person runs it: what it tells, what joins it, how it stops, what is left when it is killed."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.runtime import postgres
from gateway.runtime.settings import Database
from tests.acceptance.curl import RUNNERS
from tests.acceptance.sending import Answer
from tests.integration.edge.forms import JSON, logs_json

ROOT = Path(__file__).parents[3]
START_TIMEOUT_SECONDS = 90
CHILDREN = {"postgres", "java", "edge", "worker"}


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AXONPUSH_")}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


def axonpush(*arguments: str, cwd: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gateway.cli", *arguments],
        cwd=cwd,
        env=environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # as a terminal's foreground job has a process group of its own
    )


class Up:
    """A running `axonpush up` in a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        ready_file = folder / "ready.json"
        ready_file.unlink(missing_ok=True)
        self.folder = folder
        self.process = axonpush("up", "--port", "0", "--ready-file", "ready.json", *arguments, cwd=folder)
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                pytest.fail(f"axonpush up did not become ready:\n{self.process.communicate()[0]}")
            time.sleep(0.05)
        assert ready_file.stat().st_mode & 0o777 == 0o600
        self.ready: dict[str, Any] = json.loads(ready_file.read_text())
        self.tree = psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        """Find PostgreSQL's, Kafka's, the edge's or the worker's process behind its keeper."""
        for process in self.tree:
            command = process.cmdline()
            if name in Path(command[0]).name or (command[1:4] == ["-P", "-m", "gateway.cli"] and command[4] == name):
                return process
        raise AssertionError(name, [process.cmdline() for process in self.tree])

    def signal_group(self, number: signal.Signals) -> str:
        """Send a signal as a terminal does, and answer everything that was printed."""
        os.killpg(self.process.pid, number)
        return self.process.communicate(timeout=60)[0]

    def is_gone(self) -> bool:
        """Wait for the end of every process of the tree."""
        _, alive = psutil.wait_procs(self.tree, timeout=20)
        return not alive


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("up")


@pytest.fixture(scope="module")
def up(folder: Path) -> Generator[Up]:
    running = Up(folder)
    yield running
    if running.process.poll() is None:
        running.signal_group(signal.SIGTERM)


def curl(banner: str) -> list[Answer]:
    """Run the banner's curl as it stands, in each way that there is here."""
    command = re.search(r"^  (curl .*?')\n", banner, re.MULTILINE | re.DOTALL)
    assert command, banner
    return [run(command[1]) for run in RUNNERS]


async def stored_logs(url: str, at_least: int) -> list[tuple[str, str]]:
    """Wait until rows are stored; answer the environment's slug and the body of each."""
    connection = await postgres.connect(Database(url=url))
    try:
        async with asyncio.timeout(30):
            while True:
                rows = await connection.fetch(
                    "SELECT slug, body_text FROM logs JOIN environments ON environments.id = logs.environment"
                )
                if len(rows) >= at_least:
                    return [(row["slug"], row["body_text"]) for row in rows]
                await asyncio.sleep(0.1)
    finally:
        await connection.close()


def test_the_ready_file_says_how_to_join(up: Up) -> None:
    ready = up.ready
    assert ready["channel"] == 1
    assert set(ready["api_keys"]) == {"production", "development"}
    host = ready["ingest_url"].removeprefix("http://")
    assert ready["dsn"] == {slug: f"http://{key}@{host}/1" for slug, key in ready["api_keys"].items()}
    assert ready["env"] == {
        "AXONPUSH_DATABASE_URL": ready["database_url"],
        "AXONPUSH_KAFKA_BOOTSTRAP": ready["kafka_bootstrap"],
        "AXONPUSH_DIRECTORY_PEPPERS": ready["env"]["AXONPUSH_DIRECTORY_PEPPERS"],
        "AXONPUSH_CONTROL_URL": ready["ingest_url"],
        "AXONPUSH_CONTROL_MANAGEMENT_KEY": ready["management_key"],
    }
    running = up.folder / ".axonpush" / "running.json"
    assert json.loads(running.read_text()) == ready
    assert running.stat().st_mode & 0o777 == 0o600
    assert (up.folder / ".axonpush" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_command_in_the_same_folder_finds_the_stack(up: Up) -> None:
    config = axonpush("config", "--json", cwd=up.folder)
    shown = {row["setting"]: row for row in json.loads(config.communicate(timeout=30)[0])}
    assert shown["control.url"]["value"] == up.ready["ingest_url"]
    assert shown["control.url"]["origin"] == "local stack .axonpush/running.json"
    assert shown["control.management_key"]["value"] == "********"
    apps = axonpush("app", "list", cwd=up.folder)
    assert "default" in apps.communicate(timeout=30)[0]
    assert apps.returncode == 0


def test_a_second_stack_on_the_same_data_says_who_is_there(up: Up) -> None:
    second = axonpush("up", "--port", "0", cwd=up.folder)
    printed = second.communicate(timeout=30)[0]
    assert f"Another `axonpush up` (process {up.process.pid}) uses {up.folder / '.axonpush'}." in printed
    assert second.returncode == 1
    assert up.process.poll() is None


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments in (["up"], ["edge"]):
            process = axonpush(*arguments, "--port", str(port), cwd=tmp_path)
            printed = process.communicate(timeout=30)[0]
            assert printed.startswith(f"axonpush: Port {port} of 127.0.0.1 is in use. Give another --port")
            assert printed.count("\n") == 1
            assert process.returncode == 2
    assert not (tmp_path / ".axonpush").exists()


async def test_further_edges_and_workers_join_and_one_that_dies_is_replaced(up: Up, tmp_path: Path) -> None:
    worker = axonpush("worker", cwd=tmp_path, **up.ready["env"])
    edge = axonpush("edge", "--port", "0", "--processes", "2", cwd=tmp_path, **up.ready["env"])
    try:
        assert edge.stdout
        line = ""
        while not (found := re.search(r"The edge takes requests at (http://127\.0\.0\.1:\d+)\n", line)):
            line = edge.stdout.readline()
            assert line, "the edge ended"
        url = found[1]
        send(url, up.ready["api_keys"]["development"], "before")
        for process in edge_processes(edge):
            process.kill()
            process.wait(20)
        # The socket stays open meanwhile: the request waits for a new process, and is not refused.
        send(url, up.ready["api_keys"]["development"], "after")
        stored = await stored_logs(up.ready["database_url"], 2)
        assert {("development", "before"), ("development", "after")} <= set(stored)
        tree = psutil.Process(edge.pid).children(recursive=True)
    finally:
        for process in (edge, worker):
            process.terminate()
            process.communicate(timeout=60)
    assert edge.returncode == worker.returncode == 0
    assert not psutil.wait_procs(tree, timeout=0)[1]


def edge_processes(edge: subprocess.Popen[str]) -> list[psutil.Process]:
    """Find the processes behind the keepers of an edge."""
    found = [child for keeper in psutil.Process(edge.pid).children() for child in keeper.children()]
    assert len(found) == 2
    return found


def send(url: str, key: str, text: str) -> None:
    """Send one log record, and see it accepted."""
    assert JSON.send(url, key, 1, body=json.dumps(logs_json(text)).encode()).status == 200


async def test_a_killed_stack_leaves_nothing_running_and_its_data_and_keys_to_the_next(up: Up) -> None:
    data = up.folder / ".axonpush"
    up.process.kill()
    banner = up.process.communicate(timeout=20)[0]
    assert up.is_gone()
    assert (data / "running.json").exists()
    # In a container another process soon has the number that the killed server had.
    (data / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")

    again = Up(up.folder)
    try:
        assert again.ready["api_keys"] == up.ready["api_keys"]
        assert again.ready["management_key"] == up.ready["management_key"]
        before = await stored_logs(again.ready["database_url"], 2)
        port = re.escape(up.ready["ingest_url"])
        for answer in curl(re.sub(port, again.ready["ingest_url"], banner)):
            assert answer.status == 200
            assert answer.headers["x-axonpush-resolved-environment"] == "production"
        rows = await stored_logs(again.ready["database_url"], len(before) + 1)
        assert ("production", "Hello from curl") in rows
    finally:
        printed = again.signal_group(signal.SIGINT)
    assert again.process.returncode == 0, printed
    assert printed.endswith("Stopping ...\nStopped.\n")
    assert not any(process.is_running() for process in again.tree)
    assert not (data / "running.json").exists()
    assert_stopped_in_order(data)


def assert_stopped_in_order(data: Path) -> None:
    """Read from the logs and from Kafka's mark of a clean stop that edge, worker, Kafka, PostgreSQL stopped in turn."""
    logs = data / "logs"
    edge, worker = (
        re.findall(r"^(\S+)Z INFO +gateway\.runtime\.lifecycle: SIGTERM", (logs / name).read_text(), re.MULTILINE)[-1]
        for name in ("edge.log", "worker.log")
    )
    clean = (data / "kafka" / "data" / ".kafka_cleanshutdown").stat().st_mtime
    fast = re.findall(r"^(\S+) (\S+) UTC .*received fast shutdown", (logs / "postgres.log").read_text(), re.MULTILINE)
    kafka = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(clean))
    assert edge <= worker
    assert worker[:19] <= kafka <= f"{fast[-1][0]}T{fast[-1][1]}"


def test_a_child_that_dies_is_named_and_the_rest_is_stopped(folder: Path, up: Up) -> None:
    assert up.process.poll() is not None, "the stack of the tests before runs on the same data"
    running = Up(folder)
    assert {name for name in CHILDREN if running.child(name).is_running()} == CHILDREN
    running.child("java").kill()
    printed = running.process.communicate(timeout=60)[0]
    assert "axonpush: Kafka ended with exit code 137. The end of" in printed
    assert running.process.returncode == 1
    assert not any(process.is_running() for process in running.tree)


def test_servers_that_run_elsewhere_are_used(tmp_path: Path, empty_database_url: str, kafka_bootstrap: str) -> None:
    running = Up(tmp_path, "--external-database", empty_database_url, "--external-kafka", kafka_bootstrap)
    try:
        assert running.ready["database_url"] == empty_database_url
        assert running.ready["kafka_bootstrap"] == kafka_bootstrap
        assert len(running.tree) == 4, "two keepers, edge and worker"
        send(running.ready["ingest_url"], running.ready["api_keys"]["production"], "to servers elsewhere")
    finally:
        running.signal_group(signal.SIGTERM)
    assert running.process.returncode == 0
