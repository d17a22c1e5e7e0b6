"""Processes that were started apart: first keys without `axonpush up`, and metrics of several processes."""

import contextlib
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from gateway.identity.tokens import parse

START_TIMEOUT_SECONDS = 60
PEPPERS = "1:" + "ab" * 32


def settings(database_url: str, kafka_bootstrap: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AXONPUSH_")}
    return {
        **clean,
        "AXONPUSH_DATABASE_URL": database_url,
        "AXONPUSH_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "AXONPUSH_DIRECTORY_PEPPERS": PEPPERS,
        "AXONPUSH_SERVER_DRAIN_DELAY_SECONDS": "0",
    }


def seed(env: dict[str, str]) -> dict[str, object]:
    command = [sys.executable, "-P", "-m", "gateway.cli", "seed", "--json"]
    return json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)


@contextlib.contextmanager
def running(env: dict[str, str], port: int, *arguments: str) -> Generator[None]:
    """Run a command until the end of the block; it takes connections at the port."""
    process = subprocess.Popen([sys.executable, "-P", "-m", "gateway.cli", *arguments], env=env)
    try:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"axonpush {arguments[0]} did not open port {port}; exit code {process.poll()}.")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def get(port: int, path: str) -> str:
    """Ask over a connection of its own, which any of the processes may take."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    with contextlib.closing(connection):
        return connection.getresponse().read().decode()


def post_logs(port: int, key: str) -> tuple[int, str | None]:
    """Send an empty request and answer its status and environment."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/logs", b"", {"X-API-Key": key, "Content-Type": "application/x-protobuf"})
    with contextlib.closing(connection):
        answer = connection.getresponse()
        return answer.status, answer.getheader("x-axonpush-resolved-environment")


def test_seed_issues_keys_that_work_each_time_and_keeps_those_of_before(
    database_url: str, kafka_bootstrap: str
) -> None:
    env = settings(database_url, kafka_bootstrap)
    first, second = seed(env), seed(env)
    assert first["management_key"] != second["management_key"]
    port = free_port()
    with running(env, port, "edge", "--port", str(port)):
        for seeded in (first, second):
            keys = seeded["api_keys"]
            assert isinstance(keys, dict)
            assert set(keys) == {"production", "development"}
            for slug, key in keys.items():
                assert parse(key) is not None
                assert post_logs(port, key) == (200, slug)


def test_an_edge_starts_from_its_copy_of_the_directory_while_postgresql_is_away(
    database_url: str, kafka_bootstrap: str, tmp_path: Path
) -> None:
    copy = tmp_path / "directory"
    env = {**settings(database_url, kafka_bootstrap), "AXONPUSH_DIRECTORY_SNAPSHOT_FILE": str(copy)}
    port = free_port()
    with running(env, port, "edge", "--port", str(port)):
        # A change is what makes an edge write its copy.
        keys = seed(env)["api_keys"]
        assert isinstance(keys, dict)
        known = parse(keys["production"])
        assert known is not None
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not copy.exists() or known.id.encode() not in copy.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    away = {**env, "AXONPUSH_DATABASE_URL": f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"}
    with running(away, port, "edge", "--port", str(port)):
        assert post_logs(port, known.text) == (200, "production")
        unknown = seed(env)["api_keys"]
        assert isinstance(unknown, dict)
        assert post_logs(port, unknown["production"]) == (503, None)


def test_one_scrape_tells_of_all_processes_of_an_edge(database_url: str, kafka_bootstrap: str) -> None:
    port = free_port()
    with running(settings(database_url, kafka_bootstrap), port, "edge", "--port", str(port), "--processes", "2"):
        for _ in range(40):
            get(port, "/healthz")
        found = re.search(r'axonpush_requests_total\{route="healthz",status="200"\} (\d+)', get(port, "/metrics"))
    assert found is not None
    assert int(found[1]) == 40


def test_a_worker_serves_its_metrics_where_it_is_told_to(database_url: str, kafka_bootstrap: str) -> None:
    port = free_port()
    with running(settings(database_url, kafka_bootstrap), port, "worker", "--worker-metrics-port", str(port)):
        assert "axonpush_worker" in get(port, "/metrics")
