"""What keys may send and what they sent, through HTTP: scopes, expiry, rates, quotas, usage, last use."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from gateway.runtime.clock import now_ns
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import FORMS, JSON, SENTRY, Form, limits_told
from tests.integration.edge.world import World

SLOW = {"requestsPerSecond": 0.01, "burst": 2}


@pytest.fixture
def app(world: World) -> App:
    """Make an app for one test alone."""
    return world.control.app()


def rejected(world: World, app: App, slug: str = "production") -> Mapping[str, int]:
    """Answer how many requests to an environment were refused so far, by reason."""
    found: dict[str, int] = {}
    for item in used(world, app, slug):
        for reason, requests in item["rejected"].items():
            found[reason] = found.get(reason, 0) + requests
    return found


def used(world: World, app: App, slug: str = "production", query: str = "step=minute") -> list[dict[str, Any]]:
    return world.control.get(f"/environments/{app.environments[slug]}/usage?{query}")["items"]


def limited(form: Form, answer: Answer, says: str) -> None:
    """See that an answer tells a limit in its protocol's own form."""
    form.check_error(answer, 429, says)
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 600
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"retry-after", "x-sentry-rate-limits"} <= exposed
    if form.is_sentry:
        told = limits_told(answer)
        assert {"error", "transaction"} <= set(told)
        assert {waits for waits, _, _ in told.values()} == {seconds}
        assert {scope for _, scope, _ in told.values()} <= {"key", "project"}


@pytest.mark.clause("OTLP 15b")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_key_sends_what_its_scopes_say(world: World, app: App, form: Form) -> None:
    own = "sentry" if form.is_sentry else "logs"
    allowed, other = app.key(scopes=[own]), app.key(scopes=["traces"])
    assert form.send(world.url, allowed, app.channel).status == 200
    form.check_error(form.send(world.url, other, app.channel), 403, f"may not send {own}")


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize(("kind", "text"), [("api-keys", "key"), ("public-tokens", "token")])
def test_a_key_ends_when_its_rotation_or_its_expiry_says(
    world: World, app: App, form: Form, kind: str, text: str
) -> None:
    body = {"environmentId": app.environments["production"]}
    body |= {"appId": app.id} if kind == "api-keys" else {"channelId": app.channel}
    old = world.control.post(f"/{kind}", body)

    def is_over(item: Mapping[str, Any]) -> bool:
        return form.send(world.url, item[text], app.channel).status == (403 if form.is_sentry else 401)

    overlapping = world.control.post(f"/{kind}/{old['id']}/rotate", {"overlapSeconds": 2})
    assert not is_over(old)
    assert not is_over(overlapping)
    wait_until(lambda: is_over(old), "the overlap ends")
    at_once = world.control.post(f"/{kind}/{overlapping['id']}/rotate", {"overlapSeconds": 0})
    wait_until(lambda: is_over(overlapping), "the key that was rotated ends")
    assert not is_over(at_once)
    expires_at = datetime.fromtimestamp(now_ns() / 1e9 + 2, UTC).isoformat()
    world.control.patch(f"/{kind}/{at_once['id']}", {"expiresAt": expires_at})
    assert not is_over(at_once)
    wait_until(lambda: is_over(at_once), "the key expires")


def test_an_origin_and_a_network_are_checked_as_the_api_stored_them(world: World, app: App) -> None:
    key = app.key(origins=["https://Shop.Example:443"], networks=["127.0.0.1"])
    fits, other = {"Origin": "https://shop.example"}, {"Origin": "https://shop.example:444"}
    assert JSON.send(world.url, key, app.channel, more=fits).status == 200
    JSON.check_error(JSON.send(world.url, key, app.channel, more=other), 403, "origin")
    elsewhere = app.key(networks=["10.0.0.0/8"])
    JSON.check_error(JSON.send(world.url, elsewhere, app.channel), 403, "network")


@pytest.mark.clause("Sentry 23a", "Sentry 23c")
@pytest.mark.clause("OTLP 17b")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_rate_of_a_key_is_its_own(world: World, app: App, form: Form) -> None:
    key, other = app.key(rate=SLOW), app.key()
    page = {"Origin": "https://shop.example"}
    statuses = [form.send(world.url, key, app.channel, more=page).status for _ in range(2)]
    assert statuses == [200, 200]
    limited(form, form.send(world.url, key, app.channel, more=page), "This key sends more")
    assert form.send(world.url, other, app.channel).status == 200


@pytest.mark.clause("Sentry 23a", "Sentry 23c")
@pytest.mark.clause("OTLP 17b")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_rate_of_an_environment_is_that_of_all_its_keys(world: World, app: App, form: Form) -> None:
    path = f"/environments/{app.environments['production']}/policy"
    keys = [app.key(), app.key()]
    assert world.control.get(path)["rate"] is None
    assert form.send(world.url, keys[0], app.channel).status == 200
    world.control.patch(path, {"rate": SLOW})
    page = {"Origin": "https://shop.example"}

    def asked() -> list[int]:
        return [form.send(world.url, key, app.channel, more=page).status for key in keys]

    wait_until(lambda: 429 in asked(), "the rate holds")
    limited(form, form.send(world.url, keys[0], app.channel, more=page), "This environment sends more")
    assert form.send(world.url, app.key("development"), app.channel).status == 200
    world.control.patch(path, {"rate": None})
    wait_until(lambda: asked() == [200, 200], "the rate is gone")


