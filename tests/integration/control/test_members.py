"""Members, roles, bindings and management keys: a change counts at once, and nobody gets locked out."""

import asyncio

import pytest

from tests.integration.control.api import Api, Item


async def member(api: Api, email: str) -> Item:
    return await api.made("/members", {"email": email, "name": "Ann"})


async def test_a_member_acts_through_keys_and_bindings(api: Api) -> None:
    _, found = await api.app("Members' app")
    ann = await member(api, "ann@shop.example")
    key = await api.made("/management-keys", {"memberId": ann["id"], "name": "laptop"})
    assert key["key"].startswith("mk_")
    caller = Api(api.service, key["key"])
    path = f"/environments/{found['development']['id']}"
    assert (await caller.call("GET", path))[0] == 404
    body = {"memberId": ann["id"], "role": "developer", "scope": "tier", "target": "development"}
    binding = await api.made("/role-bindings", body)
    assert (await caller.call("GET", path))[0] == 200
    assert (await caller.call("POST", f"{path}/pause"))[0] == 200
    assert (await caller.call("GET", f"/environments/{found['production']['id']}"))[0] == 404
    entry = (await api.got("/audit", environmentId=found["development"]["id"]))["items"][-1]
    assert (entry["action"], entry["actor"]) == ("environment.pause", f"member:{ann['id']}")
    assert (await api.got("/role-bindings", memberId=ann["id"]))["items"] == [binding]
    assert (await api.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 204
    assert (await caller.call("GET", path))[0] == 404
    assert (await api.call("DELETE", f"/members/{ann['id']}"))[0] == 204
    assert (await caller.call("GET", "/apps"))[0] == 401
    assert (await api.call("GET", f"/members/{ann['id']}"))[0] == 404


async def test_a_member_is_changed_and_an_address_is_taken_once(api: Api) -> None:
    bob = await member(api, "bob@shop.example")
    eve = await member(api, "eve@shop.example")
    assert (await api.call("POST", "/members", {"email": "BOB@shop.example", "name": "B"}))[0] == 409
    assert (await api.call("PATCH", f"/members/{eve['id']}", {"email": "bob@shop.example"}))[0] == 409
    change = {"email": "bobby@shop.example", "name": "Bobby"}
    assert await api.call("PATCH", f"/members/{bob['id']}", change) == (200, bob | change)
    assert (await api.call("DELETE", f"/members/{bob['id']}"))[0] == 204
    assert (await member(api, "bobby@shop.example"))["id"] != bob["id"]
    answers = await asyncio.gather(
        *(api.call("POST", "/members", {"email": "once@shop.example", "name": "O"}) for _ in range(4))
    )
    assert sorted(status for status, _ in answers) == [201, 409, 409, 409]


async def test_a_custom_role_lacks_what_it_goes_without(api: Api) -> None:
    _, found = await api.app("Custom")
    body = {"slug": "careful", "name": "Careful", "base": "admin", "without": ["data.wipe", "access.manage"]}
    role = await api.made("/roles", body)
    assert role | body | {"without": ["access.manage", "data.wipe"]} == role
    target = {"scope": "environment", "target": found["development"]["id"]}
    key = await api.made("/management-keys", {"role": "careful", **target})
    caller = Api(api.service, key["key"])
    path = f"/environments/{found['development']['id']}"
    assert (await caller.call("POST", f"{path}/pause"))[0] == 200
    assert (await caller.call("POST", f"{path}/wipe"))[0] == 403
    assert (await caller.call("GET", f"/environments/{found['production']['id']}"))[0] == 404
    assert (await api.call("DELETE", "/roles/careful"))[0] == 409
    binding = (await api.got("/role-bindings", managementKeyId=key["id"]))["items"][0]
    assert (await api.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 204
    assert (await api.call("DELETE", "/roles/careful"))[0] == 204
    assert (await api.call("GET", "/roles/careful"))[0] == 404


async def test_the_built_in_roles_stay(api: Api) -> None:
    roles = (await api.got("/roles"))["items"]
    assert [(each["slug"], each["isBuiltIn"]) for each in roles][:3] == [
        ("admin", True),
        ("agent", True),
        ("developer", True),
    ]
    assert (await api.call("DELETE", "/roles/agent"))[0] == 409
    body = {"slug": "agent", "name": "A", "base": "admin", "without": ["data.wipe"]}
    assert (await api.call("POST", "/roles", body))[0] == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "agent", "scope": "organization"}, 422),
        ({"memberId": "nope", "role": "agent", "scope": "organization"}, 404),
        ({"managementKeyId": "nope", "role": "agent", "scope": "organization"}, 404),
        ({"memberId": "", "role": "nope", "scope": "organization"}, 422),
        ({"memberId": "", "role": "agent", "scope": "organization", "target": "x"}, 422),
        ({"memberId": "", "role": "agent", "scope": "app"}, 422),
        ({"memberId": "", "role": "agent", "scope": "app", "target": "nope"}, 404),
        ({"memberId": "", "role": "agent", "scope": "tier", "target": "moon"}, 404),
        ({"memberId": "", "role": "agent", "scope": "environment", "target": "nope"}, 404),
        ({"memberId": "", "role": "agent", "scope": "galaxy"}, 422),
    ],
)
async def test_a_binding_names_what_exists(api: Api, body: Item, status: int) -> None:
    if body.get("memberId") == "":
        body = body | {"memberId": (await member(api, f"m{abs(hash(str(body)))}@shop.example"))["id"]}
    assert (await api.call("POST", "/role-bindings", body))[0] == status


