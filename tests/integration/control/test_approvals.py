"""Approvals: who may not make a destructive call alone asks for it, somebody who may decides, and it is made once."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from msgspec import Struct, structs

from gateway.runtime.settings import Approvals
from tests.integration.control.api import Api, Item

WHY = "They sent us their passwords."


class Team(Struct, frozen=True):
    """An app, its administrator, two Developers and an Agent of it, and what they have to do with."""

    admin: Api
    developer: Api
    colleague: Api
    agent: Api
    app: Item
    production: Item
    development: Item

    async def ask(self, action: str = "environment.wipe", **target: Any) -> Item:
        """Let the Developer ask for something, for wiping production unless told otherwise."""
        target = target or {"environmentId": self.production["id"]}
        return await self.developer.made("/approvals", {"action": action, "reason": WHY, **target})

    async def granted(self, action: str = "environment.wipe", **target: Any) -> dict[str, str]:
        """Let the administrator approve what the Developer asks for, and answer the header for the call."""
        asked = await self.ask(action, **target)
        status, approved = await self.admin.call("POST", f"/approvals/{asked['id']}/approve")
        assert (status, approved["state"]) == (200, "approved")
        return {"X-Approval": asked["id"]}

    async def state(self, header: dict[str, str]) -> str:
        """Answer how far what the Developer asked for has come."""
        return (await self.developer.got(f"/approvals/{header['X-Approval']}"))["state"]

    @property
    def wipe(self) -> str:
        """The path of the call that a Developer may not make alone."""
        return f"/environments/{self.production['id']}/wipe"


async def caller(admin: Api, role: str, app: Item) -> Api:
    body = {"role": role, "scope": "app", "target": app["id"]}
    return Api(admin.service, (await admin.made("/management-keys", body))["key"])


@pytest.fixture(scope="module")
async def team(api: Api) -> Team:
    """A team at work on an app."""
    app, found = await api.app("Approving")
    developer, colleague, agent = [await caller(api, role, app) for role in ("developer", "developer", "agent")]
    return Team(api, developer, colleague, agent, app, found["production"], found["development"])


def actor_of(api: Api) -> str:
    assert api.key is not None
    return f"key:{api.key.split('_')[2][:26]}"


async def test_a_refusal_says_what_can_be_asked_for_and_the_approved_call_is_made_once(team: Team) -> None:
    status, refused = await team.developer.call("POST", team.wipe)
    assert (status, refused["approval"]) == (
        403,
        {"action": "environment.wipe", "environmentId": team.production["id"]},
    )
    assert "POST /approvals" in refused["detail"]
    asked = await team.developer.made("/approvals", {**refused["approval"], "reason": WHY})
    assert asked["state"] == "pending"
    assert asked["requestedBy"] == actor_of(team.developer)
    assert asked["permission"] == "data.wipe"
    lives = datetime.fromisoformat(asked["expiresAt"]) - datetime.fromisoformat(asked["createdAt"])
    assert lives.total_seconds() == 86_400
    header = {"X-Approval": asked["id"]}
    assert (await team.developer.call("POST", team.wipe, None, header))[0] == 403

    status, approved = await team.admin.call("POST", f"/approvals/{asked['id']}/approve", {"reason": "Go on."})
    assert (status, approved["decidedBy"], approved["decisionReason"]) == (200, actor_of(team.admin), "Go on.")
    # The handshake is the same as for everybody, and uses nothing up.
    status, problem = await team.developer.call("POST", team.wipe, None, header)
    assert (status, problem["confirm"]) == (428, "production")
    assert await team.state(header) == "approved"
    status, wiped = await team.developer.confirmed("POST", team.wipe, None, header)
    assert (status, wiped["id"]) == (200, team.production["id"])
    assert await team.state(header) == "used"
    status, again = await team.developer.call("POST", team.wipe, None, header)
    assert (status, again["type"]) == (403, "urn:axonpush:error:approval_refused")
    assert "used up" in again["detail"]

    done = (await team.admin.got("/audit", limit="1000", environmentId=team.production["id"]))["items"]
    about = [each for each in done if each["target"] == asked["id"] or each["action"] == "environment.wipe"]
    assert [(each["action"], each["actor"]) for each in about] == [
        ("approval.create", actor_of(team.developer)),
        ("approval.approve", actor_of(team.admin)),
        ("approval.use", actor_of(team.developer)),
        ("environment.wipe", actor_of(team.developer)),
    ]


async def test_of_two_calls_at_once_with_one_approval_one_is_made(team: Team) -> None:
    header = await team.granted()
    asked = [(await team.developer.call("POST", team.wipe, None, header))[1] for _ in range(2)]
    confirming = [{**header, "X-Confirm": each["confirm"], "X-Confirm-Challenge": each["challenge"]} for each in asked]
    calls = (team.developer.call("POST", team.wipe, None, headers) for headers in confirming)
    assert sorted(status for status, _ in await asyncio.gather(*calls)) == [200, 403]


async def test_a_decision_waits_for_the_other_one(team: Team) -> None:
    path = f"/approvals/{(await team.ask())['id']}"
    answers = await asyncio.gather(*(team.admin.call("POST", f"{path}/{verb}") for verb in ("approve", "reject")))
    assert sorted(status for status, _ in answers) == [200, 409]


async def test_only_who_holds_the_right_there_decides_and_never_who_asked(team: Team, other: Api) -> None:
    path = f"/approvals/{(await team.ask())['id']}"
    for verb in ("approve", "reject"):
        for who, status in ((team.colleague, 403), (team.agent, 403), (team.developer, 403), (other, 404)):
            assert (await who.call("POST", f"{path}/{verb}"))[0] == status
    status, own = await team.developer.call("POST", f"{path}/approve")
    assert (status, own["type"]) == (403, "urn:axonpush:error:own_request")
    # A Developer holds the right where it is not production.
    asked = await team.agent.made(
        "/approvals", {"action": "environment.wipe", "environmentId": team.development["id"], "reason": WHY}
    )
    assert (await team.colleague.call("POST", f"/approvals/{asked['id']}/reject"))[1]["state"] == "rejected"


async def test_a_second_decision_is_a_conflict(team: Team) -> None:
    for verb, state in (("approve", "approved"), ("reject", "rejected")):
        path = f"/approvals/{(await team.ask())['id']}"
        assert (await team.admin.call("POST", f"{path}/{verb}"))[1]["state"] == state
        for second in ("approve", "reject"):
            status, problem = await team.admin.call("POST", f"{path}/{second}")
            assert (status, problem["type"]) == (409, f"urn:axonpush:error:is_{state}")
    rejected = {"X-Approval": path.rpartition("/")[2]}
    assert "rejected" in (await team.developer.call("POST", team.wipe, None, rejected))[1]["detail"]


async def test_a_request_and_an_approval_expire_as_the_settings_say(team: Team) -> None:
    brief = structs.replace(team.admin.service, approvals=Approvals(pending_seconds=20, use_seconds=10))
    brief_team = structs.replace(
        team, admin=structs.replace(team.admin, service=brief), developer=structs.replace(team.developer, service=brief)
    )
    path = f"/approvals/{(await brief_team.ask())['id']}"
    late = team.admin.later(21)
    assert (await late.got(path))["state"] == "expired"
    assert (await late.call("POST", f"{path}/approve"))[1]["type"] == "urn:axonpush:error:is_expired"
    header = await brief_team.granted()
    assert (await team.developer.later(5).call("POST", team.wipe, None, header))[0] == 428
    status, problem = await team.developer.later(11).call("POST", team.wipe, None, header)
    assert (status, "has expired" in problem["detail"]) == (403, True)
    # The defaults: an hour for an approved call.
    header = await team.granted()
    assert (await team.developer.later(3590).call("POST", team.wipe, None, header))[0] == 428
    assert (await team.developer.later(3610).call("POST", team.wipe, None, header))[0] == 403


async def test_an_approval_is_for_one_action_on_one_thing_by_the_one_who_asked(team: Team) -> None:
    header = await team.granted()
    second = await team.admin.made(
        f"/apps/{team.app['id']}/environments", {"slug": "eu", "isProduction": True, "retentionDays": 30}
    )
    path = f"/environments/{team.production['id']}"
    for who, method, asked, body in (
        (team.colleague, "POST", team.wipe, None),
        (team.admin, "POST", team.wipe, None),  # good for nobody else, whatever their roles allow
        (team.developer, "POST", f"/environments/{second['id']}/wipe", None),
        (team.developer, "PATCH", path, {"retentionDays": 5}),
        (team.developer, "PATCH", path, {"name": "Mine"}),
    ):
        status, problem = await who.call(method, asked, body, header)
        assert (status, problem["type"]) == (403, "urn:axonpush:error:approval_refused"), asked
    for made_up in ("nothing", "\x00", ""):
        assert (await team.developer.call("POST", team.wipe, None, {"X-Approval": made_up}))[0] == 403
    assert await team.state(header) == "approved"


async def test_retention_is_lowered_no_further_than_approved_and_nothing_else_changes(team: Team) -> None:
    path = f"/environments/{team.production['id']}"
    status, refused = await team.developer.call("PATCH", path, {"retentionDays": 20})
    assert (status, refused["approval"]) == (
        403,
        {
            "action": "environment.lower_retention",
            "environmentId": team.production["id"],
            "retentionDays": 20,
        },
    )
    for other_change in ({"retentionDays": 40}, {"retentionDays": 20, "name": "Mine"}, {"name": "Mine"}):
        assert "approval" not in (await team.developer.call("PATCH", path, other_change))[1]
    target = {key: value for key, value in refused["approval"].items() if key != "action"}
    header = await team.granted("environment.lower_retention", **target)
    for more in ({"retentionDays": 19}, {"retentionDays": 20, "isProduction": False}):
        assert (await team.developer.call("PATCH", path, more, header))[0] == 403
    status, changed = await team.developer.confirmed("PATCH", path, {"retentionDays": 20}, header)
    assert (status, changed["retentionDays"], changed["name"]) == (200, 20, "Production")
    assert await team.state(header) == "used"


async def test_a_channel_is_deleted_with_an_approval_and_the_default_one_not_at_all(team: Team) -> None:
    channel = await team.admin.made(f"/apps/{team.app['id']}/channels", {"name": "Old"})
    path = f"/channels/{channel['id']}"
    refused = (await team.developer.call("DELETE", path))[1]
    assert refused["approval"] == {"action": "channel.delete", "channelId": channel["id"]}
    header = await team.granted("channel.delete", channelId=channel["id"])
    assert (await team.developer.confirmed("DELETE", path, None, header))[0] == 204
    assert await team.state(header) == "used"
    default = team.app["defaultChannelId"]
    assert (await team.developer.call("DELETE", f"/channels/{default}"))[0] == 409
    body = {"action": "channel.delete", "channelId": default, "reason": WHY}
    assert (await team.developer.call("POST", "/approvals", body))[0] == 409


async def test_the_default_and_production_are_not_deleted_whatever_anybody_approves(team: Team) -> None:
    assert (await team.developer.call("DELETE", f"/environments/{team.production['id']}"))[0] == 409
    body = {"action": "environment.delete", "environmentId": team.production["id"], "reason": WHY}
    assert (await team.developer.call("POST", "/approvals", body))[0] == 409


async def test_an_agent_deletes_an_environment_and_revokes_a_key_with_approvals(team: Team) -> None:
    environment = await team.admin.made(f"/apps/{team.app['id']}/environments", {"slug": "stage"})
    body = {"appId": team.app["id"], "environmentId": environment["id"]}
    key = await team.admin.made("/api-keys", body)
    for method, path, done in (
        ("POST", f"/api-keys/{key['id']}/revoke", 200),
        ("DELETE", f"/environments/{environment['id']}", 204),
    ):
        status, refused = await team.agent.call(method, path)
        assert status == 403
        asked = await team.agent.made("/approvals", {**refused["approval"], "reason": WHY})
        # A Developer may do both here, and so may decide on both.
        assert (await team.colleague.call("POST", f"/approvals/{asked['id']}/approve"))[0] == 200
        header = {"X-Approval": asked["id"]}
        assert (await team.agent.call(method, path, None, header))[0] == done
        assert (await team.agent.got(f"/approvals/{asked['id']}"))["state"] == "used"


async def test_a_key_that_moved_to_another_environment_is_not_covered_any_more(team: Team) -> None:
    body = {"appId": team.app["id"], "environmentId": team.development["id"]}
    key = await team.admin.made("/api-keys", body)
    asked = await team.agent.made("/approvals", {"action": "key.revoke", "keyId": key["id"], "reason": WHY})
    assert (await team.admin.call("POST", f"/approvals/{asked['id']}/approve"))[0] == 200
    moved = {"environmentId": team.production["id"]}
    assert (await team.admin.call("PATCH", f"/api-keys/{key['id']}", moved))[0] == 200
    header = {"X-Approval": asked["id"]}
    assert (await team.agent.call("POST", f"/api-keys/{key['id']}/revoke", None, header))[0] == 403
    assert (await team.admin.got(f"/api-keys/{key['id']}"))["revokedAt"] is None


async def test_who_lost_sight_of_an_environment_cannot_use_an_approval(team: Team) -> None:
    body = {"role": "developer", "scope": "environment", "target": team.production["id"]}
    member = await team.admin.made("/members", {"email": "lost@shop.example", "name": "Lost"})
    binding = await team.admin.made("/role-bindings", {**body, "memberId": member["id"]})
    key = await team.admin.made("/management-keys", {"memberId": member["id"]})
    lost = structs.replace(team, developer=Api(team.admin.service, key["key"]))
    header = await lost.granted()
    assert (await team.admin.call("DELETE", f"/role-bindings/{binding['id']}"))[0] == 204
    assert (await lost.developer.call("POST", team.wipe, None, header))[0] == 404


async def test_who_may_do_it_alone_needs_no_approval_and_what_is_not_seen_is_not_found(team: Team, other: Api) -> None:
    body = {"action": "environment.wipe", "environmentId": team.development["id"], "reason": WHY}
    status, problem = await team.developer.call("POST", "/approvals", body)
    assert (status, problem["type"]) == (409, "urn:axonpush:error:not_needed")
    assert (await other.call("POST", "/approvals", body))[0] == 404


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"action": "environment.wipe"}, "environmentId"),
        ({"action": "environment.wipe", "environmentId": "x", "keyId": "y"}, "keyId"),
        ({"action": "environment.lower_retention", "environmentId": "x"}, "retentionDays"),
        ({"action": "channel.delete", "environmentId": "x", "channelId": 1}, "environmentId"),
        ({"action": "key.revoke", "keyId": "x", "retentionDays": 3}, "retentionDays"),
        ({"action": "app.delete"}, "action"),
    ],
)
async def test_an_action_takes_the_field_that_names_its_target(team: Team, fields: Item, named: str) -> None:
    status, problem = await team.developer.call("POST", "/approvals", {**fields, "reason": WHY})
    assert (status, f"`{named}`" in problem["detail"]) == (422, True), problem


async def test_retention_that_is_not_lower_cannot_be_asked_for(team: Team) -> None:
    body = {"action": "environment.lower_retention", "environmentId": team.production["id"], "reason": WHY}
    assert (await team.developer.call("POST", "/approvals", {**body, "retentionDays": 3650}))[0] == 422


async def test_a_list_shows_what_one_asked_for_and_what_one_may_decide_on(api: Api, other: Api) -> None:
    app, found = await api.app("Listing approvals")
    developer, colleague, agent = [await caller(api, role, app) for role in ("developer", "developer", "agent")]
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Old"})
    by_tier = await api.made("/management-keys", {"role": "developer", "scope": "tier", "target": "development"})
    by_environment = await api.made(
        "/management-keys", {"role": "admin", "scope": "environment", "target": found["production"]["id"]}
    )
    asked: dict[str, str] = {}
    for name, who, fields in (
        ("production", developer, {"action": "environment.wipe", "environmentId": found["production"]["id"]}),
        ("development", agent, {"action": "environment.wipe", "environmentId": found["development"]["id"]}),
        ("channel", developer, {"action": "channel.delete", "channelId": channel["id"]}),
    ):
        asked[(await who.made("/approvals", {**fields, "reason": WHY}))["id"]] = name

    async def shown(who: Api, **query: str) -> list[str]:
        items = (await who.got("/approvals", limit="1000", **query))["items"]
        return [asked[each["id"]] for each in items if each["id"] in asked]

    assert await shown(api) == ["production", "development", "channel"]
    assert await shown(developer) == ["production", "development", "channel"]  # two of its own
    assert await shown(colleague) == ["development"]
    assert await shown(agent) == ["development"]
    assert await shown(Api(api.service, by_tier["key"])) == ["development"]
    assert await shown(Api(api.service, by_environment["key"])) == ["production"]
    assert await shown(other) == []

    first = next(iter(asked))
    assert (await api.call("POST", f"/approvals/{first}/reject"))[0] == 200
    assert await shown(developer, state="rejected") == ["production"]
    assert await shown(developer, state="pending") == ["development", "channel"]
    # One after the other, by cursor.
    page = await developer.got("/approvals", limit="1")
    ids: list[str] = [page["items"][0]["id"]]
    while page["next"]:
        page = await developer.got("/approvals", limit="1", after=page["next"])
        ids += [each["id"] for each in page["items"]]
    assert ids == list(asked)
