"""A revocation is acknowledged by every process of an edge, with notifications and without."""

import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from tests.acceptance.connecting import one_to_each
from tests.acceptance.database import wait_until
from tests.acceptance.processes import start_edge
from tests.acceptance.sending import Connection
from tests.acceptance.stack import App
from tests.integration.edge.forms import JSON
from tests.integration.edge.world import World

PROCESSES = 4
# What is promised are 1 s and 10 s; a machine that is busy with other tests gets more.
WITH_NOTIFICATIONS_SECONDS = 5
WITHOUT_NOTIFICATIONS_SECONDS = 15


@pytest.fixture(scope="module")
def edge(world: World) -> Iterator[tuple[int, str]]:
    """Run an edge of several processes; answer its process id and URL."""
    process, url = start_edge(world.env, world.folder, "--processes", str(PROCESSES))
    yield process.popen.pid, url
    assert process.stop() == 0, process.log


@pytest.fixture
def app(world: World) -> App:
    """Make an app for one test alone."""
    return world.control.app()


@contextmanager
def notifications_cut(world: World) -> Generator[None]:
    """Let PostgreSQL say nothing about keys that change."""
    world.database.execute("ALTER TABLE credentials DISABLE TRIGGER notify")
    try:
        yield
    finally:
        world.database.execute("ALTER TABLE credentials ENABLE TRIGGER notify")


def status(connection: Connection, key: str) -> int:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    return connection.send("/v1/logs", headers=headers, body=JSON.payload).status


def pids(processes: list[dict[str, Any]]) -> set[int]:
    return {each["pid"] for each in processes}


def pids_of(edge: tuple[int, str]) -> set[int]:
    """Answer the process ids of an edge that take requests: not those that only start and watch others."""
    return {child.pid for child in psutil.Process(edge[0]).children(recursive=True) if not child.children()}


def revoke(world: World, app: App, edge: tuple[int, str]) -> float:
    """Revoke a key that every process knows, and answer how long it took until all have acknowledged."""
    made = app.made_key("development")
    with one_to_each(*edge, PROCESSES) as connections:
        assert [status(connection, made["key"]) for connection in connections] == [200] * PROCESSES
        began = time.monotonic()
        revoked = world.control.post(f"/api-keys/{made['id']}/revoke?wait=30", status=200)
        took_seconds = time.monotonic() - began
        assert [status(connection, made["key"]) for connection in connections] == [401] * PROCESSES
    assert revoked["pending"] == []
    # The edge that all tests of the module share is one more.
    assert pids_of(edge) < pids(revoked["acknowledgedBy"])
    assert len(revoked["acknowledgedBy"]) == PROCESSES + 1
    return took_seconds


def test_every_process_acknowledges_with_notifications(world: World, app: App, edge: tuple[int, str]) -> None:
    assert revoke(world, app, edge) < WITH_NOTIFICATIONS_SECONDS


def test_every_process_acknowledges_without_notifications(world: World, app: App, edge: tuple[int, str]) -> None:
    with notifications_cut(world):
        assert revoke(world, app, edge) < WITHOUT_NOTIFICATIONS_SECONDS


def test_a_long_transaction_of_somebody_else_holds_nothing_up(world: World, app: App, edge: tuple[int, str]) -> None:
    world.database.execute("BEGIN")
    world.database.execute("SELECT pg_current_xact_id()")
    try:
        assert revoke(world, app, edge) < WITH_NOTIFICATIONS_SECONDS
    finally:
        world.database.execute("ROLLBACK")


def test_a_process_that_hangs_is_told_of(world: World, app: App, edge: tuple[int, str]) -> None:
    made = app.made_key("development")
    frozen = min(pids_of(edge))
    os.kill(frozen, signal.SIGSTOP)
    try:
        revoked = world.control.post(f"/api-keys/{made['id']}/revoke?wait=2", status=200)
        assert pids(revoked["pending"]) == {frozen}
        assert pids(revoked["acknowledgedBy"]) >= pids_of(edge) - {frozen}
    finally:
        os.kill(frozen, signal.SIGCONT)
    wait_until(
        lambda: not world.control.post(f"/api-keys/{made['id']}/revoke?wait=1", status=200)["pending"],
        "the process goes on",
    )


def test_a_process_that_stopped_is_forgotten_and_one_that_was_killed_is_told_of(world: World, app: App) -> None:
    made = app.made_key("development")
    path = f"/api-keys/{made['id']}/revoke?wait=5"
    with world.edge() as (process, _):
        stopped = process.popen.pid
        assert stopped in pids(world.control.post(path, status=200)["acknowledgedBy"])
    revoked = world.control.post(path, status=200)
    assert stopped not in pids(revoked["acknowledgedBy"]) | pids(revoked["pending"])
    process, _ = start_edge(world.env, world.folder)
    process.kill()
    later = world.control.post(f"/api-keys/{app.made_key('development')['id']}/revoke?wait=1", status=200)
    assert process.popen.pid in pids(later["pending"])
