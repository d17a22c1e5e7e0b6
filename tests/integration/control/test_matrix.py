"""Every call, by every role, at a place that is bound, at one that is not, and in another organization."""

import itertools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from msgspec import Struct, structs

from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS
from gateway.control.environments import environments
from gateway.control.roles.permissions import Permission
from gateway.control.service import system
from gateway.control.types import CreateEnvironment
from gateway.runtime.ids import new_ulid
from tests.integration.control.api import Api, Item

ROLES = ("agent", "developer", "admin")
SCOPES = ("organization", "app")
# From which role on something is allowed at a place that is not production.
LEAST = {
    Permission.SEE: "agent",
    Permission.AUDIT: "agent",
    Permission.READ_EVENTS: "agent",
    Permission.READ_EVENTS_WHOLE: "developer",
    Permission.PREVIEW: "developer",
    Permission.ENVIRONMENT: "developer",
    Permission.SEE_KEYS: "developer",
    Permission.KEYS: "developer",
    Permission.REVOKE: "developer",
    Permission.WIPE: "developer",
    Permission.CHANNEL: "developer",
    Permission.PROTECT: "admin",
    Permission.APP: "admin",
    Permission.ACCESS: "admin",
}
# These are about the organization as a whole: a role in an app is not enough.
ORGANIZATION_ONLY = {"POST /apps", "GET /audit/head"}
# Done, or refused for a reason that only who may do it gets to know.
ALLOWED = {200, 201, 204, 409, 428}
# These name in their body what they are about.
BY_BODY = {"key.create", "token.create", "binding.create", "approval.create"}
# To read one, or to decide on it, takes what the call does that was asked for: here, wiping what is not production.
ABOUT_APPROVALS = "/approvals/{id}"
_numbers = itertools.count()


class World(Struct, frozen=True):
    """One app whose environments are not production, its administrator, and callers by role and scope."""

    admin: Api
    app: Item
    environment: Item
    callers: dict[tuple[str, str], Api]


class Target(Struct, frozen=True):
    """What a call is about."""

    id: str = ""
    body: Item | None = None


def name_of(call: Call) -> str:
    return f"{call.method} {call.pattern}"


async def make_world(admin: Api, name: str) -> World:
    app, found = await admin.app(name)
    development = found["development"]
    assert (await admin.call("POST", f"/environments/{development['id']}/make-default"))[0] == 200
    assert (await admin.call("PATCH", f"/environments/{found['production']['id']}", {"isProduction": False}))[0] == 200
    # So that no call of the matrix deletes the app.
    assert (await admin.call("PATCH", f"/environments/{development['id']}", {"deleteProtected": True}))[0] == 200
    callers: dict[tuple[str, str], Api] = {}
    for role in ROLES:
        for scope in SCOPES:
            where = {"scope": "app", "target": app["id"]} if scope == "app" else {}
            key = await admin.made("/management-keys", {"role": role, **where})
            callers[role, scope] = Api(admin.service, key["key"])
    return World(admin, app, development, callers)


@pytest.fixture(scope="module")
async def bound(api: Api) -> World:
    """Where the callers of the matrix are bound."""
    return await make_world(api, "Bound")


@pytest.fixture(scope="module")
async def unbound(api: Api) -> World:
    """Another app of the same organization."""
    return await make_world(api, "Unbound")


@pytest.fixture(scope="module")
async def foreign(other: Api) -> World:
    """An app of another organization."""
    return await make_world(other, "Foreign")


async def environment(world: World, owner: str, *, is_ephemeral: bool) -> Target:
    """Make an environment, without a topic: no call of the matrix needs one."""
    service = world.admin.service
    expires_at = service.now() + timedelta(hours=1) if is_ephemeral else None
    body = CreateEnvironment(slug=f"env-{next(_numbers)}", expires_at=expires_at)
    made = environments.planned(service, system(""), world.app["id"], new_ulid(service.clock()), body)
    row = await environments.insert(service.store, structs.replace(made, created_by=owner))
    return Target(row.id)


async def channel(world: World) -> Target:
    made = await world.admin.made(f"/apps/{world.app['id']}/channels", {"name": f"c{next(_numbers)}"})
    return Target(str(made["id"]))


async def key(world: World) -> Target:
    body = {"appId": world.app["id"], "environmentId": world.environment["id"]}
    return Target((await world.admin.made("/api-keys", body))["id"])


async def token(world: World) -> Target:
    body = {"channelId": world.app["defaultChannelId"], "environmentId": world.environment["id"]}
    return Target((await world.admin.made("/public-tokens", body))["id"])


async def member(world: World) -> Target:
    body = {"email": f"m{next(_numbers)}@shop.example", "name": "M"}
    return Target((await world.admin.made("/members", body))["id"], {"name": "renamed"})


async def role(world: World) -> Target:
    body = {"slug": f"role-{next(_numbers)}", "name": "R", "base": "developer", "without": ["data.wipe"]}
    return Target((await world.admin.made("/roles", body))["slug"])


async def binding(world: World) -> Target:
    body = {"memberId": (await member(world)).id, "role": "agent", "scope": "organization"}
    return Target((await world.admin.made("/role-bindings", body))["id"])


