"""API keys and public tokens: shown once, stored as a digest, changed and revoked."""

import asyncpg
import msgspec
import pytest

from gateway.control.seed import Seeded
from gateway.control.service import Service
from gateway.identity.tokens import digest, parse
from schemas.environment import Kind
from tests.integration.control.api import Api, Item


async def test_a_key_is_shown_once_and_kept_as_a_digest(api: Api, service: Service, database_url: str) -> None:
    app, environments = await api.app("Key shop")
    key = await api.made("/api-keys", {"appId": app["id"]})
    text = key.pop("key")
    parsed = parse(text)
    assert parsed is not None
    assert (parsed.kind, parsed.id) == (Kind.API_KEY, key["id"])
    assert text.startswith("ak_prod_")
    assert key | {"createdAt": ""} == {
        "id": parsed.id,
        "appId": app["id"],
        "environmentId": environments["production"]["id"],
        "name": "default",
        "scopes": ["logs", "traces", "metrics", "sentry"],
        "allowEnvironmentOverride": False,
        "overrideEnvironments": None,
        "origins": [],
        "networks": [],
        "rate": None,
        "monthlyQuota": None,
        "overQuota": "reject",
        "hint": "prod",
        "last4": text[-4:],
        "expiresAt": None,
        "rotatedFrom": None,
        "retireAt": None,
        "revokedAt": None,
        "lastUsedAt": None,
        "createdBy": f"key:{(api.key or '').split('_')[2][:26]}",
        "createdAt": "",
    }
    assert await api.got(f"/api-keys/{key['id']}") == key
    assert key in (await api.got("/api-keys", limit="1000"))["items"]

    connection = await asyncpg.connect(database_url)
    row = await connection.fetchrow("SELECT * FROM credentials WHERE id = $1", key["id"])
    await connection.close()
    assert row is not None
    assert row["digest"] == digest(text, service.peppers.by_version[1])
    assert text not in repr(row)


async def test_a_key_takes_every_field(api: Api) -> None:
    app, environments = await api.app("Full key shop")
    fields = {
        "appId": app["id"],
        "environmentId": environments["development"]["id"],
        "name": "ci",
        "allowEnvironmentOverride": True,
        "overrideEnvironments": ["production", "not-made-yet"],
        "expiresAt": "2100-01-01T00:00:00Z",
    }
    key = await api.made("/api-keys", fields)
    assert key | fields == key
    assert key["key"].startswith("ak_dev_")


async def test_keys_are_listed_by_app_and_environment(api: Api) -> None:
    app, environments = await api.app("Listed")
    another, _ = await api.app("Listed too")
    first = await api.made("/api-keys", {"appId": app["id"]})
    development_id = environments["development"]["id"]
    second = await api.made("/api-keys", {"appId": app["id"], "environmentId": development_id})
    await api.made("/api-keys", {"appId": another["id"]})

    async def ids(**query: str) -> list[str]:
        return [each["id"] for each in (await api.got("/api-keys", **query))["items"]]

    assert await ids(appId=app["id"]) == [first["id"], second["id"]]
    assert await ids(appId=app["id"], environmentId=development_id) == [second["id"]]
    assert await ids(environmentId=development_id) == [second["id"]]
    assert await ids(appId=another["id"], environmentId=development_id) == []


async def test_a_key_is_changed_field_by_field(api: Api) -> None:
    app, environments = await api.app("Changing")
    key = await api.made("/api-keys", {"appId": app["id"], "expiresAt": "2100-01-01T00:00:00Z"})
    path = f"/api-keys/{key['id']}"
    del key["key"]
    changes: list[Item] = [
        {},
        {"name": "new"},
        {"allowEnvironmentOverride": True},
        {"overrideEnvironments": ["production"]},
        {"overrideEnvironments": []},
        {"overrideEnvironments": None},
        {"environmentId": environments["development"]["id"]},
        {"expiresAt": None},
        {"expiresAt": "2100-01-02T00:00:00Z", "allowEnvironmentOverride": False},
    ]
    for change in changes:
        key |= change
        assert await api.call("PATCH", path, change) == (200, key)
    assert await api.got(path) == key


async def test_a_change_that_is_wrong_is_refused_by_name(api: Api) -> None:
    app, _ = await api.app("Wrong change")
    _, foreign = await api.app("Wrong change's neighbour")
    key = await api.made("/api-keys", {"appId": app["id"]})
    for change, status, what in (
        ({"environmentId": foreign["production"]["id"]}, 422, "`environmentId`"),
        ({"environmentId": "nope"}, 404, "environment"),
        ({"expiresAt": "2000-01-01T00:00:00Z"}, 422, "`expiresAt`"),
        ({"appId": app["id"]}, 422, "`appId`"),
    ):
        answered, problem = await api.call("PATCH", f"/api-keys/{key['id']}", change)
        assert (answered, what in problem["detail"]) == (status, True), problem


async def test_a_revoke_is_final_and_repeatable(api: Api) -> None:
    app, _ = await api.app("Revoking")
    key = await api.made("/api-keys", {"appId": app["id"]})
    await api.made("/api-keys", {"appId": app["id"]})  # the last one of production would ask for a confirmation
    path = f"/api-keys/{key['id']}"
    status, revoked = await api.call("POST", f"{path}/revoke", b"")
    assert status == 200
    assert revoked["revokedAt"] is not None
    assert await api.call("POST", f"{path}/revoke", b"") == (200, revoked)
    assert (await api.call("PATCH", path, {"name": "late"}))[0] == 409
    assert await api.got(path) == revoked


