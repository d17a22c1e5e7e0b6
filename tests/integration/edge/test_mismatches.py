"""A deploy with a wrong key: what a running worker's metrics, and the environment itself, then say."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.acceptance.database import wait_until
from tests.acceptance.processes import Process
from tests.acceptance.sending import send
from tests.integration.edge.world import World


@pytest.fixture
def worker_url(world: World) -> Iterator[str]:
    """Run a worker that serves its metrics, and answer where."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = Process(["worker", "--worker-metrics-port", str(port)], world.env, world.folder / "worker.log")
    try:
        process.wait_for_log("Assigned")
        yield f"http://127.0.0.1:{port}"
    finally:
        assert process.stop() == 0, process.log


def logs_that_say(environment: str, count: int) -> bytes:
    """Write log records whose resource names an environment."""
    attribute = {"key": "deployment.environment.name", "value": {"stringValue": environment}}
    records = [{"body": {"stringValue": f"{environment} {number}"}} for number in range(count)]
    logs = {"resource": {"attributes": [attribute]}, "scopeLogs": [{"logRecords": records}]}
    return json.dumps({"resourceLogs": [logs]}).encode()


def scraped(worker_url: str, environment_id: str) -> int:
    """Answer what the worker's metric says of an environment."""
    text = send(f"{worker_url}/metrics", method="GET").body.decode()
    found = re.search(
        rf'^axonpush_environment_mismatches_total{{environment="{environment_id}"}} (\S+)$', text, re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def test_events_sent_with_another_environments_key_are_counted(world: World, worker_url: str) -> None:
    app = world.control.app()
    environment, neighbour = app.environments["development"], app.environments["production"]
    sent = [("development", "production", 3), ("development", "Development", 5), ("production", "production", 4)]
    for slug, said, number in sent:
        headers = {"X-API-Key": app.key(slug), "Content-Type": "application/json"}
        assert send(f"{world.url}/v1/logs", headers=headers, body=logs_that_say(said, number)).status == 200
    event = json.dumps({"message": "hello", "environment": "prod-eu"}).encode()
    envelope = b'{}\n{"type":"event"}\n' + event
    url = f"{world.url}/api/{app.channel}/envelope/?sentry_key={app.key('development')}"
    assert send(url, body=envelope).status == 200

    def stored(environment_id: str) -> int:
        return world.database.value(
            "SELECT coalesce(sum(events), 0) FROM events_by_minute WHERE environment = $1", environment_id
        )

    wait_until(lambda: (stored(environment), stored(neighbour)) == (9, 4), "everything is stored")
    # It counts once it knows that PostgreSQL has committed.
    wait_until(lambda: scraped(worker_url, environment) == 4, "the worker has counted")
    assert scraped(worker_url, neighbour) == 0
    shown = world.control.get(f"/environments/{environment}")["mismatches"]
    assert shown["events"] == 4
    assert shown["lastAt"] is not None
    assert world.control.get(f"/environments/{neighbour}")["mismatches"] == {"events": 0, "lastAt": None}