@pytest.mark.parametrize("chunked", [False, True])
def test_bytes_are_counted_as_they_were_sent_announced_or_not(world: World, app: App, *, chunked: bool) -> None:
    key = app.key(rate={"bytesPerSecond": 1, "burstBytes": 3 * len(JSON.payload)})
    body: Any = [JSON.payload[:10], JSON.payload[10:]] if chunked else None
    statuses = [JSON.send(world.url, key, app.channel, body=body).status for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


@pytest.mark.clause("Sentry 23a")
def test_a_monthly_quota_ends_and_can_be_raised(world: World, app: App) -> None:
    made = app.made_key(monthlyQuota={"requests": 3})
    page = {"Origin": "https://shop.example"}
    statuses = [SENTRY.send(world.url, made["key"], app.channel).status for _ in range(3)]
    assert statuses == [200] * 3
    answer = SENTRY.send(world.url, made["key"], app.channel, more=page)
    limited(SENTRY, answer, "quota")
    assert answer.headers["x-sentry-rate-limits"].endswith(":key:quota_exceeded")
    # What was flushed counts on, also in a process that has seen none of it.
    wait_until(lambda: sum(item["requests"] for item in used(world, app)) == 3, "the usage is flushed")
    with world.edge() as (_, url):
        limited(SENTRY, SENTRY.send(url, made["key"], app.channel, more=page), "quota")
    world.control.patch(f"/api-keys/{made['id']}", {"monthlyQuota": {"requests": 1000}})
    wait_until(lambda: SENTRY.send(world.url, made["key"], app.channel).status == 200, "the quota is raised")
    world.control.patch(f"/api-keys/{made['id']}", {"monthlyQuota": {"requests": 1}, "overQuota": "accept"})
    assert SENTRY.send(world.url, made["key"], app.channel).status == 200


def test_usage_tells_what_each_key_sent_and_why_it_was_refused(world: World, app: App) -> None:
    first, second = app.made_key(), app.made_key(scopes=["sentry"])
    for _ in range(3):
        assert JSON.send(world.url, first["key"], app.channel).status == 200
    assert JSON.send(world.url, first["key"], app.channel, body=b"{").status == 400
    assert JSON.send(world.url, first["key"], 999_999).status == 403
    assert JSON.send(world.url, second["key"], app.channel).status == 403
    # Whoever knows an id alone changes nobody's account.
    assert JSON.send(world.url, f"{first['key'][:-7]}0000000", app.channel).status == 401
    wait_until(lambda: sum(rejected(world, app).values()) == 3, "the refusals are flushed")
    items = {item["credentialId"]: item for item in used(world, app, query="step=day")}
    assert set(items) == {first["id"], second["id"]}
    counts = {name: items[first["id"]][name] for name in ("requests", "items", "bytes", "rejected")}
    assert counts == {
        "requests": 3,
        "items": 3,
        "bytes": 3 * len(JSON.payload),
        "rejected": {"malformed": 1, "wrong_channel": 1},
    }
    assert items[second["id"]]["requests"] == 0
    assert items[second["id"]]["rejected"] == {"wrong_scope": 1}
    shown = {each["id"]: each["lastUsedAt"] for each in world.control.get("/api-keys?limit=1000")["items"]}
    assert shown[first["id"]] is not None
    assert world.control.get(f"/api-keys/{app.made_key()['id']}")["lastUsedAt"] is None
    # Times are exclusive at their end, and steps are whole.
    at = items[first["id"]]["at"]
    assert used(world, app, query=f"step=day&to={quote(at)}") == []
    assert {item["at"] for item in used(world, app, query=f"step=day&from={quote(at)}")} == {at}


def test_usage_is_flushed_at_the_end(world: World, app: App) -> None:
    key = app.key()
    with world.edge() as (_, url):
        for _ in range(7):
            assert JSON.send(url, key, app.channel).status == 200
    assert sum(item["requests"] for item in used(world, app)) == 7


@pytest.mark.parametrize(
    "query", ["step=week", "from=yesterday", "to=2000-01-01T00:00:00Z", "to=0001-01-01T00:00:00%2B14:00"]
)
def test_a_time_that_cannot_be_is_refused(world: World, app: App, query: str) -> None:
    key = {"Authorization": f"Bearer {world.control.management_key}"}
    path = f"/environments/{app.environments['production']}/usage?{query}"
    assert send(world.url + path, method="GET", headers=key, body=None).status == 422


def test_empty_requests_are_requests(world: World, app: App) -> None:
    key = app.key()
    assert JSON.send(world.url, key, app.channel, body=b"{}").status == 200
    wait_until(lambda: bool(used(world, app)), "the usage is flushed")
    (item,) = used(world, app)
    assert (item["requests"], item["items"], item["bytes"]) == (1, 0, 2)
