"""What a key is told about itself, whatever kind of key it is."""

from datetime import timedelta

import pytest

from gateway.control.service import Service
from gateway.runtime import postgres
from gateway.runtime.settings import Database
from tests.integration.control.api import Api, Item

SCOPES = ["logs", "traces", "metrics", "sentry"]


@pytest.fixture(scope="module")
async def shop(api: Api) -> tuple[Item, dict[str, Item]]:
    """Make an app with a third environment."""
    app, environments = await api.app("Shop that asks")
    environments["staging"] = await api.made(f"/apps/{app['id']}/environments", {"slug": "staging"})
    return app, environments


async def asked_by(service: Service, key: str) -> Item:
    return await Api(service, key).got("/whoami")


async def test_an_api_key_is_told_its_environment_and_what_it_may_override(
    api: Api, shop: tuple[Item, dict[str, Item]]
) -> None:
    app, environments = shop
    body = {"appId": app["id"], "allowEnvironmentOverride": True, "overrideEnvironments": ["staging", "gone"]}
    made = await api.made("/api-keys", {**body, "name": "ci", "expiresAt": "2090-01-01T00:00:00Z"})
    found = await asked_by(api.service, made["key"])
    environment = found.pop("environment")
    assert {name: environment[name] for name in ("id", "slug", "isProduction", "ingest", "expiresAt", "deletedAt")} == {
        "id": environments["production"]["id"],
        "slug": "production",
        "isProduction": True,
        "ingest": "open",
        "expiresAt": None,
        "deletedAt": None,
    }
    assert found.pop("orgId")
    assert found == {
        "id": made["id"],
        "kind": "ak",
        "name": "ci",
        "memberId": None,
        "app": {"id": app["id"], "slug": app["slug"]},
        "channelId": app["defaultChannelId"],
        "scopes": SCOPES,
        "allowEnvironmentOverride": True,
        "overrideTargets": ["production", "staging"],
        "origins": [],
        "networks": [],
        "expiresAt": "2090-01-01T00:00:00Z",
        "quotasLeft": [],
        "roles": [],
    }


async def test_without_a_list_every_live_environment_is_a_target_and_without_the_flag_none(
    api: Api, shop: tuple[Item, dict[str, Item]]
) -> None:
    app, environments = shop
    archived = await api.made(f"/apps/{app['id']}/environments", {"slug": "archived"})
    assert (await api.call("POST", f"/environments/{archived['id']}/archive"))[0] == 200
    free = await api.made("/api-keys", {"appId": app["id"], "allowEnvironmentOverride": True})
    bound = await api.made("/api-keys", {"appId": app["id"]})
    assert sorted((await asked_by(api.service, free["key"]))["overrideTargets"]) == sorted(environments)
    assert (await asked_by(api.service, bound["key"]))["overrideTargets"] == []


async def test_a_public_token_is_told_its_channel_and_origins(api: Api, shop: tuple[Item, dict[str, Item]]) -> None:
    app, environments = shop
    body = {
        "channelId": app["defaultChannelId"],
        "environmentId": environments["staging"]["id"],
        "origins": ["https://shop.example"],
    }
    made = await api.made("/public-tokens", body)
    found = await asked_by(api.service, made["token"])
    assert (found["kind"], found["environment"]["slug"], found["channelId"]) == ("pt", "staging", body["channelId"])
    assert (found["origins"], found["overrideTargets"]) == (["https://shop.example"], [])


async def test_a_management_key_is_told_its_roles(api: Api, shop: tuple[Item, dict[str, Item]]) -> None:
    app, _ = shop
    made = await api.made("/management-keys", {"role": "developer", "scope": "app", "target": app["id"]})
    found = await asked_by(api.service, made["key"])
    assert (found["kind"], found["app"], found["environment"], found["scopes"]) == ("mk", None, None, [])
    assert found["roles"] == [{"role": "developer", "scope": "app", "target": app["id"]}]


async def test_what_quotas_leave_is_told_for_the_key_and_its_environment(api: Api, database_url: str) -> None:
    app, environments = await api.app("Shop with quotas")
    made = await api.made("/api-keys", {"appId": app["id"], "monthlyQuota": {"requests": 100}})
    path = f"/environments/{environments['production']['id']}/policy"
    assert (await api.call("PATCH", path, {"monthlyQuota": {"requests": 5, "bytes": 1000}}))[0] == 200
    connection = await postgres.connect(Database(url=database_url))
    month = api.service.now().date().replace(day=1)
    for subject in (made["id"], environments["production"]["id"]):
        await connection.execute("INSERT INTO usage_by_month VALUES ($1, $2, 7, 70)", subject, month)
    await connection.close()
    assert (await asked_by(api.service, made["key"]))["quotasLeft"] == [
        {"of": "key", "requests": 93, "bytes": None},
        {"of": "environment", "requests": 0, "bytes": 930},
    ]


async def test_a_key_of_an_environment_that_is_gone_is_told_so(api: Api) -> None:
    app, _ = await api.app("Shop that closes")
    made = await api.made(f"/apps/{app['id']}/environments", {"slug": "closing"})
    key = await api.made("/api-keys", {"appId": app["id"], "environmentId": made["id"]})
    assert (await api.call("DELETE", f"/environments/{made['id']}"))[0] == 204
    found = await asked_by(api.service, key["key"])
    assert found["environment"]["slug"] == "closing"
    assert found["environment"]["deletedAt"] is not None


async def test_a_key_that_is_revoked_or_unknown_is_told_nothing(api: Api, shop: tuple[Item, dict[str, Item]]) -> None:
    app, _ = shop
    key = await api.made("/api-keys", {"appId": app["id"]})
    assert (await api.call("POST", f"/api-keys/{key['id']}/revoke"))[0] == 200
    for text in (key["key"], key["key"][:-1], None):
        status, _ = await Api(api.service, text).call("GET", "/whoami")
        assert status == 401


async def test_a_key_whose_rotation_is_over_is_told_nothing(api: Api, shop: tuple[Item, dict[str, Item]]) -> None:
    app, _ = shop
    key = await api.made("/api-keys", {"appId": app["id"]})
    before = await asked_by(api.service, key["key"])
    assert before["expiresAt"] is None
    await api.service.store.run("retire_credential", before["orgId"], key["id"], api.service.now() + timedelta(hours=1))
    assert (await asked_by(api.service, key["key"]))["expiresAt"] is not None
    await api.service.store.run("retire_credential", before["orgId"], key["id"], api.service.now())
    assert (await Api(api.service, key["key"]).call("GET", "/whoami"))[0] == 401