async def test_a_token_is_for_one_channel_and_one_environment(api: Api) -> None:
    app, environments = await api.app("Token shop")
    fields = {
        "channelId": app["defaultChannelId"],
        "environmentId": environments["production"]["id"],
        "name": "web",
        "origins": ["https://shop.example", "http://localhost:3000"],
        "expiresAt": "2100-01-01T00:00:00Z",
    }
    token = await api.made("/public-tokens", fields)
    assert token | fields == token
    assert token["appId"] == app["id"]
    parsed = parse(token.pop("token"))
    assert parsed is not None
    assert (parsed.kind, parsed.id) == (Kind.PUBLIC_TOKEN, token["id"])
    path = f"/public-tokens/{token['id']}"
    assert await api.got(path) == token
    assert (await api.got("/public-tokens", channelId=str(app["defaultChannelId"])))["items"] == [token]
    assert (await api.got("/public-tokens", appId=app["id"], environmentId=token["environmentId"]))["items"] == [token]
    status, revoked = await api.call("POST", f"{path}/revoke")
    assert (status, revoked["revokedAt"] is None) == (200, False)
    assert await api.call("POST", f"{path}/revoke") == (200, revoked)


async def test_a_token_cannot_mix_two_apps(api: Api) -> None:
    app, _ = await api.app("Mixed")
    _, foreign = await api.app("Mixed too")
    body = {"channelId": app["defaultChannelId"], "environmentId": foreign["production"]["id"]}
    status, problem = await api.call("POST", "/public-tokens", body)
    assert (status, "`environmentId`" in problem["detail"]) == (422, True)


async def test_what_a_key_names_must_exist(api: Api) -> None:
    app, environments = await api.app("Existing")
    _, foreign = await api.app("Existing too")
    production_id = environments["production"]["id"]
    for path, body, status in (
        ("/api-keys", {"appId": "nope"}, 404),
        ("/api-keys", {"appId": app["id"], "environmentId": "nope"}, 404),
        ("/api-keys", {"appId": app["id"], "environmentId": foreign["production"]["id"]}, 422),
        ("/api-keys", {"appId": app["id"], "expiresAt": "2000-01-01T00:00:00Z"}, 422),
        ("/public-tokens", {"channelId": 2**62, "environmentId": production_id}, 404),
        ("/public-tokens", {"channelId": app["defaultChannelId"], "environmentId": "nope"}, 404),
    ):
        assert (await api.call("POST", path, body))[0] == status, body
    for path in ("/api-keys/nope/revoke", "/public-tokens/nope/revoke"):
        assert (await api.call("POST", path))[0] == 404
    assert (await api.call("PATCH", "/api-keys/nope", {}))[0] == 404


async def test_a_key_is_no_token_and_a_token_no_key(api: Api) -> None:
    app, environments = await api.app("Kinds")
    key = await api.made("/api-keys", {"appId": app["id"]})
    body = {"channelId": app["defaultChannelId"], "environmentId": environments["production"]["id"]}
    token = await api.made("/public-tokens", body)
    assert (await api.call("POST", f"/public-tokens/{key['id']}/revoke"))[0] == 404
    assert (await api.call("POST", f"/api-keys/{token['id']}/revoke"))[0] == 404
    assert (await api.call("GET", f"/api-keys/{token['id']}"))[0] == 404


async def test_only_a_live_management_key_may_call(api: Api, service: Service, seeded: Seeded) -> None:
    app, environments = await api.app("Callers")
    key = await api.made("/api-keys", {"appId": app["id"]})
    await api.made("/api-keys", {"appId": app["id"]})
    body = {"channelId": app["defaultChannelId"], "environmentId": environments["production"]["id"]}
    token = await api.made("/public-tokens", body)
    management_key = seeded.secrets.management_key
    wrong_digit = management_key[:-1] + ("0" if management_key[-1] != "0" else "1")
    for text, status in (
        (None, 401),
        ("", 401),
        ("nonsense", 401),
        (wrong_digit, 401),
        (key["key"], 403),
        (token["token"], 403),
        (management_key, 200),
    ):
        reply = await Api(service, text).reply("GET", "/apps")
        assert reply.status == status, text
        if status == 401:
            assert dict(reply.headers)["WWW-Authenticate"] == "Bearer"
    await api.call("POST", f"/api-keys/{key['id']}/revoke")
    assert (await Api(service, key["key"]).call("GET", "/apps"))[0] == 401


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"", 400), (b"[]", 422), (b'{"appId": 1}', 422)])
async def test_a_wrong_body_is_a_problem(api: Api, body: bytes, status: int) -> None:
    reply = await api.reply("POST", "/api-keys", body)
    assert reply.status == status
    assert dict(reply.headers)["Content-Type"] == "application/problem+json"
    problem = msgspec.json.decode(reply.body)
    assert set(problem) >= {"type", "title", "status", "detail"}
    assert problem["status"] == status


async def test_what_is_secret_is_never_cached(api: Api) -> None:
    app, _ = await api.app("Uncached")
    reply = await api.reply("POST", "/api-keys", {"appId": app["id"]})
    assert dict(reply.headers)["Cache-Control"] == "no-store"