async def management_key(world: World) -> Target:
    return Target((await world.admin.made("/management-keys", {"role": "agent"}))["id"])


async def approval(world: World) -> Target:
    made = await world.admin.made("/management-keys", {"role": "agent"})
    return Target((await Api(world.admin.service, made["key"]).made("/approvals", asked(world)))["id"])


def asked(world: World) -> Item:
    return {"action": "environment.wipe", "environmentId": world.environment["id"], "reason": "Because."}


MADE: dict[str, Callable[[World], Awaitable[Target]]] = {
    "channels": channel,
    "api-keys": key,
    "public-tokens": token,
    "members": member,
    "roles": role,
    "role-bindings": binding,
    "management-keys": management_key,
    "approvals": approval,
}


def new_body(world: World, action: str) -> Item:
    """Answer a body with which a call makes something new, or changes something."""
    number = next(_numbers)
    return {
        "app.create": {"name": f"App {number}"},
        "app.update": {"name": f"App {number}"},
        "environment.create": {"slug": f"new-{number}"},
        "environment.clone": {"slug": f"clone-{number}"},
        "environment.extend": {"ttlSeconds": 60},
        "preview.upsert": {"ttlSeconds": 60},
        "channel.create": {"name": f"Channel {number}"},
        "key.create": {"appId": world.app["id"]},
        "key.rotate": {"overlapSeconds": 60},
        "token.rotate": {"overlapSeconds": 60},
        "policy.update": {"overQuota": "accept"},
        "token.create": {"channelId": world.app["defaultChannelId"], "environmentId": world.environment["id"]},
        "member.create": {"email": f"n{number}@shop.example", "name": "N"},
        "role.create": {"slug": f"new-{number}", "name": "R", "base": "agent", "without": ["events.read"]},
        "binding.create": {"managementKeyId": "unknown", "role": "agent", "scope": "organization"},
        "management_key.create": {"role": "agent"},
        "approval.create": asked(world),
        "approval.approve": {},
        "approval.reject": {},
    }.get(action, {"name": f"Renamed {number}"})


async def ask(caller: Api, world: World, call: Call) -> int:
    """Make a call about something in a world, and answer the status."""
    kind = call.pattern.split("/")[1]
    if kind == "environments":
        target = await environment(world, actor_of(caller), is_ephemeral=call.permission is Permission.PREVIEW)
    elif "{id}" in call.pattern and kind in MADE:
        target = await MADE[kind](world)
    else:
        target = Target(world.app["id"])
    path = call.pattern.format(id=target.id, ref=f"ref-{next(_numbers)}", traceId="ab" * 16, ingestId="ab" * 16, item=0)
    body = target.body or new_body(world, call.action or "")
    if call.action == "binding.create":
        body["managementKeyId"] = (await management_key(world)).id
    status, answer = await caller.call(call.method, path, body if call.body else None)
    assert status < 500, answer
    return status


def actor_of(caller: Api) -> str:
    assert caller.key is not None
    return f"key:{caller.key.split('_')[2][:26]}"


def is_allowed(call: Call, role: str, scope: str) -> bool:
    """Say what is expected where the caller is bound."""
    name = name_of(call)
    if scope == "app" and (name in ORGANIZATION_ONLY or call.permission is Permission.ACCESS):
        return False
    assert call.permission is not None
    permission = Permission.WIPE if call.pattern.startswith(ABOUT_APPROVALS) else call.permission
    least = "developer" if name == "GET /audit/head" else LEAST[permission]
    return ROLES.index(role) >= ROLES.index(least)


@pytest.mark.parametrize("call", [call for call in CALLS if call.permission], ids=name_of)
async def test_where_one_is_bound_the_role_decides(bound: World, call: Call) -> None:
    for (role, scope), caller in bound.callers.items():
        status = await ask(caller, bound, call)
        allowed = {404} if call.is_file else ALLOWED  # there is no file yet
        expected = allowed if is_allowed(call, role, scope) else {403}
        assert status in expected, (role, scope, status)


@pytest.mark.parametrize("call", [c for c in CALLS if "{" in c.pattern or c.action in BY_BODY], ids=name_of)
async def test_what_is_not_bound_is_not_found(bound: World, unbound: World, foreign: World, call: Call) -> None:
    for (role, scope), caller in bound.callers.items():
        for world in (unbound, foreign) if scope == "app" else (foreign,):
            status = await ask(caller, world, call)
            needs_more = call.permission is Permission.ACCESS and not is_allowed(call, role, scope)
            assert status == (403 if needs_more else 404), (role, scope, world.app["name"], status)


@pytest.mark.parametrize("path", ["/apps", "/api-keys", "/public-tokens"])
async def test_no_list_shows_what_is_not_bound(bound: World, unbound: World, path: str) -> None:
    admin = bound.callers["admin", "app"]
    for each in (bound, unbound):
        await key(each)
        await token(each)
    shown = (await admin.got(path, limit="1000"))["items"]
    assert shown
    assert {each.get("appId", each["id"]) for each in shown} == {bound.app["id"]}
