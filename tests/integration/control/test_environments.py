"""Environments from their making to their end: every field, every step, and the rules between them."""

import asyncio
from datetime import timedelta

import pytest
from msgspec import structs

from gateway.runtime.settings import Previews
from tests.integration.control.api import UNUSED, Api, Item

LATER = "2100-01-01T00:00:00Z"


async def staging(api: Api, name: str, **fields: object) -> tuple[Item, Item]:
    """Make an app with an environment beside the seeded ones."""
    app, _ = await api.app(name)
    return app, await api.made(f"/apps/{app['id']}/environments", {"slug": "staging", **fields})


async def test_every_field_is_given_and_changed(api: Api) -> None:
    app, _ = await api.app("Fields")
    fields: Item = {
        "slug": "qa",
        "name": "QA",
        "tier": "qa",
        "color": "#abcdef",
        "isProduction": False,
        "requireConfirmationForDestructive": False,
        "deleteProtected": True,
        "ingest": "paused",
        "partitions": 2,
        "retentionDays": 7,
        "sourceRef": "acme/shop@main",
    }
    environment = await api.made(f"/apps/{app['id']}/environments", fields)
    assert environment | fields == environment
    for change in (
        {"name": "Quality"},
        {"tier": "production"},
        {"color": "#000000"},
        {"isProduction": True},
        {"requireConfirmationForDestructive": True},
        {"ingest": "open"},
        {"partitions": 3},
        {"retentionDays": 30},
        {"sourceRef": None},
        {"isProduction": False, "deleteProtected": False, "expiresAt": LATER},
        {"isEphemeral": False},
    ):
        environment |= change | {"version": environment["version"] + 1}
        if "expiresAt" in change:
            environment |= {"isEphemeral": True}
        elif "isEphemeral" in change:
            environment |= {"expiresAt": None}
        assert await api.call("PATCH", f"/environments/{environment['id']}", change) == (200, environment)
    assert await api.got(f"/environments/{environment['id']}") == environment | UNUSED


@pytest.mark.parametrize(
    ("change", "status", "what"),
    [
        ({"slug": "other"}, 422, "slug"),
        ({"tier": "moon"}, 422, "`tier`"),
        ({"partitions": 1}, 422, "`partitions`"),
        ({"isEphemeral": True}, 422, "`expiresAt`"),
        ({"expiresAt": "2000-01-01T00:00:00Z"}, 422, "`expiresAt`"),
        ({"expiresAt": LATER, "isProduction": True}, 422, "`isEphemeral`"),
        ({"expiresAt": LATER, "deleteProtected": True}, 422, "`isEphemeral`"),
    ],
)
async def test_a_change_that_contradicts_is_refused_by_name(api: Api, change: Item, status: int, what: str) -> None:
    _, environment = await staging(api, f"Contradicting {sorted(change)} {status}")
    answered, problem = await api.call("PATCH", f"/environments/{environment['id']}", change)
    assert (answered, what in problem["detail"]) == (status, True), problem
    assert await api.got(f"/environments/{environment['id']}") == environment | UNUSED


async def test_the_default_is_one_and_never_ephemeral(api: Api) -> None:
    app, environment = await staging(api, "Defaults")
    path = f"/environments/{environment['id']}"
    assert (await api.call("PATCH", path, {"expiresAt": LATER}))[0] == 200
    assert (await api.call("POST", f"{path}/make-default"))[0] == 409
    assert (await api.call("PATCH", path, {"expiresAt": None}))[0] == 200
    status, changed = await api.call("POST", f"{path}/make-default")
    assert (status, changed) == (200, app | {"defaultEnvironmentId": environment["id"]})
    assert (await api.call("PATCH", path, {"expiresAt": LATER}))[0] == 409
    key = await api.made("/api-keys", {"appId": app["id"]})
    assert key["environmentId"] == environment["id"]


