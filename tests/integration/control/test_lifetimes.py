"""Lives that traffic extends: what is asked for is stored and shown, what makes no sense is refused and named."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from gateway.runtime.settings import Previews
from tests.integration.control.api import Api, Item
from tests.integration.control.cli import Cli

TTL = 600
MAXIMUM = 3600


async def preview_path(api: Api, name: str) -> str:
    app, _ = await api.app(name)
    return f"/apps/{app['id']}/environments/by-ref/pr"


async def preview(api: Api, path: str, **fields: Any) -> Item:
    status, answer = await api.call("PUT", path, {"ttlSeconds": TTL, **fields})
    assert status in {200, 201}, answer
    shown = await api.got(f"/environments/{answer['environment']['id']}")
    assert shown | answer["environment"] == shown
    return answer["environment"]


def moment(item: Item, field: str) -> datetime:
    return datetime.fromisoformat(item[field])


def seconds(item: Item) -> float:
    """How much longer than now traffic can make it live, as of its creation."""
    return (moment(item, "maxExpiresAt") - moment(item, "createdAt")).total_seconds()


async def test_a_preview_says_by_how_much_and_until_when_traffic_extends_it(api: Api) -> None:
    path = await preview_path(api, "Growing")
    made = await preview(api, path, maxTtlSeconds=MAXIMUM)
    assert made["ttlSeconds"] == TTL
    assert seconds(made) == pytest.approx(MAXIMUM, abs=20)
    # Once more without a word of it, as it was; then with another maximum, from that moment on; then no more.
    assert await preview(api, path) | {"expiresAt": "", "version": 1} == made | {"expiresAt": ""}
    longer = await preview(api.later(60), path, maxTtlSeconds=2 * MAXIMUM)
    assert seconds(longer) == pytest.approx(2 * MAXIMUM + 60, abs=20)
    none = await preview(api, path, maxTtlSeconds=None)
    assert (none["ttlSeconds"], none["maxExpiresAt"]) == (None, None)


async def test_without_a_maximum_traffic_extends_nothing(api: Api) -> None:
    made = await preview(api, await preview_path(api, "Not growing"))
    assert (made["ttlSeconds"], made["maxExpiresAt"]) == (None, None)


async def test_what_a_person_asks_for_outranks_the_maximum_for_traffic(api: Api) -> None:
    path = await preview_path(api, "Outranked")
    made = await preview(api, path, maxTtlSeconds=MAXIMUM)
    status, extended = await api.call("POST", f"/environments/{made['id']}/extend", {"ttlSeconds": 2 * MAXIMUM})
    assert status == 200
    assert extended["maxExpiresAt"] == extended["expiresAt"] > made["maxExpiresAt"]
    again = await preview(api, path, maxTtlSeconds=MAXIMUM)
    assert again["maxExpiresAt"] == again["expiresAt"] == extended["expiresAt"]


async def test_an_environment_without_a_ref_can_grow_too_and_is_changed(api: Api) -> None:
    app, _ = await api.app("Growing without a ref")
    expires_at = (api.service.now() + timedelta(seconds=TTL)).isoformat()
    body = {"slug": "pr", "expiresAt": expires_at, "maxTtlSeconds": MAXIMUM}
    made = await api.made(f"/apps/{app['id']}/environments", body)
    assert TTL - 20 < made["ttlSeconds"] <= TTL
    assert seconds(made) == pytest.approx(MAXIMUM, abs=20)
    cloned = await api.made(f"/environments/{made['id']}/clone", {"slug": "copy"})
    assert (cloned["expiresAt"], cloned["ttlSeconds"]) == (made["expiresAt"], None)

    path = f"/environments/{made['id']}"
    later = (api.service.now() + timedelta(seconds=2 * TTL)).isoformat()
    for change, grows in (
        ({"name": "PR"}, True),
        ({"expiresAt": later}, False),
        ({"maxTtlSeconds": MAXIMUM}, True),
        ({"expiresAt": expires_at, "maxTtlSeconds": 2 * MAXIMUM}, True),
        ({"maxTtlSeconds": None}, False),
        ({"maxTtlSeconds": MAXIMUM}, True),
        ({"expiresAt": None}, False),
    ):
        status, changed = await api.call("PATCH", path, change)
        assert status == 200, changed
        assert (changed["ttlSeconds"] is not None, changed["maxExpiresAt"] is not None) == (grows, grows), change


async def test_what_makes_no_sense_is_refused_and_named(api: Api) -> None:
    app, found = await api.app("Growing nonsense")
    environments = f"/apps/{app['id']}/environments"
    soon = (api.service.now() + timedelta(seconds=30)).isoformat()
    longest = structs.replace(
        api, service=structs.replace(api.service, previews=Previews(lifetime_max_seconds=MAXIMUM - 1))
    )
    production = f"/environments/{found['production']['id']}"
    for caller, method, path, body, says in (
        (api, "PUT", f"{environments}/by-ref/a", {"ttlSeconds": TTL, "maxTtlSeconds": TTL - 1}, "must be 600 at least"),
        (api, "PUT", f"{environments}/by-ref/a", {"ttlSeconds": 59, "maxTtlSeconds": TTL}, "of 60 seconds and more"),
        (api, "PUT", f"{environments}/by-ref/a", {"ttlSeconds": TTL, "maxTtlSeconds": 0}, "maxTtlSeconds"),
        (api, "POST", environments, {"slug": "a", "maxTtlSeconds": TTL}, "give it an expiry"),
        (api, "POST", environments, {"slug": "a", "expiresAt": soon, "maxTtlSeconds": TTL}, "of 60 seconds and more"),
        (api, "PATCH", production, {"maxTtlSeconds": TTL}, "give it an expiry"),
        (longest, "PUT", f"{environments}/by-ref/a", {"ttlSeconds": TTL, "maxTtlSeconds": MAXIMUM}, "3599 seconds"),
    ):
        status, problem = await caller.call(method, path, body)
        assert (status, "maxTtlSeconds" in problem["detail"]) == (422, True), problem
        assert says in problem["detail"], problem
    assert {each["slug"] for each in (await api.got(environments))["items"]} == {"production", "development"}


async def test_the_command_line_asks_for_it_too(cli: Cli) -> None:
    app = await cli.json("app", "create", "Growing by command")
    at = ("--app", app["slug"])
    made = await cli.json("env", "preview", "upsert", "pr", *at, "--ttl", "2h", "--max-ttl", "1d")
    assert made["environment"]["ttlSeconds"] == 7200
    stays = await cli.json("env", "preview", "upsert", "pr", *at, "--ttl", "2h")
    assert stays["environment"]["maxExpiresAt"] == made["environment"]["maxExpiresAt"]
    ends = await cli.json("env", "preview", "upsert", "pr", *at, "--ttl", "2h", "--max-ttl", "0s")
    assert ends["environment"]["maxExpiresAt"] is None
    updated = await cli.json("env", "update", "pr", *at, "--max-ttl", "3d")
    assert updated["maxExpiresAt"] > made["environment"]["maxExpiresAt"]
    expires_at = updated["expiresAt"]
    other = await cli.json("env", "create", "other", *at, "--expires-at", expires_at, "--max-ttl", "3d")
    assert other["maxExpiresAt"] > expires_at
    refused = await cli.run("env", "preview", "upsert", "pr", *at, "--ttl", "2h", "--max-ttl", "1h")
    assert (refused.code, "must be 7200 at least" in refused.err) == (1, True)
