"""User roles decide who sees which environment of an organization: each test quotes the sentence that it shows.

What the sentences call the environments of an organization are the tiers here: Development, QA and Production. Each
environment of an app belongs to one of them, as a profile of an application does.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from gateway.control.service import Service
from gateway.query.redaction import MASK
from gateway.runtime import postgres
from gateway.runtime.settings import Database
from schemas.signals import Signal
from tests.integration.control.api import Api, Item
from tests.integration.query.archive import Archive, when
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import any_value, logs

TIERS = ("development", "qa", "production")
HOUR = {"from": when(-1800).isoformat(), "to": when(1800).isoformat()}
_numbers = itertools.count()


class World(Struct, frozen=True):
    """An app with an environment in each tier; each has a key, a token, a log record, and somebody used its key."""

    admin: Api
    app: Item
    environments: dict[str, Item]
    keys: dict[str, str]
    tokens: dict[str, str]

    def path(self, tier: str, what: str = "") -> str:
        """Answer the path of the environment in a tier, or of something of it."""
        return f"/environments/{self.environments[tier]['id']}{what}"


@pytest.fixture(scope="module")
async def world(api: Api, service: Service, database_url: str) -> AsyncIterator[World]:
    """Make the app, and fill its environments."""
    app, environments = await api.app("Airline")
    qa = {"slug": "qa", "tier": "qa", "partitions": 1}
    environments["qa"] = await api.made(f"/apps/{app['id']}/environments", qa)
    connection = await postgres.connect(Database(url=database_url))
    keys: dict[str, str] = {}
    tokens: dict[str, str] = {}
    for tier in TIERS:
        environment_id = environments[tier]["id"]
        keys[tier] = (await api.made("/api-keys", {"appId": app["id"], "environmentId": environment_id}))["id"]
        token = {"channelId": app["defaultChannelId"], "environmentId": environment_id}
        tokens[tier] = (await api.made("/public-tokens", token))["id"]
        await Archive(connection).store(environment_id, otlp(Signal.LOGS, logs(LogRecord(body=any_value(tier)))))
        await connection.execute(
            "INSERT INTO usage_by_minute VALUES ($1, $2, date_trunc('minute', $3::timestamptz), 1, 2, 3)",
            environment_id,
            keys[tier],
            service.now(),
        )
    yield World(api, app, environments, keys, tokens)
    await connection.close()


async def user(admin: Api, *roles: tuple[str, str | None]) -> Api:
    """Add a member with roles, each in a tier or, without one, in the whole organization, and issue a key."""
    email = f"user{next(_numbers)}@airline.example"
    member = await admin.made("/members", {"email": email, "name": "User"})
    for role, tier in roles:
        where = {"scope": "tier", "target": tier} if tier else {"scope": "organization"}
        await admin.made("/role-bindings", {"memberId": member["id"], "role": role, **where})
    return Api(admin.service, (await admin.made("/management-keys", {"memberId": member["id"]}))["key"])


async def slugs(caller: Api, world: World) -> list[str]:
    """Answer which of the app's environments somebody sees, none where the app itself is not found."""
    status, page = await caller.call("GET", f"/apps/{world.app['id']}/environments")
    return sorted(each["slug"] for each in page["items"]) if status == 200 else []


async def test_every_organization_has_three_environments(api: Api, other: Api) -> None:
    """Every organization comes pre-provisioned with three default environments: Development, QA, and Production."""
    for organization in (api, other):
        tiers = (await organization.got("/tiers"))["items"]
        assert [each["name"] for each in tiers] == ["Development", "QA", "Production"]
        assert tuple(each["slug"] for each in tiers) == TIERS


async def test_resources_are_assigned_to_their_environment(world: World) -> None:
    """These environments can then be used to assign resources to their respective environment."""
    for tier in TIERS:
        assert (await world.admin.got(world.path(tier)))["tier"] == tier
        assert (await world.admin.got(f"/api-keys/{world.keys[tier]}"))["environmentId"] == world.environments[tier][
            "id"
        ]
    status, _ = await world.admin.call(
        "POST", f"/apps/{world.app['id']}/environments", {"slug": "nowhere", "tier": "staging"}
    )
    assert status == 422