async def test_ingest_is_paused_resumed_archived_and_restored(api: Api) -> None:
    _, environment = await staging(api, "Steps")
    for step, status, ingest in (
        ("pause", 200, "paused"),
        ("pause", 200, "paused"),
        ("restore", 409, "paused"),
        ("resume", 200, "open"),
        ("archive", 200, "archived"),
        ("pause", 409, "archived"),
        ("resume", 409, "archived"),
        ("restore", 200, "open"),
    ):
        assert (await api.call("POST", f"/environments/{environment['id']}/{step}"))[0] == status, step
        assert (await api.got(f"/environments/{environment['id']}"))["ingest"] == ingest


async def test_a_clone_has_the_settings_and_is_no_production(api: Api) -> None:
    app, found = await api.app("Cloning")
    production = found["production"]
    clone = await api.made(f"/environments/{production['id']}/clone", {"slug": "copy"})
    assert clone["partitions"] == production["partitions"]
    assert (clone["isProduction"], clone["requireConfirmationForDestructive"], clone["tier"]) == (
        False,
        False,
        "development",
    )
    fields = {"slug": "eu", "tier": "qa", "color": "#123456", "retentionDays": 3, "partitions": 2}
    source = await api.made(f"/apps/{app['id']}/environments", fields)
    second = await api.made(f"/environments/{source['id']}/clone", {"slug": "us", "name": "US"})
    assert second | fields | {"slug": "us", "name": "US"} == second
    assert (await api.call("POST", f"/environments/{source['id']}/clone", {"slug": "eu"}))[0] == 409


async def test_a_life_is_extended_and_never_shortened(api: Api) -> None:
    soon = (api.service.now() + timedelta(hours=1)).isoformat()
    _, environment = await staging(api, "Extending", expiresAt=soon)
    path = f"/environments/{environment['id']}/extend"
    status, same = await api.call("POST", path, {"ttlSeconds": 60})
    assert (status, same["expiresAt"]) == (200, environment["expiresAt"])
    status, longer = await api.call("POST", path, {"ttlSeconds": 7200})
    assert status == 200
    assert longer["expiresAt"] > environment["expiresAt"]
    _, lasting = await staging(api, "Not extending")
    assert (await api.call("POST", f"/environments/{lasting['id']}/extend", {"ttlSeconds": 60}))[0] == 409


async def test_what_has_expired_is_gone_before_the_reaper_comes(api: Api) -> None:
    soon = (api.service.now() + timedelta(minutes=5)).isoformat()
    _, environment = await staging(api, "Expired", expiresAt=soon)
    path = f"/environments/{environment['id']}"
    late = api.later(300)
    assert (await late.call("POST", f"{path}/extend", {"ttlSeconds": 60}))[0] == 410
    assert (await late.call("PATCH", path, {"name": "late"}))[0] == 410
    assert (await late.call("DELETE", path))[0] == 204


async def test_a_slug_is_never_used_again(api: Api) -> None:
    app, environment = await staging(api, "Once")
    path = f"/environments/{environment['id']}"
    key = await api.made("/api-keys", {"appId": app["id"], "environmentId": environment["id"]})
    assert await api.call("DELETE", path) == (204, {})
    assert (await api.call("DELETE", path))[0] == 404
    assert (await api.call("GET", path))[0] == 404
    assert (await api.call("GET", f"/api-keys/{key['id']}"))[0] == 404
    assert (await api.got("/api-keys", appId=app["id"]))["items"] == []
    status, problem = await api.call("POST", f"/apps/{app['id']}/environments", {"slug": "staging"})
    assert (status, problem["type"]) == (409, "urn:axonpush:error:slug_taken")


async def test_the_default_production_and_what_is_protected_are_not_deleted(api: Api) -> None:
    app, found = await api.app("Kept")
    eu = await api.made(f"/apps/{app['id']}/environments", {"slug": "eu", "isProduction": True})
    kept = await api.made(f"/apps/{app['id']}/environments", {"slug": "kept", "deleteProtected": True})
    for environment, reason in ((found["production"], "default"), (eu, "production"), (kept, "protected")):
        status, problem = await api.call("DELETE", f"/environments/{environment['id']}")
        assert (status, problem["type"]) == (409, f"urn:axonpush:error:{reason}")