async def test_a_binding_of_another_organization_is_not_found(api: Api, other: Api) -> None:
    theirs = await member(other, "theirs@other.example")
    body = {"memberId": theirs["id"], "role": "agent", "scope": "organization"}
    assert (await api.call("POST", "/role-bindings", body))[0] == 404
    mine = await member(api, "mine@shop.example")
    app, found = await other.app("Theirs")
    for scope, target in (("app", app["id"]), ("environment", found["development"]["id"])):
        body = {"memberId": mine["id"], "role": "agent", "scope": scope, "target": target}
        assert (await api.call("POST", "/role-bindings", body))[0] == 404
    binding = await other.made("/role-bindings", {"memberId": theirs["id"], "role": "agent", "scope": "organization"})
    assert (await api.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 404


async def test_nobody_gives_more_than_they_hold(api: Api) -> None:
    body = {"slug": "steward", "name": "Steward", "base": "admin", "without": ["key.override"]}
    await api.made("/roles", body)
    steward = Api(api.service, (await api.made("/management-keys", {"role": "steward"}))["key"])
    assert (await steward.call("POST", "/management-keys", {"role": "admin"}))[0] == 403
    assert (await steward.call("POST", "/management-keys", {"role": "steward"}))[0] == 201
    assert (await steward.call("POST", "/management-keys", {"role": "developer"}))[0] == 201
    chief = await member(api, "chief@shop.example")
    await api.made("/role-bindings", {"memberId": chief["id"], "role": "admin", "scope": "organization"})
    assert (await steward.call("POST", "/management-keys", {"memberId": chief["id"]}))[0] == 403


async def test_a_key_is_for_a_member_or_has_a_role(api: Api) -> None:
    ann = await member(api, "either@shop.example")
    for body in ({}, {"memberId": ann["id"], "role": "agent"}):
        assert (await api.call("POST", "/management-keys", body))[0] == 422
    key = await api.made("/management-keys", {"memberId": ann["id"]})
    body = {"managementKeyId": key["id"], "role": "agent", "scope": "organization"}
    assert (await api.call("POST", "/role-bindings", body))[0] == 422
    assert (await api.call("POST", f"/management-keys/{key['id']}/revoke"))[1]["revokedAt"] is not None
    assert (await Api(api.service, key["key"]).call("GET", "/apps"))[0] == 401
    assert "key" not in (await api.got(f"/management-keys/{key['id']}"))


async def test_the_last_administrator_stays(other: Api) -> None:
    me = (await other.got("/management-keys"))["items"][0]
    (binding,) = (await other.got("/role-bindings", managementKeyId=me["id"]))["items"]
    for method, path in (
        ("POST", f"/management-keys/{me['id']}/revoke"),
        ("DELETE", f"/role-bindings/{binding['id']}"),
    ):
        status, problem = await other.call(method, path)
        assert (status, problem["type"]) == (409, "urn:axonpush:error:last_administrator")
    ann = await member(other, "ann@other.example")
    await other.made("/role-bindings", {"memberId": ann["id"], "role": "admin", "scope": "organization"})
    assert (await other.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 409  # she has no key yet
    key = await other.made("/management-keys", {"memberId": ann["id"]})
    assert (await other.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 204
    assert (await other.call("GET", "/members"))[0] == 403
    assert (await Api(other.service, key["key"]).call("DELETE", f"/members/{ann['id']}"))[0] == 409
