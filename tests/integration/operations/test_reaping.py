"""What expires, with everything running: the worker stores what is left, then it goes, and clients are told 410."""

import functools
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.database import Database, wait_until
from tests.acceptance.processes import Process
from tests.acceptance.sending import send
from tests.acceptance.stack import App
from tests.integration.edge.forms import JSON
from tests.integration.edge.world import World, running, seeded

REQUESTS = 7
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
async def joining(database_url: str, kafka_bootstrap: str) -> tuple[dict[str, str], str]:
    """How processes join, whose reaper does not wait for long, and a management key."""
    env, management_key = await seeded(database_url, kafka_bootstrap)
    hasty = {"AXONPUSH_REAPER_INTERVAL_SECONDS": "1", "AXONPUSH_REAPER_SETTLE_SECONDS": "1"}
    return {**env, **hasty}, management_key


@pytest.fixture
def world(joining: tuple[dict[str, str], str], tmp_path: Path) -> Iterator[World]:
    """Run an edge."""
    env, management_key = joining
    with running(env, tmp_path, management_key) as world:
        yield world


def preview(world: World) -> tuple[App, Any, list[str]]:
    """Make a preview; answer its app, itself, and a key and a token of it."""
    app = world.control.app()
    body = b'{"ttlSeconds":3600}'
    headers = {"Authorization": f"Bearer {world.control.management_key}", "Content-Type": "application/json"}
    path = f"/apps/{app.id}/environments/by-ref/acme%2Fshop%2342"
    made = send(world.url + path, method="PUT", headers=headers, body=body).json()
    app.environments["preview"] = made["environment"]["id"]
    return app, made["environment"], [app.key("preview"), made["token"]]


def expire(database: Database, environment_id: str) -> None:
    """Let an environment's time be over."""
    database.execute("UPDATE environments SET expires_at = now() WHERE id = $1", environment_id)


def metric(url: str, name: str) -> float:
    """Answer a metric of the edge, 0 where it does not stand there yet."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", send(f"{url}/metrics", method="GET").body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def outcome(url: str, name: str) -> float:
    """Answer how many environments ended so."""
    return metric(url, f'axonpush_reaper_environments_total{{outcome="{name}"}}')


def is_purged(world: World, environment_id: str) -> bool:
    return world.database.value("SELECT purged_at IS NOT NULL FROM environments WHERE id = $1", environment_id)


def test_what_expires_is_stored_to_its_end_and_goes_but_for_a_tombstone(world: World) -> None:
    app, environment, keys = preview(world)
    identity = environment["id"]
    statuses = [JSON.send(world.url, keys[number % 2], app.channel).status for number in range(REQUESTS)]
    assert statuses == [200] * REQUESTS
    expire(world.database, identity)

    def are_refused() -> bool:
        statuses.extend(JSON.send(world.url, key, app.channel).status for key in keys)
        return statuses[-2:] == [410, 410]

    wait_until(are_refused, "its keys are refused")

    # Nobody has stored the records yet: the reaper comes again and again, and lets it be.
    done = 'axonpush_reaper_runs_total{result="done"}'
    came = metric(world.url, done)
    wait_until(lambda: metric(world.url, done) >= came + 4, "the reaper comes")
    assert world.database.value("SELECT deleted_at IS NULL FROM environments WHERE id = $1", identity)
    assert (outcome(world.url, "expired"), outcome(world.url, "purged")) == (0, 0)

    worker = Process(["worker"], world.env, world.folder / f"worker-{secrets.token_hex(4)}.log")
    try:
        wait_until(lambda: is_purged(world, identity), "everything goes", PATIENCE_SECONDS)
    finally:
        assert worker.stop() == 0, worker.log
    # Every record was stored before its events went: only that marks it.
    marked = world.database.value("SELECT count(*) FROM ingest_seen WHERE environment = $1", identity)
    assert marked == statuses.count(200) >= REQUESTS
    tables = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE '%' || lower($1) || '%'"
    assert world.database.value(tables, identity) == 0
    assert world.topics.records([identity]) == 0
    kept = world.database.rows(
        "SELECT name, last4, octet_length(digest) AS digest_bytes FROM credentials WHERE environment_id = $1", identity
    )
    assert [tuple(row) for row in kept] == [("", "", 32)] * 2

    for key in keys:
        refused = JSON.send(world.url, key, app.channel)
        assert refused.status == 410
        assert f"The environment '{environment['slug']}' (made for acme/shop#42) expired." in refused.json()["message"]
    headers = {"Authorization": f"Bearer {world.control.management_key}"}
    assert send(f"{world.url}/environments/{identity}", method="GET", headers=headers).status == 404
    assert (outcome(world.url, "expired"), outcome(world.url, "purged")) == (1, 1)
    assert outcome(world.url, "expired_undrained") == 0
    since_success = world.database.value(
        "SELECT extract(epoch FROM now())::float8 - $1::float8",
        metric(world.url, "axonpush_reaper_last_success_timestamp_seconds"),
    )
    assert since_success < PATIENCE_SECONDS


def test_a_reaper_that_was_down_catches_up(joining: tuple[dict[str, str], str], tmp_path: Path) -> None:
    env, management_key = joining
    with running(env, tmp_path, management_key) as world:
        app, environment, keys = preview(world)
        staging = app.environment("staging")
    # No edge runs while one expires and another one is deleted.
    database = Database(env["AXONPUSH_DATABASE_URL"])
    expire(database, environment["id"])
    database.execute("UPDATE environments SET deleted_at = now() WHERE id = $1", staging)
    database.close()
    with running(env, tmp_path, management_key) as world:
        for identity in (environment["id"], staging):
            wait_until(functools.partial(is_purged, world, identity), "it goes", PATIENCE_SECONDS)
        assert [JSON.send(world.url, key, app.channel).status for key in keys] == [410, 410]