async def test_settings_limit_ephemeral_environments(api: Api) -> None:
    limited = structs.replace(
        api, service=structs.replace(api.service, previews=Previews(max_count=2, lifetime_max_seconds=3600))
    )
    app, _ = await api.app("Limited")
    path = f"/apps/{app['id']}/environments"
    status, problem = await limited.call("POST", path, {"slug": "long", "expiresAt": LATER})
    assert (status, "3600 seconds" in problem["detail"]) == (422, True)
    answers = await asyncio.gather(*(limited.call("PUT", f"{path}/by-ref/r{n}", {"ttlSeconds": 60}) for n in range(4)))
    assert sorted(status for status, _ in answers) == [201, 201, 409, 409]
    preview = next(answer for status, answer in answers if status == 201)["environment"]
    status, _ = await limited.call("POST", f"/environments/{preview['id']}/extend", {"ttlSeconds": 4000})
    assert status == 422


async def test_an_app_and_a_channel_are_changed(api: Api) -> None:
    app, _ = await api.app("Before")
    another, _ = await api.app("Neighbour")
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Two"})
    change = {"name": "After", "defaultChannelId": channel["id"]}
    assert await api.call("PATCH", f"/apps/{app['id']}", change) == (200, app | change)
    wrong = {"defaultChannelId": another["defaultChannelId"]}
    assert (await api.call("PATCH", f"/apps/{app['id']}", wrong))[0] == 422
    assert await api.call("PATCH", f"/channels/{channel['id']}", {"name": "New"}) == (200, channel | {"name": "New"})
    for number, says in (
        ("0", "There is no channel 0."),
        ("x", "There is no channel 'x'."),
        ("9" * 30, f"There is no channel '{'9' * 30}'."),
        ("-1", "There is no channel '-1'."),
        ("%00", "Nothing has this id."),
    ):
        for method, body in (("PATCH", {"name": "New"}), ("GET", None), ("DELETE", None)):
            status, problem = await api.call(method, f"/channels/{number}", body)
            assert (status, problem["detail"]) == (404, says)


async def test_if_match_keeps_two_from_overwriting_each_other(api: Api) -> None:
    app, environment = await staging(api, "Matching")
    key = await api.made("/api-keys", {"appId": app["id"]})
    token = {"channelId": app["defaultChannelId"], "environmentId": environment["id"]}
    paths = (
        f"/environments/{environment['id']}",
        f"/apps/{app['id']}",
        f"/channels/{app['defaultChannelId']}",
        f"/api-keys/{key['id']}",
        f"/public-tokens/{(await api.made('/public-tokens', token))['id']}",
        f"/members/{(await api.made('/members', {'email': 'tag@shop.example', 'name': 'Tag'}))['id']}",
    )
    for path in paths:
        seen = dict((await api.reply("GET", path)).headers)["ETag"]
        changed = await api.reply("PATCH", path, {"name": "first"}, {"If-Match": f'"other", {seen}'})
        assert changed.status == 200
        assert dict(changed.headers)["ETag"] == dict((await api.reply("GET", path)).headers)["ETag"] != seen
        status, problem = await api.call("PATCH", path, {"name": "second"}, {"If-Match": seen})
        assert (status, problem["type"]) == (412, "urn:axonpush:error:precondition_failed")
        assert (await api.got(path))["name"] == "first"
        assert (await api.call("PATCH", path, {"name": "third"}, {"If-Match": "*"}))[0] == 200
    policy = f"/environments/{environment['id']}/policy"
    seen = dict((await api.reply("GET", policy)).headers)["ETag"]
    for status in (200, 412):
        assert (await api.call("PATCH", policy, {"overQuota": "accept"}, {"If-Match": seen}))[0] == status


async def test_of_two_at_once_with_one_tag_one_wins(api: Api) -> None:
    _, environment = await staging(api, "Racing tags")
    path = f"/environments/{environment['id']}"
    seen = dict((await api.reply("GET", path)).headers)["ETag"]
    answers = await asyncio.gather(*(api.call("PATCH", path, {"name": f"n{n}"}, {"If-Match": seen}) for n in range(4)))
    assert sorted(status for status, _ in answers) == [200, 412, 412, 412]
