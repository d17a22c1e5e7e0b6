"""Every call about production, by each role: a Developer sees it and ends keys there; the rest an Admin does."""

import itertools

import pytest

from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS
from tests.integration.control.api import Api, Item
from tests.integration.control.test_matrix import name_of

# What each role may do about an environment that is production, an app that has one, and its channels and keys.
LEAST = {
    "GET /apps/{id}": "agent",
    "PATCH /apps/{id}": "admin",
    "DELETE /apps/{id}": "admin",
    "POST /apps/{id}/environments": "admin",
    "GET /apps/{id}/environments": "agent",
    "GET /environments/{id}": "agent",
    "PATCH /environments/{id}": "admin",
    "DELETE /environments/{id}": "agent",  # whoever sees it is told that production is not deleted
    "POST /environments/{id}/clone": "developer",
    "POST /environments/{id}/make-default": "admin",
    "POST /environments/{id}/pause": "admin",
    "POST /environments/{id}/resume": "admin",
    "POST /environments/{id}/archive": "admin",
    "POST /environments/{id}/restore": "admin",
    "POST /environments/{id}/wipe": "admin",
    "GET /environments/{id}/events": "agent",
    "GET /environments/{id}/traces/{traceId}": "agent",
    "GET /environments/{id}/attachments": "agent",
    "GET /environments/{id}/attachments/{ingestId}/{item}": "admin",
    "GET /environments/{id}/rejections": "agent",
    "GET /environments/{id}/policy": "agent",
    "PATCH /environments/{id}/policy": "admin",
    "GET /environments/{id}/usage": "agent",
    "POST /apps/{id}/channels": "developer",
    "GET /apps/{id}/channels": "agent",
    "GET /channels/{id}": "agent",
    "PATCH /channels/{id}": "developer",
    "DELETE /channels/{id}": "admin",
    "POST /api-keys": "admin",
    "GET /api-keys": "developer",
    "GET /api-keys/{id}": "developer",
    "PATCH /api-keys/{id}": "admin",
    "POST /api-keys/{id}/revoke": "developer",
    "POST /api-keys/{id}/rotate": "admin",
    "POST /public-tokens": "admin",
    "GET /public-tokens": "developer",
    "GET /public-tokens/{id}": "developer",
    "PATCH /public-tokens/{id}": "admin",
    "POST /public-tokens/{id}/revoke": "developer",
    "POST /public-tokens/{id}/rotate": "admin",
}
# An environment that is production is never ephemeral, files have a test of their own, and the rest is not about
# environments.
ELSEWHERE = {"by-ref", "extend", "attachments", "members", "roles", "role-bindings", "management-keys"} | {
    *("approvals", "audit", "tiers", "whoami"),
}
ROLES = ("agent", "developer", "admin")
# Done, or refused for a reason that only who may do it gets to know.
ALLOWED = {200, 201, 204, 409, 428}
_numbers = itertools.count()


@pytest.fixture(scope="module")
async def shop(api: Api) -> Item:
    """An app with a production environment that is not the default one, and its callers by role."""
    app, found = await api.app("Matrix of production")
    assert (await api.call("POST", f"/environments/{found['development']['id']}/make-default"))[0] == 200
    keys = {
        role: await api.made("/management-keys", {"role": role, "scope": "app", "target": app["id"]}) for role in ROLES
    }
    callers = {role: Api(api.service, key["key"]) for role, key in keys.items()}
    return {"app": app, "production": found["production"]["id"], "callers": callers}


def calls() -> list[Call]:
    """Answer the calls that can be about production."""
    return [call for call in CALLS if call.pattern != "/apps" and not ELSEWHERE & set(call.pattern.split("/"))]


async def target_of(admin: Api, shop: Item, kind: str) -> str:
    """Make what a call is about, in production."""
    at = {"appId": shop["app"]["id"], "environmentId": shop["production"]}
    match kind:
        case "environments":
            return shop["production"]
        case "channels":
            made = await admin.made(f"/apps/{shop['app']['id']}/channels", {"name": f"c{next(_numbers)}"})
        case "api-keys":
            made = await admin.made("/api-keys", at)
        case "public-tokens":
            body = {"channelId": shop["app"]["defaultChannelId"], "environmentId": shop["production"]}
            made = await admin.made("/public-tokens", body)
        case _:
            made = shop["app"]
    return str(made["id"])


def body_of(shop: Item, call: Call) -> Item | None:
    """Answer a body that a call takes."""
    number = next(_numbers)
    bodies: dict[str, Item] = {
        "environment.create": {"slug": f"new-{number}", "isProduction": True},
        "environment.clone": {"slug": f"clone-{number}"},
        "channel.create": {"name": f"Channel {number}"},
        "key.create": {"appId": shop["app"]["id"], "environmentId": shop["production"]},
        "token.create": {"channelId": shop["app"]["defaultChannelId"], "environmentId": shop["production"]},
        "policy.update": {"overQuota": "accept"},
        "key.rotate": {},
        "token.rotate": {},
    }
    return bodies.get(call.action or "", {"name": f"Renamed {number}"}) if call.body else None


@pytest.mark.parametrize("call", calls(), ids=name_of)
async def test_about_production_the_role_decides(api: Api, shop: Item, call: Call) -> None:
    for role in ROLES:
        target = await target_of(api, shop, call.pattern.split("/")[1])
        path = call.pattern.format(id=target, traceId="ab" * 16, ingestId="ab" * 16, item=0)
        status, answer = await shop["callers"][role].call(call.method, path, body_of(shop, call))
        is_allowed = ROLES.index(role) >= ROLES.index(LEAST[name_of(call)])
        allowed = {404} if call.is_file else ALLOWED  # there is no file yet
        assert status in (allowed if is_allowed else {403}), (role, status, answer)


async def test_what_developers_change_elsewhere_never_becomes_production(api: Api, shop: Item) -> None:
    developer = shop["callers"]["developer"]
    made = await developer.made(f"/apps/{shop['app']['id']}/environments", {"slug": f"mine-{next(_numbers)}"})
    path = f"/environments/{made['id']}"
    for protecting in ({"isProduction": True}, {"deleteProtected": True}, {"requireConfirmationForDestructive": True}):
        assert (await developer.call("PATCH", path, protecting))[0] == 403, protecting
        body = {"slug": f"mine-{next(_numbers)}", **protecting}
        assert (await developer.call("POST", f"/apps/{shop['app']['id']}/environments", body))[0] == 403, protecting
    key = await developer.made("/api-keys", {"appId": shop["app"]["id"], "environmentId": made["id"]})
    for wanted in ({"environmentId": shop["production"]}, {"allowEnvironmentOverride": True}):
        assert (await developer.call("PATCH", f"/api-keys/{key['id']}", wanted))[0] == 403, wanted
    given = {"allowEnvironmentOverride": True}
    assert (await api.call("PATCH", f"/api-keys/{key['id']}", given))[0] == 200
    # A rotated key is shown anew, to whom it would let write to production.
    assert (await developer.call("POST", f"/api-keys/{key['id']}/rotate"))[0] == 403
