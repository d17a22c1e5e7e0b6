"""Traffic extends an ephemeral environment's life: nothing is refused until its maximum, and then all is."""

import time
from collections.abc import Iterator

import pytest

from tests.acceptance.connecting import one_to_each
from tests.acceptance.processes import start_edge
from tests.acceptance.sending import Answer, Connection
from tests.acceptance.stack import App
from tests.integration.edge.forms import JSON
from tests.integration.edge.world import World

PROCESSES = 2
TTL = 3
# Three lives of 3 s, so that one that is not extended is noticed.
MAXIMUM = 8
CLOSES_WITHIN_SECONDS = 1
# What is promised is a second; a machine that is busy with other tests gets more.
PATIENCE_SECONDS = 4


@pytest.fixture(scope="module")
def edge(world: World) -> Iterator[tuple[int, str]]:
    """Run an edge of several processes; answer its process id and URL."""
    env = {**world.env, "AXONPUSH_DIRECTORY_POLL_SECONDS": "1"}
    process, url = start_edge(env, world.folder, "--processes", str(PROCESSES))
    yield process.popen.pid, url
    assert process.stop() == 0, process.log


@pytest.fixture
def app(world: World) -> App:
    """Make an app for one test alone."""
    return world.control.app()


def send(connection: Connection, key: str) -> Answer:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    return connection.send("/v1/logs", headers=headers, body=JSON.payload)


def growing(world: World, app: App, slug: str) -> tuple[str, str]:
    """Make an environment that lives shorter than can be asked for, from now on; answer its id and a key."""
    made = world.control.post(
        f"/apps/{app.id}/environments",
        {"slug": slug, "expiresAt": "2100-01-01T00:00:00Z", "sourceRef": f"acme/shop#{slug}", "partitions": 1},
    )
    app.environments[slug] = made["id"]
    return made["id"], app.key(slug)


def begin(world: World, environment_id: str) -> float:
    """Let its life begin, and answer the moment by the clock that `time.monotonic` reads."""
    world.database.execute(
        "UPDATE environments SET ttl_seconds = $2::integer, expires_at = now() + make_interval(secs => $2::integer),"
        " max_expires_at = now() + make_interval(secs => $3::integer) WHERE id = $1",
        environment_id,
        TTL,
        MAXIMUM,
    )
    return time.monotonic()


@pytest.mark.parametrize("switch", ["ENABLE", "DISABLE"])
def test_traffic_extends_a_life_up_to_its_maximum(world: World, app: App, edge: tuple[int, str], switch: str) -> None:
    identity, key = growing(world, app, "pr-42")
    _, idle_key = growing(world, app, "pr-idle")
    with one_to_each(*edge, PROCESSES) as connections:
        assert [send(connection, each).status for connection in connections for each in (key, idle_key)] == [200] * 4
        began = begin(world, identity)
        begin(world, app.environments["pr-idle"])
        world.database.execute(f"ALTER TABLE environments {switch} TRIGGER notify")
        try:
            answers = traffic(connections, key, began)
        finally:
            world.database.execute("ALTER TABLE environments ENABLE TRIGGER notify")
        refused = {at for at, answer in answers if answer.status != 200}
        assert min(refused) > MAXIMUM - 0.1, answers
        assert min(refused) < MAXIMUM + PATIENCE_SECONDS
        # From the first refusal on all are refused, by all processes.
        assert not [at for at, answer in answers if answer.status == 200 and at > min(refused) + CLOSES_WITHIN_SECONDS]
        last = answers[-1][1]
        assert (last.status, "'pr-42' (made for acme/shop#pr-42) expired" in last.json()["message"]) == (410, True)
        # The one without traffic has ended long since, although its maximum was no other.
        assert [send(connection, idle_key).status for connection in connections] == [410] * PROCESSES
    shown = world.control.get(f"/environments/{identity}")
    assert (shown["ttlSeconds"], shown["expiresAt"]) == (TTL, shown["maxExpiresAt"])
    extended = [each["action"] for each in world.control.get(f"/audit?environmentId={identity}")["items"]]
    assert extended == ["environment.create", "key.create"]


def traffic(connections: list[Connection], key: str, began: float) -> list[tuple[float, Answer]]:
    """Send through all processes by turns until all refuse; answer when what was answered, since the beginning."""
    answers: list[tuple[float, Answer]] = []
    while len(answers) < PROCESSES or any(answer.status == 200 for _, answer in answers[-PROCESSES:]):
        for connection in connections:
            answer = send(connection, key)
            answers.append((time.monotonic() - began, answer))
        assert answers[-1][0] < MAXIMUM + 2 * PATIENCE_SECONDS, answers[-1]
        time.sleep(0.02)
    return answers
