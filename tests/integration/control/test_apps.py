"""Apps, environments and channels, over real PostgreSQL and Kafka."""

import asyncio
import re
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import structs

from gateway.control.service import Service
from gateway.control.store import Store
from gateway.runtime import postgres
from gateway.runtime.settings import Database, Kafka
from gateway.stream.topics import KafkaTopics
from schemas.topics import topic_of
from tests.integration.control.api import UNUSED, Api, Item

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


async def partitions_of(bootstrap: str, environment_id: str) -> int:
    """Ask Kafka how many partitions an environment's topic has, once the broker that is asked has heard of it."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        async with asyncio.timeout(10):
            while True:
                (topic,) = await client.describe_topics([topic_of(environment_id)])
                if topic["partitions"]:
                    return len(topic["partitions"])
                await asyncio.sleep(0.05)
    finally:
        await client.close()


async def test_an_app_is_made_with_its_environments_channel_and_topics(api: Api, kafka_bootstrap: str) -> None:
    app, environments = await api.app("My Shop!")
    assert ULID.fullmatch(app["id"])
    assert RFC_3339.fullmatch(app["createdAt"])
    assert (app["slug"], app["name"]) == ("my-shop", "My Shop!")
    assert await api.got(f"/apps/{app['id']}") == app

    production, development = environments["production"], environments["development"]
    assert list(environments) == ["production", "development"]  # oldest first
    assert app["defaultEnvironmentId"] == production["id"]
    assert production | {"id": "", "createdAt": ""} == {
        "id": "",
        "appId": app["id"],
        "tier": "production",
        "slug": "production",
        "name": "Production",
        "color": "#EF4444",
        "isProduction": True,
        "isEphemeral": False,
        "expiresAt": None,
        "ttlSeconds": None,
        "maxExpiresAt": None,
        "requireConfirmationForDestructive": True,
        "deleteProtected": False,
        "ingest": "open",
        "partitions": 6,
        "retentionDays": 30,
        "sourceRef": None,
        "version": 1,
        "createdBy": production["createdBy"],
        "createdAt": "",
    }
    assert development | {"id": "", "createdAt": "", "appId": ""} == {
        "id": "",
        "appId": "",
        "tier": "development",
        "slug": "development",
        "name": "Development",
        "color": "#3B82F6",
        "isProduction": False,
        "isEphemeral": False,
        "expiresAt": None,
        "ttlSeconds": None,
        "maxExpiresAt": None,
        "requireConfirmationForDestructive": False,
        "deleteProtected": False,
        "ingest": "open",
        "partitions": 3,
        "retentionDays": 30,
        "sourceRef": None,
        "version": 1,
        "createdBy": production["createdBy"],
        "createdAt": "",
    }
    assert await partitions_of(kafka_bootstrap, production["id"]) == 6
    assert await partitions_of(kafka_bootstrap, development["id"]) == 3

    channels = await api.got(f"/apps/{app['id']}/channels")
    assert [each["id"] for each in channels["items"]] == [app["defaultChannelId"]]
    assert isinstance(app["defaultChannelId"], int)


@pytest.mark.parametrize(
    ("body", "expected", "partitions"),
    [
        ({"slug": "staging"}, {"name": "Staging", "isProduction": False, "isEphemeral": False}, 3),
        ({"slug": "eu", "isProduction": True}, {"requireConfirmationForDestructive": True, "isProduction": True}, 6),
        (
            {"slug": "pr-1", "expiresAt": "2100-01-01T00:00:00+01:00"},
            {"isEphemeral": True, "expiresAt": "2099-12-31T23:00:00Z", "name": "Pr 1"},
            1,
        ),
        (
            {
                "slug": "qa",
                "name": "QA",
                "color": "#abcdef",
                "partitions": 4,
                "retentionDays": 7,
                "requireConfirmationForDestructive": True,
            },
            {
                "name": "QA",
                "color": "#abcdef",
                "partitions": 4,
                "retentionDays": 7,
                "requireConfirmationForDestructive": True,
            },
            4,
        ),
    ],
)
async def test_an_environment_is_made_with_its_topic(
    api: Api, kafka_bootstrap: str, body: Item, expected: Item, partitions: int
) -> None:
    app, _ = await api.app(f"Environments {body['slug']}")
    environment = await api.made(f"/apps/{app['id']}/environments", body)
    assert environment | expected == environment
    assert environment["partitions"] == partitions
    assert await partitions_of(kafka_bootstrap, environment["id"]) == partitions
    assert await api.got(f"/environments/{environment['id']}") == environment | UNUSED


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"slug": "a", "isEphemeral": True}, "expiresAt"),
        ({"slug": "a", "isEphemeral": False, "expiresAt": "2100-01-01T00:00:00Z"}, "expiresAt"),
        ({"slug": "a", "isProduction": True, "expiresAt": "2100-01-01T00:00:00Z"}, "isEphemeral"),
        ({"slug": "a", "expiresAt": "2000-01-01T00:00:00Z"}, "expiresAt"),
        ({"slug": "a", "expiresAt": "9999-12-31T23:59:59-14:00"}, "expiresAt"),
        ({"slug": "a", "expiresAt": "0001-01-01T00:00:00+14:00"}, "expiresAt"),
        ({"slug": "a", "partitions": 1001}, "partitions"),
        ({"name": "Staging"}, "slug"),
    ],
)
async def test_contradicting_fields_are_refused_by_name(api: Api, body: Item, field: str) -> None:
    app_id = (await api.got("/apps"))["items"][0]["id"]
    status, problem = await api.call("POST", f"/apps/{app_id}/environments", body)
    assert status == 422
    assert f"`{field}`" in problem["detail"]


async def test_a_slug_that_is_taken_is_a_conflict(api: Api) -> None:
    app, _ = await api.app("Taken")
    for path, body in (
        ("/apps", {"name": "Other name", "slug": "taken"}),
        (f"/apps/{app['id']}/environments", {"slug": "production"}),
        (f"/apps/{app['id']}/channels", {"name": "Default"}),
    ):
        status, problem = await api.call("POST", path, body)
        assert (status, problem["type"]) == (409, "urn:axonpush:error:slug_taken")


async def test_of_several_at_once_one_gets_the_slug(api: Api) -> None:
    app, _ = await api.app("Raced")
    for path, body in (("/apps", {"name": "Race"}), (f"/apps/{app['id']}/environments", {"slug": "race"})):
        answers = await asyncio.gather(*(api.call("POST", path, body) for _ in range(4)))
        assert sorted(status for status, _ in answers) == [201, 409, 409, 409]


async def test_a_name_without_a_letter_needs_a_slug(api: Api) -> None:
    status, problem = await api.call("POST", "/apps", {"name": "店"})
    assert (status, "`slug`" in problem["detail"]) == (422, True)
    assert (await api.made("/apps", {"name": "店", "slug": "mise"}))["name"] == "店"


async def test_a_channel_has_a_number(api: Api) -> None:
    app, _ = await api.app("Channels")
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Back end"})
    assert channel["slug"] == "back-end"
    assert channel["id"] > app["defaultChannelId"]
    assert (await api.got(f"/apps/{app['id']}/channels"))["items"][1] == channel
    assert await api.got(f"/channels/{channel['id']}") == channel


async def test_a_list_is_read_page_by_page_oldest_first(api: Api) -> None:
    app, _ = await api.app("Pages")
    path = f"/apps/{app['id']}/channels"
    numbers = [app["defaultChannelId"]]
    numbers += [(await api.made(path, {"name": f"c{n}"}))["id"] for n in range(4)]
    seen: list[Any] = []
    after = ""
    for length, is_last in ((2, False), (2, False), (1, True)):
        page = await api.got(path, limit="2", after=after)
        assert (len(page["items"]), page["next"] is None) == (length, is_last)
        seen += [each["id"] for each in page["items"]]
        after = page["next"]
    assert seen == numbers
    status, problem = await api.call("GET", path, after="not-a-cursor")
    assert (status, "`after`" in problem["detail"]) == (422, True)


async def test_what_does_not_exist_is_not_found(api: Api) -> None:
    for method, path in (
        ("GET", "/apps/nope"),
        ("GET", "/apps/%00"),
        ("GET", "/apps/%ff%fe"),
        ("GET", "/apps/nope/environments"),
        ("GET", "/apps/nope/channels"),
        ("GET", "/environments/nope"),
    ):
        assert (await api.call(method, path))[0] == 404, path
    for path, body in (("/apps/nope/environments", {"slug": "a"}), ("/apps/nope/channels", {"name": "a"})):
        assert (await api.call("POST", path, body))[0] == 404


async def test_without_kafka_nothing_is_made(api: Api) -> None:
    topics = KafkaTopics(Kafka(bootstrap="127.0.0.1:1"))
    cut_off = structs.replace(api, service=structs.replace(api.service, topics=topics))
    app, environments = await api.app("Cut off")
    reply = await cut_off.reply("POST", "/apps", {"name": "Never"})
    assert reply.status == 503
    assert "Retry-After" in dict(reply.headers)
    status, _ = await cut_off.call("POST", f"/apps/{app['id']}/environments", {"slug": "never"})
    assert status == 503
    await topics.close()
    assert "never" not in [each["slug"] for each in (await api.got("/apps", limit="1000"))["items"]]
    assert len((await api.got(f"/apps/{app['id']}/environments"))["items"]) == len(environments)


async def test_without_postgresql_the_answer_is_503_and_never_401(service: Service, api: Api) -> None:
    pool = await postgres.open_pool(Database(url="postgresql://postgres@127.0.0.1:1/none", tls_mode="disable"))
    reply = await structs.replace(api, service=structs.replace(service, store=Store(pool))).reply("GET", "/apps")
    await pool.close()
    assert reply.status == 503
    assert "Retry-After" in dict(reply.headers)
