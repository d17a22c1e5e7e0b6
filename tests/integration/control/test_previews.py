"""Previews: one ephemeral environment for a branch or pull request, made, kept alive and deleted by its ref."""

import asyncio

from gateway.identity.tokens import parse
from schemas.environment import Kind
from tests.integration.control.api import Api, Item

REF = "acme%2Fshop%2342"


async def preview_path(api: Api, name: str, ref: str = REF) -> tuple[Item, str]:
    app, _ = await api.app(name)
    return app, f"/apps/{app['id']}/environments/by-ref/{ref}"


async def test_a_preview_is_made_with_a_token_and_lives_on(api: Api) -> None:
    app, path = await preview_path(api, "Previewed")
    status, made = await api.call("PUT", path, {"ttlSeconds": 3600, "name": "PR 42"})
    environment = made["environment"]
    assert status == 201
    assert (environment["slug"], environment["sourceRef"]) == ("acme-shop-42", "acme/shop#42")
    assert (environment["isEphemeral"], environment["name"], environment["tier"]) == (True, "PR 42", "development")
    token = parse(made["token"])
    assert token is not None
    assert token.kind is Kind.PUBLIC_TOKEN
    stored = await api.got(f"/public-tokens/{token.id}")
    assert (stored["environmentId"], stored["channelId"]) == (environment["id"], app["defaultChannelId"])
    status, again = await api.call("PUT", path, {"ttlSeconds": 7200})
    assert (status, again["token"]) == (200, None)
    assert again["environment"]["id"] == environment["id"]
    assert again["environment"]["expiresAt"] > environment["expiresAt"]
    assert again["environment"]["name"] == "PR 42"


async def test_made_again_after_its_end_it_is_another_one(api: Api) -> None:
    _, path = await preview_path(api, "Made again")
    ids: list[str] = []
    for slug in ("acme-shop-42", "acme-shop-42-2", "acme-shop-42-3"):
        status, made = await api.call("PUT", path, {"ttlSeconds": 3600})
        assert (status, made["environment"]["slug"]) == (201, slug)
        ids.append(made["environment"]["id"])
        assert await api.call("DELETE", path) == (204, {})
        assert await api.call("DELETE", path) == (204, {})
        assert (await api.call("GET", f"/environments/{ids[-1]}"))[0] == 404
    assert len(set(ids)) == 3


async def test_one_that_expired_is_made_anew_before_the_reaper_comes(api: Api) -> None:
    _, path = await preview_path(api, "Expired preview")
    _, first = await api.call("PUT", path, {"ttlSeconds": 60})
    status, second = await api.later(60).call("PUT", path, {"ttlSeconds": 60})
    assert (status, second["environment"]["slug"]) == (201, "acme-shop-42-2")
    assert first["environment"]["id"] != second["environment"]["id"]


async def test_of_many_at_once_one_makes_it(api: Api) -> None:
    app, path = await preview_path(api, "Preview race")
    answers = await asyncio.gather(*(api.call("PUT", path, {"ttlSeconds": 60}) for _ in range(6)))
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({answer["environment"]["id"] for _, answer in answers}) == 1
    assert len((await api.got("/public-tokens", appId=app["id"]))["items"]) == 1


async def test_a_channel_can_be_named(api: Api) -> None:
    app, path = await preview_path(api, "Preview channel")
    neighbour, _ = await api.app("Preview channel's neighbour")
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Web"})
    assert (await api.call("PUT", path, {"ttlSeconds": 60, "channelId": neighbour["defaultChannelId"]}))[0] == 422
    assert (await api.call("PUT", path, {"ttlSeconds": 60, "channelId": channel["id"]}))[0] == 201
    assert (await api.got("/public-tokens", appId=app["id"]))["items"][0]["channelId"] == channel["id"]


async def test_a_ref_has_one_live_preview(api: Api) -> None:
    app, path = await preview_path(api, "Preview by another way")
    environments = f"/apps/{app['id']}/environments"
    body = {"slug": "mine", "expiresAt": "2100-01-01T00:00:00Z", "sourceRef": "acme/shop#42"}
    mine = await api.made(environments, body)
    status, found = await api.call("PUT", path, {"ttlSeconds": 60})
    assert (status, found["environment"]["id"]) == (200, mine["id"])
    lasting = await api.made(environments, {"slug": "lasting", "sourceRef": "acme/shop#42"})
    other = await api.made(environments, body | {"slug": "other", "sourceRef": "acme/shop#43"})
    for method, where, change in (
        ("POST", environments, body | {"slug": "again"}),
        ("PATCH", f"/environments/{other['id']}", {"sourceRef": "acme/shop#42"}),
        ("PATCH", f"/environments/{lasting['id']}", {"expiresAt": "2100-01-01T00:00:00Z"}),
    ):
        status, problem = await api.call(method, where, change)
        assert (status, problem["type"]) == (409, "urn:axonpush:error:ref_taken"), problem


async def test_any_ref_has_a_slug(api: Api) -> None:
    app, _ = await api.app("Refs")
    for ref, slug in (("%E5%BA%97", "preview"), ("%E8%8C%B6", "preview-2"), ("A%20B", "a-b"), ("x" * 200, "x" * 40)):
        status, made = await api.call("PUT", f"/apps/{app['id']}/environments/by-ref/{ref}", {"ttlSeconds": 60})
        assert (status, made["environment"]["slug"]) == (201, slug)
    assert (await api.call("PUT", f"/apps/{app['id']}/environments/by-ref/{'x' * 201}", {"ttlSeconds": 60}))[0] == 404


async def test_a_developer_has_their_own_previews(api: Api) -> None:
    _, path = await preview_path(api, "Owned")
    one, two = [Api(api.service, (await api.made("/management-keys", {"role": "developer"}))["key"]) for _ in range(2)]
    status, made = await one.call("PUT", path, {"ttlSeconds": 60})
    assert status == 201
    extend = f"/environments/{made['environment']['id']}/extend"
    for caller, expected in ((two, 403), (one, 200), (api, 200)):
        assert (await caller.call("POST", extend, {"ttlSeconds": 120}))[0] == expected
    assert (await two.call("PUT", path, {"ttlSeconds": 60}))[0] == 403
    assert (await two.call("DELETE", path))[0] == 403
    assert (await one.call("DELETE", path))[0] == 204