async def test_profiles_are_aligned_by_default_and_can_be_changed(api: Api) -> None:
    """[...] the environments are tied to their corresponding profiles, but you do have the option to change them."""
    app, found = await api.app("Aligned")
    assert {slug: each["tier"] for slug, each in found.items()} == {
        "production": "production",
        "development": "development",
    }
    tester = await user(api, ("agent", "qa"))
    path = f"/environments/{found['development']['id']}"
    assert (await tester.call("GET", path))[0] == 404
    assert (await api.call("PATCH", path, {"tier": "qa"}))[1]["tier"] == "qa"
    assert (await tester.got(path))["appId"] == app["id"]


@pytest.mark.parametrize("role", ["agent", "developer", "admin", "custom"])
@pytest.mark.parametrize("tier", TIERS)
async def test_the_role_determines_which_environments_one_has(world: World, role: str, tier: str) -> None:
    """Environment access is also determined by the user role as well."""
    if role == "custom":
        role = f"custom-{tier}"
        body = {"slug": role, "name": "Custom", "base": "developer", "without": ["data.wipe"]}
        await world.admin.made("/roles", body)
    caller = await user(world.admin, (role, tier))
    assert await slugs(caller, world) == [tier]
    assert [each["slug"] for each in (await caller.got("/tiers"))["items"]] == [tier]
    for each in TIERS:
        assert (await caller.call("GET", world.path(each)))[0] == (200 if each == tier else 404)


async def test_who_has_no_role_has_no_environment(world: World) -> None:
    """Environments serve as a container [...], ensuring users access to the right resources."""
    nobody = await user(world.admin)
    assert await slugs(nobody, world) == []
    assert (await nobody.got("/tiers"))["items"] == []
    assert (await nobody.got("/apps"))["items"] == []
    for tier in TIERS:
        assert (await nobody.call("GET", world.path(tier)))[0] == 404


async def test_there_are_four_kinds_of_roles_to_assign(world: World) -> None:
    """There are four user roles that you can assign to a user: Agent, Developer, Admin, Custom Role."""
    roles = (await world.admin.got("/roles"))["items"]
    assert {each["name"] for each in roles if each["isBuiltIn"]} == {"Agent", "Developer", "Admin"}
    custom = {"slug": "support", "name": "Support", "base": "agent", "without": ["events.read"]}
    assert not (await world.admin.made("/roles", custom))["isBuiltIn"]
    for role in ("agent", "developer", "admin", "support"):
        assert await slugs(await user(world.admin, (role, None)), world) == sorted(TIERS)


