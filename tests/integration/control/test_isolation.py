"""What belongs to another organization is not found in any field, and no list shows it."""

import pytest

from tests.integration.control.api import Api, Item

ListOf = dict[str, Item]


@pytest.fixture(scope="module")
async def foreign(other: Api) -> ListOf:
    """One of everything in the other organization."""
    app, environments = await other.app("Foreign")
    body = {"channelId": app["defaultChannelId"], "environmentId": environments["production"]["id"]}
    return {
        "apps": app,
        "environments": environments["production"],
        "api-keys": await other.made("/api-keys", {"appId": app["id"]}),
        "public-tokens": await other.made("/public-tokens", body),
    }


async def test_a_foreign_id_in_a_body_is_not_found(api: Api, foreign: ListOf) -> None:
    app, environments = await api.app("Own")
    production_id, channel_id = environments["production"]["id"], app["defaultChannelId"]
    key = await api.made("/api-keys", {"appId": app["id"]})
    foreign_environment_id = foreign["environments"]["id"]
    for method, path, body in (
        ("POST", "/api-keys", {"appId": foreign["apps"]["id"]}),
        ("POST", "/api-keys", {"appId": app["id"], "environmentId": foreign_environment_id}),
        ("PATCH", f"/api-keys/{key['id']}", {"environmentId": foreign_environment_id}),
        ("POST", "/public-tokens", {"channelId": channel_id, "environmentId": foreign_environment_id}),
        (
            "POST",
            "/public-tokens",
            {"channelId": foreign["apps"]["defaultChannelId"], "environmentId": production_id},
        ),
    ):
        assert (await api.call(method, path, body))[0] == 404, (path, body)


async def test_no_list_shows_what_is_foreign(api: Api, other: Api, foreign: ListOf) -> None:
    for path in ("/apps", "/api-keys", "/public-tokens"):
        name = path.removeprefix("/")
        mine = [each["id"] for each in (await api.got(path, limit="1000"))["items"]]
        theirs = [each["id"] for each in (await other.got(path, limit="1000"))["items"]]
        assert foreign[name]["id"] in theirs
        assert not set(mine) & set(theirs)
    assert (await api.got("/api-keys", appId=foreign["apps"]["id"]))["items"] == []


async def test_two_organizations_may_use_one_slug(api: Api, other: Api) -> None:
    assert (await api.made("/apps", {"name": "Same"}))["slug"] == "same"
    assert (await other.made("/apps", {"name": "Same"}))["slug"] == "same"
