"""Why was this not accepted? The refused requests of real keys, read by REST and by the command line."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.rejections import Rejection
from gateway.identity.tokens import mint
from gateway.runtime import postgres
from gateway.runtime.clock import now_ns
from gateway.runtime.settings import Database
from schemas.environment import Kind
from tests.acceptance import processes
from tests.acceptance.database import wait_until
from tests.acceptance.stack import App
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, SENTRY, Form
from tests.integration.edge.world import World

SECRET = "what-was-sent"


class Shop(Struct):
    """An app and a key of its development environment."""

    app: App
    key: dict[str, Any]

    def path(self, slug: str = "development") -> str:
        """Answer where refusals of an environment are read."""
        return f"/environments/{self.app.environments[slug]}/rejections"


@pytest.fixture
def shop(world: World) -> Shop:
    """Make an app."""
    app = world.control.app()
    return Shop(app, app.made_key("development", allowEnvironmentOverride=True))


def wait_for(world: World, path: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many refusals can be read."""
    wait_until(lambda: len(world.control.get(path)["items"]) >= count, f"{count} refusals can be read", 20)
    items: list[dict[str, Any]] = world.control.get(path)["items"]
    assert len(items) == count
    return items


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_refused_request_is_listed_with_its_reason_and_never_with_what_was_sent(
    world: World, shop: Shop, form: Form
) -> None:
    answer = form.send(world.url, shop.key["key"], shop.app.channel, body=b"\xff" + SECRET.encode())
    assert answer.status == 400
    (found,) = wait_for(world, shop.path(), 1)
    assert (found["status"], found["reason"], found["credentialId"]) == (400, "malformed", shop.key["id"])
    assert found["route"] == ("sentry_envelope" if form.is_sentry else "otlp_logs")
    assert found["message"].startswith(answer.headers.get("x-sentry-error", answer.reason))
    assert abs(datetime.fromisoformat(found["at"]) - datetime.now(UTC)) < timedelta(minutes=1)  # noqa: TID251 (a test's own look)
    shown = json.dumps(found)
    assert SECRET not in shown
    assert shop.key["key"] not in shown


def test_reasons_keys_and_pages_are_asked_for(world: World, shop: Shop) -> None:
    for more in ({"X-Axonpush-Environment": "nowhere"}, {"Content-Type": "text/plain"}, {"X-Axonpush-Channel": "0"}):
        assert JSON.send(world.url, shop.key["key"], shop.app.channel, more=more).status >= 400
    items = wait_for(world, shop.path(), 3)
    reasons = ["wrong_channel", "unsupported_media", "unknown_environment"]
    assert [each["reason"] for each in items] == reasons
    only = world.control.get(f"{shop.path()}?reason=unsupported_media")["items"]
    assert [each["status"] for each in only] == [415]
    assert world.control.get(f"{shop.path()}?credentialId={shop.key['id']}")["items"] == items
    assert world.control.get(f"{shop.path()}?credentialId=another")["items"] == []
    first = world.control.get(f"{shop.path()}?limit=2")
    second = world.control.get(f"{shop.path()}?limit=2&after={first['next']}")
    assert [each["reason"] for page in (first, second) for each in page["items"]] == reasons
    assert second["next"] is None


def test_a_revoked_key_is_listed_and_a_forged_one_is_not(world: World, shop: Shop) -> None:
    key = shop.key["key"]
    forged = mint(Kind.API_KEY, "dev", shop.key["id"], bytes(32))
    assert SENTRY.send(world.url, key, shop.app.channel).status == 200
    assert SENTRY.send(world.url, forged, shop.app.channel).status == 403
    world.control.post(f"/api-keys/{shop.key['id']}/revoke", status=200)
    wait_until(lambda: SENTRY.send(world.url, key, shop.app.channel).status == 403, "the key is revoked", 10)
    items = wait_for(world, shop.path(), 1)
    assert {(each["status"], each["reason"]) for each in items} == {(403, "bad_credential")}


async def test_of_each_environment_the_last_thousand_are_kept(database_url: str) -> None:
    pool = await postgres.open_pool(Database(url=database_url))
    ledger = Ledger(pool, now_ns)

    def refused(environment: str, number: int) -> Rejection:
        key = f"{number:026d}"
        return Rejection(key, environment, "credential", now_ns(), "otlp_logs", 400, "malformed", "No.")

    many = [refused("many", number) for number in range(1100)]
    await ledger.add_rejections([*many, refused("few", 1)])
    await ledger.add_rejections(many[:3])
    sql = "SELECT count(*), min(id) FROM rejections WHERE environment = $1"
    assert tuple(await pool.fetchrow(sql, "many") or ()) == (1000, f"{100:026d}")
    assert tuple(await pool.fetchrow(sql, "few") or ()) == (1, f"{1:026d}")
    await pool.close()


def test_an_environment_that_is_paused_says_so_where_the_key_belongs(world: World, shop: Shop) -> None:
    world.control.post(f"/environments/{shop.app.environments['development']}/pause", status=200)
    wait_until(lambda: PROTOBUF.send(world.url, shop.key["key"], shop.app.channel).status == 403, "it is paused", 10)
    assert wait_for(world, shop.path(), 1)[0]["reason"] == "environment_paused"
    assert world.control.get(shop.path("production"))["items"] == []


def test_the_command_line_lists_them(world: World, shop: Shop) -> None:
    JSON.send(world.url, shop.key["key"], shop.app.channel, body=b"{")
    wait_for(world, shop.path(), 1)
    env = {"AXONPUSH_CONTROL_URL": world.url, "AXONPUSH_CONTROL_MANAGEMENT_KEY": world.control.management_key}
    arguments = ["env", "rejections", "development", "--app", shop.app.slug]
    assert "malformed" in processes.run(arguments, env)
    assert json.loads(processes.run([*arguments, "--json"], env))["items"][0]["status"] == 400
    assert json.loads(processes.run([*arguments, "--reason", "rate_limited", "--json"], env))["items"] == []
