"""Changes reach every edge process within a second, ten without notifications; what was just made works at once."""

import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from tests.acceptance.connecting import one_to_each
from tests.acceptance.freshness import ask, latencies, notifications_cut
from tests.acceptance.sending import Connection
from tests.acceptance.stack import App, Stack

PROCESSES = 4
WITH_NOTIFICATIONS_SECONDS = 1
WITHOUT_NOTIFICATIONS_SECONDS = 10


@pytest.fixture(scope="module")
def edge(stack: Stack) -> Iterator[tuple[int, str]]:
    """Join an edge of several processes; answer its process id and URL."""
    process, url = stack.join_edge("--processes", str(PROCESSES))
    yield process.popen.pid, url
    assert process.stop() == 0, process.log


@pytest.fixture
def connections(edge: tuple[int, str]) -> Iterator[list[Connection]]:
    """Keep one connection to each process of the edge."""
    with one_to_each(*edge, PROCESSES) as held:
        yield held


def seconds_until(connections: list[Connection], has_changed: Callable[[Connection], bool]) -> float:
    """Ask all processes until each has seen a change, and answer how long the slowest took."""
    began = time.monotonic()
    waiting = list(connections)
    while waiting:
        assert time.monotonic() - began < 10, "The change was not seen at all."
        waiting = [connection for connection in waiting if not has_changed(connection)]
    return time.monotonic() - began


def test_revocation_pause_and_expiry_are_seen_by_every_process_within_a_second(
    app: App, connections: list[Connection], record_property: Callable[[str, object], None]
) -> None:
    for name, seconds in latencies(connections, app).items():
        record_property(name, seconds)
        assert seconds <= WITH_NOTIFICATIONS_SECONDS, name


def test_without_notifications_they_are_within_ten(
    stack: Stack, app: App, connections: list[Connection], record_property: Callable[[str, object], None]
) -> None:
    with notifications_cut(stack.database):
        behind = latencies(connections, app)
    for name, seconds in behind.items():
        record_property(name, seconds)
        assert seconds <= WITHOUT_NOTIFICATIONS_SECONDS, name


def test_a_revoked_key_leaves_others_alone(stack: Stack, app: App, connections: list[Connection]) -> None:
    made, other = app.made_key(), app.key()
    stack.control.post(f"/api-keys/{made['id']}/revoke", status=200)
    assert seconds_until(connections, lambda connection: ask(connection, made["key"]).status == 401) < 1
    for connection in connections:
        assert ask(connection, made["key"]).status == 401
        assert ask(connection, other).status == 200


def test_a_revoked_token_too(stack: Stack, app: App, connections: list[Connection]) -> None:
    body = {"channelId": app.channel, "environmentId": app.environments["production"]}
    made = stack.control.post("/public-tokens", body)
    for connection in connections:
        assert ask(connection, made["token"]).status == 200
    stack.control.post(f"/public-tokens/{made['id']}/revoke", status=200)
    assert seconds_until(connections, lambda connection: ask(connection, made["token"]).status == 401) < 1


def test_a_flag_that_changes_counts_in_every_process_within_a_second(
    stack: Stack, app: App, connections: list[Connection]
) -> None:
    made = app.made_key()

    def lands_in(slug: str) -> Callable[[Connection], bool]:
        return lambda connection: (
            ask(connection, made["key"], "development").headers["x-axonpush-resolved-environment"] == slug
        )

    assert all(map(lands_in("production"), connections))
    stack.control.patch(f"/api-keys/{made['id']}", {"allowEnvironmentOverride": True})
    assert seconds_until(connections, lands_in("development")) < 1
    stack.control.patch(f"/api-keys/{made['id']}", {"allowEnvironmentOverride": False})
    assert seconds_until(connections, lands_in("production")) < 1


def test_what_was_just_made_works_from_the_moment_of_its_answer(stack: Stack, connections: list[Connection]) -> None:
    for _ in range(3):
        app = stack.control.app()
        slug = f"preview-{secrets.token_hex(4)}"
        key = app.key(allowEnvironmentOverride=True)
        for connection in connections:
            assert ask(connection, key).status == 200
        app.environment(slug)
        answers = [ask(connection, key, slug) for connection in connections]
        assert [answer.status for answer in answers] == [200] * PROCESSES, answers
        assert {answer.headers["x-axonpush-resolved-environment"] for answer in answers} == {slug}
        token = app.token(slug)
        assert [ask(connection, token).status for connection in connections] == [200] * PROCESSES