async def test_roles_manage_who_has_what_where(world: World) -> None:
    """[...] you can manage who has access to what resources and what environments they have access to."""
    # One person: a Developer in Development, an Agent in QA, nothing in Production.
    caller = await user(world.admin, ("developer", "development"), ("agent", "qa"))
    assert await slugs(caller, world) == ["development", "qa"]

    async def status(method: str, path: str, body: Item | None = None) -> int:
        return (await caller.call(method, path, body))[0]

    for tier, key, changed in (("development", 201, 200), ("qa", 403, 403), ("production", 404, 404)):
        body = {"appId": world.app["id"], "environmentId": world.environments[tier]["id"]}
        assert await status("POST", "/api-keys", body) == key
        assert await status("PATCH", world.path(tier), {"name": tier}) == changed
    # What was assigned can be taken away again.
    member_id = (await caller.got("/whoami"))["memberId"]
    for binding in (await world.admin.got("/role-bindings", memberId=member_id))["items"]:
        assert (await world.admin.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 204
    assert await slugs(caller, world) == []


async def test_a_custom_role_goes_without_what_it_names(world: World) -> None:
    """Managing access to resources can be done through role-based access control (RBAC)."""
    body = {"slug": "no-logs", "name": "No logs", "base": "developer", "without": ["events.read", "key.see"]}
    await world.admin.made("/roles", body)
    caller = await user(world.admin, ("no-logs", "qa"))
    assert (await caller.call("GET", world.path("qa")))[0] == 200
    for path in (world.path("qa", "/events"), f"/api-keys/{world.keys['qa']}"):
        assert (await caller.call("GET", path))[0] == 403


async def test_builders_select_the_environment_of_what_they_create(world: World) -> None:
    """[...] builders have the option to select the environment in which it will be accessible in."""
    caller = await user(world.admin, ("developer", "qa"))
    chosen = {"appId": world.app["id"], "environmentId": world.environments["qa"]["id"]}
    assert (await caller.made("/api-keys", chosen))["environmentId"] == chosen["environmentId"]
    # Without a choice it is for the app's default environment, which this builder does not see.
    assert (await caller.call("POST", "/api-keys", {"appId": world.app["id"]}))[0] == 404


async def test_what_was_made_in_development_appears_only_there(world: World) -> None:
    """[...] will only appear as a selectable option if the Development environment is selected in Settings."""
    for path, made in (("/api-keys", world.keys), ("/public-tokens", world.tokens)):
        for tier in TIERS:
            listed = await world.admin.got(path, environmentId=world.environments[tier]["id"], limit="1000")
            ids = {each["id"] for each in listed["items"]}
            assert {name for name, each in made.items() if each in ids} == {tier}


async def test_api_tokens_are_separated_by_environment(world: World) -> None:
    """Below is a list of resources that can be separated by environment: [...] API Tokens."""
    for tier in TIERS:
        caller = await user(world.admin, ("developer", tier))
        for path, made in (("/api-keys", world.keys), ("/public-tokens", world.tokens)):
            ids = {each["id"] for each in (await caller.got(path, limit="1000"))["items"]}
            assert {name for name, each in made.items() if each in ids} == {tier}
            for name, each in made.items():
                assert (await caller.call("GET", f"{path}/{each}"))[0] == (200 if name == tier else 404)


@pytest.mark.parametrize(
    ("role", "tier", "body"),
    [
        ("agent", "development", MASK),
        ("agent", "production", MASK),
        ("developer", "development", "development"),
        ("developer", "qa", "qa"),
        ("developer", "production", MASK),
        ("admin", "production", "production"),
    ],
)
async def test_logs_are_separated_by_environment(world: World, role: str, tier: str, body: str) -> None:
    """Below is a list of resources that can be separated by environment: [...] Logs and App Notifiers."""
    caller = await user(world.admin, (role, tier))
    for each in TIERS:
        status, page = await caller.call("GET", world.path(each, "/events"), None, None, **HOUR)
        seen = [event["body"] for event in page["items"]] if status == 200 else status
        assert seen == ([body] if each == tier else 404)


async def test_reporting_is_separated_by_environment(world: World) -> None:
    """Below is a list of resources that can be separated by environment: [...] Reporting."""
    caller = await user(world.admin, ("agent", "qa"))
    used = (await caller.got(world.path("qa", "/usage")))["items"]
    assert [(each["credentialId"], each["items"]) for each in used] == [(world.keys["qa"], 2)]
    for what in ("/usage", "/rejections", "/policy"):
        assert (await caller.call("GET", world.path("qa", what)))[0] == 200
        assert (await caller.call("GET", world.path("production", what)))[0] == 404


async def test_activity_is_separated_by_environment(world: World) -> None:
    """Below is a list of resources that can be separated by environment: [...] Applications Activity."""
    for tier in TIERS:
        caller = await user(world.admin, ("developer", tier))
        entries: list[dict[str, Any]] = (await caller.got("/audit", limit="1000"))["items"]
        made = {each["target"] for each in entries if each["action"] == "key.create"}
        assert {name for name, each in world.keys.items() if each in made} == {tier}
        own = world.environments[tier]["id"]
        assert {each["environmentId"] for each in entries} & {e["id"] for e in world.environments.values()} == {own}
