"""The handshake before something is destroyed, where the environment asks for it; and what then is destroyed."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from consumers.store.sql import ENVIRONMENTS, HOLD_ENVIRONMENTS
from tests.integration.control.api import Api, Item


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def store_logs(sql: asyncpg.Connection, environment_id: str, channel: int, *, age_days: int = 0) -> None:
    """Store two log records of some age, and what else is kept of an environment."""
    moment = await sql.fetchval("SELECT now() - make_interval(days => $1)", age_days)
    await sql.execute("SELECT leaf_covering($1, $2)", environment_id, moment)
    for _ in range(2):
        await sql.execute(
            "INSERT INTO logs (environment, channel, received_at, ingest_id, source, ts, severity_number)"
            " VALUES ($1, $2, $3, gen_random_uuid(), 'otlp', $3, 9)",
            environment_id,
            channel,
            moment,
        )
    await sql.execute(
        "INSERT INTO events_by_minute VALUES ($1, 0, $2, 'log', 2)", environment_id, moment.replace(second=0)
    )
    await sql.execute("INSERT INTO resources VALUES ($1, gen_random_uuid(), '{}')", environment_id)
    await sql.execute("INSERT INTO sentry_seen VALUES ($1, $2, 'event', gen_random_uuid())", environment_id, channel)


async def count(sql: asyncpg.Connection, environment_id: str) -> dict[str, int]:
    tables = ("logs", "events_by_minute", "resources", "sentry_seen")
    return {
        table: await sql.fetchval(f"SELECT count(*) FROM {table} WHERE environment = $1", environment_id)  # noqa: S608 (ours)
        for table in tables
    }


async def somebody_waits(sql: asyncpg.Connection) -> None:
    """Wait until a session of this database waits for an advisory lock."""
    query = """
        SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()
    """
    async with asyncio.timeout(10):
        while True:
            if await sql.fetchval(query):
                return
            await asyncio.sleep(0.01)


async def test_a_wipe_asks_then_removes_everything_and_what_still_waits(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Wiping")
    production = found["production"]
    neighbour = found["development"]
    for environment in (production, neighbour):
        await store_logs(sql, environment["id"], app["defaultChannelId"])
    await api.made("/api-keys", {"appId": app["id"]})
    path = f"/environments/{production['id']}/wipe"
    reply = await api.reply("POST", path)
    assert (reply.status, dict(reply.headers)["Content-Type"]) == (428, "application/problem+json")
    status, problem = await api.call("POST", path)
    assert (status, problem["type"], problem["confirm"]) == (
        428,
        "urn:axonpush:error:confirmation_required",
        "production",
    )
    assert problem["impact"] | {"bytes": 0} == {"events": 2, "bytes": 0, "keys": 1}
    # Of the partitions of a leaf those count that hold something.
    logs = "SELECT sum(pg_total_relation_size(to_regclass('logs_' || suffix))) FROM leaves WHERE environment = $1"
    assert problem["impact"]["bytes"] == await sql.fetchval(logs, production["id"]) > 0
    before_ns = api.service.clock()
    status, wiped = await api.confirmed("POST", path)
    assert (status, wiped["id"], wiped["version"]) == (200, production["id"], production["version"] + 1)
    assert set((await count(sql, production["id"])).values()) == {0}
    assert 0 not in (await count(sql, neighbour["id"])).values()
    query = "SELECT wiped_before_ns FROM environments WHERE id = $1"
    assert before_ns <= await sql.fetchval(query, production["id"]) <= api.service.clock()
    # Empty partitions are nobody's data.
    _, problem = await api.call("POST", path)
    assert problem["impact"] == {"events": 0, "bytes": 0, "keys": 1}
    # The leaf still takes events.
    await store_logs(sql, production["id"], app["defaultChannelId"])
    assert (await count(sql, production["id"]))["logs"] == 2


async def test_where_nobody_asks_no_confirmation_is_needed(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Unasked")
    development = found["development"]
    await store_logs(sql, development["id"], app["defaultChannelId"])
    assert (await api.call("POST", f"/environments/{development['id']}/wipe"))[0] == 200
    assert set((await count(sql, development["id"])).values()) == {0}
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Second"})
    assert (await api.call("DELETE", f"/channels/{channel['id']}"))[0] == 428  # production of the same app asks
    change = {"requireConfirmationForDestructive": False}
    assert (await api.confirmed("PATCH", f"/environments/{found['production']['id']}", change))[0] == 200
    assert (await api.call("DELETE", f"/channels/{channel['id']}"))[0] == 204


async def test_that_nobody_asks_any_more_is_asked_about(api: Api) -> None:
    _, found = await api.app("Unguarding")
    path = f"/environments/{found['production']['id']}"
    change = {"requireConfirmationForDestructive": False, "retentionDays": 60}
    status, problem = await api.call("PATCH", path, change)
    assert (status, problem["confirm"]) == (428, "production")
    assert problem["impact"] == {"events": 0, "bytes": 0, "keys": 0}
    assert "would not be asked about any more" in problem["detail"]
    assert (await api.got(path))["requireConfirmationForDestructive"]
    # That it is production no longer, takes no question away.
    assert (await api.call("PATCH", path, {"isProduction": False}))[0] == 200
    assert (await api.call("POST", f"{path}/wipe"))[0] == 428
    status, changed = await api.confirmed("PATCH", path, change)
    assert (status, changed["requireConfirmationForDestructive"]) == (200, False)
    assert (await api.call("POST", f"{path}/wipe"))[0] == 200
    assert (await api.call("PATCH", path, {"requireConfirmationForDestructive": True}))[0] == 200


async def test_of_two_reasons_to_ask_what_would_go_is_told(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Unguarding and lowering")
    production = found["production"]["id"]
    await store_logs(sql, production, app["defaultChannelId"], age_days=20)
    change = {"requireConfirmationForDestructive": False, "retentionDays": 5}
    status, problem = await api.call("PATCH", f"/environments/{production}", change)
    assert (status, problem["impact"]["events"]) == (428, 2)
    assert (await api.confirmed("PATCH", f"/environments/{production}", change))[0] == 200


async def test_a_challenge_is_good_once_for_the_same_call_of_the_same_caller(api: Api) -> None:
    app, found = await api.app("Challenged")
    second = await api.made(f"/apps/{app['id']}/environments", {"slug": "eu", "isProduction": True})
    key = await api.made("/management-keys", {"role": "admin"})
    somebody = Api(api.service, key["key"])
    path, other = (f"/environments/{each['id']}/wipe" for each in (found["production"], second))

    async def challenge() -> str:
        return (await api.call("POST", path))[1]["challenge"]

    def headers(slug: str, text: str) -> dict[str, str]:
        return {"X-Confirm": slug, "X-Confirm-Challenge": text}

    wrong: list[tuple[Api, str, dict[str, str]]] = [
        (api, path, {"X-Confirm": "production"}),
        (api, path, {"X-Confirm-Challenge": await challenge()}),
        (api, path, headers("Production", await challenge())),
        (api, path, headers("production", "made-up")),
        (api, path, headers("production", "\x00")),
        (api, other, headers("eu", await challenge())),
        (somebody, path, headers("production", await challenge())),
        (api.later(301), path, headers("production", await challenge())),
    ]
    for caller, asked, given in wrong:
        status, problem = await caller.call("POST", asked, None, given)
        assert (status, "challenge" in problem) == (428, True), given
    good = headers("production", await challenge())
    assert (await api.later(299).call("POST", path, None, good))[0] == 200
    assert (await api.call("POST", path, None, good))[0] == 428


async def test_deleting_an_environment_asks_for_its_slug(api: Api) -> None:
    app, _ = await api.app("Deleting asked")
    body = {"slug": "staging", "requireConfirmationForDestructive": True}
    environment = await api.made(f"/apps/{app['id']}/environments", body)
    status, problem = await api.call("DELETE", f"/environments/{environment['id']}")
    assert (status, problem["confirm"]) == (428, "staging")
    assert (await api.confirmed("DELETE", f"/environments/{environment['id']}"))[0] == 204


async def test_deleting_a_channel_asks_for_its_slug_and_revokes_its_tokens(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Deleting channels")
    assert (await api.call("DELETE", f"/channels/{app['defaultChannelId']}"))[0] == 409
    channel = await api.made(f"/apps/{app['id']}/channels", {"name": "Web"})
    await store_logs(sql, found["production"]["id"], channel["id"])
    await store_logs(sql, found["production"]["id"], app["defaultChannelId"])
    body = {"channelId": channel["id"], "environmentId": found["development"]["id"]}
    token = await api.made("/public-tokens", body)
    status, problem = await api.call("DELETE", f"/channels/{channel['id']}")
    assert (status, problem["confirm"]) == (428, "web")
    assert problem["impact"] | {"bytes": 0} == {"events": 2, "bytes": 0, "keys": 1}
    assert (await api.confirmed("DELETE", f"/channels/{channel['id']}"))[0] == 204
    assert (await api.call("PATCH", f"/channels/{channel['id']}", {"name": "late"}))[0] == 404
    assert (await api.got(f"/public-tokens/{token['id']}"))["revokedAt"] is not None
    assert len((await api.got(f"/apps/{app['id']}/channels"))["items"]) == 1


async def test_lowering_the_retention_asks_and_says_what_would_go(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Retaining")
    production = found["production"]
    await store_logs(sql, production["id"], app["defaultChannelId"], age_days=20)
    await store_logs(sql, production["id"], app["defaultChannelId"])
    path = f"/environments/{production['id']}"
    assert (await api.call("PATCH", path, {"retentionDays": 40}))[0] == 200
    status, problem = await api.call("PATCH", path, {"retentionDays": 5})
    assert (status, problem["impact"]["events"]) == (428, 2)
    assert (
        await api.call(
            "PATCH",
            path,
            {"retentionDays": 4},
            {
                "X-Confirm": "production",
                "X-Confirm-Challenge": problem["challenge"],
            },
        )
    )[0] == 428  # confirmed was another number
    status, changed = await api.confirmed("PATCH", path, {"retentionDays": 5})
    assert (status, changed["retentionDays"]) == (200, 5)


async def test_revoking_the_last_key_asks(api: Api) -> None:
    app, found = await api.app("Last key")
    first, second = [await api.made("/api-keys", {"appId": app["id"]}) for _ in range(2)]
    past = await api.made("/api-keys", {"appId": app["id"], "expiresAt": "2100-01-01T00:00:00Z"})
    assert (await api.call("POST", f"/api-keys/{past['id']}/revoke"))[0] == 200
    assert (await api.call("POST", f"/api-keys/{first['id']}/revoke"))[0] == 200
    status, problem = await api.call("POST", f"/api-keys/{second['id']}/revoke")
    assert (status, problem["confirm"]) == (428, "production")
    assert problem["impact"] == {"events": 0, "bytes": 0, "keys": 1}
    assert (await api.got(f"/api-keys/{second['id']}"))["revokedAt"] is None
    assert (await api.call("POST", f"/api-keys/{first['id']}/revoke"))[0] == 200  # changes nothing
    assert (await api.confirmed("POST", f"/api-keys/{second['id']}/revoke"))[0] == 200
    unasked = await api.made("/api-keys", {"appId": app["id"], "environmentId": found["development"]["id"]})
    assert (await api.call("POST", f"/api-keys/{unasked['id']}/revoke"))[0] == 200


async def test_of_the_last_two_keys_revoked_at_once_one_asks(api: Api) -> None:
    app, _ = await api.app("Last two keys")
    keys = [await api.made("/api-keys", {"appId": app["id"]}) for _ in range(2)]
    answers = await asyncio.gather(*(api.call("POST", f"/api-keys/{key['id']}/revoke") for key in keys))
    assert sorted(status for status, _ in answers) == [200, 428]


async def test_a_rotated_key_is_not_the_last_while_its_successor_lives(api: Api) -> None:
    app, _ = await api.app("Rotated last key")
    old = await api.made("/api-keys", {"appId": app["id"]})
    new = await api.made(f"/api-keys/{old['id']}/rotate", {"overlapSeconds": 60})
    assert (await api.later(61).call("POST", f"/api-keys/{new['id']}/revoke"))[0] == 428
    assert (await api.call("POST", f"/api-keys/{old['id']}/revoke"))[0] == 200
    assert (await api.call("POST", f"/api-keys/{new['id']}/revoke"))[0] == 428


async def test_a_token_is_no_key_and_is_revoked_at_once(api: Api) -> None:
    app, found = await api.app("Token beside the last key")
    key = await api.made("/api-keys", {"appId": app["id"]})
    body = {"channelId": app["defaultChannelId"], "environmentId": found["production"]["id"]}
    token = await api.made("/public-tokens", body)
    assert (await api.call("POST", f"/api-keys/{key['id']}/revoke"))[0] == 428
    assert (await api.call("POST", f"/public-tokens/{token['id']}/revoke"))[0] == 200


async def test_deleting_an_app_asks_and_takes_everything_along(api: Api) -> None:
    app, found = await api.app("Whole app")
    key = await api.made("/api-keys", {"appId": app["id"]})
    protect = f"/environments/{found['development']['id']}"
    assert (await api.call("PATCH", protect, {"deleteProtected": True}))[0] == 200
    assert (await api.call("DELETE", f"/apps/{app['id']}"))[0] == 409
    assert (await api.call("PATCH", protect, {"deleteProtected": False}))[0] == 200
    status, problem = await api.call("DELETE", f"/apps/{app['id']}")
    assert (status, problem["confirm"], problem["impact"]["keys"]) == (428, "whole-app", 1)
    assert (await api.confirmed("DELETE", f"/apps/{app['id']}"))[0] == 204
    for path in (f"/apps/{app['id']}", f"/environments/{found['production']['id']}", f"/api-keys/{key['id']}"):
        assert (await api.call("GET", path))[0] == 404
    assert app["id"] not in [each["id"] for each in (await api.got("/apps", limit="1000"))["items"]]
    assert (await api.call("POST", "/apps", {"name": "Whole app"}))[0] == 409


async def test_the_only_app_is_not_deleted(other: Api) -> None:
    app, _ = await other.app("Only")
    assert (await other.call("DELETE", f"/apps/{app['id']}"))[1]["type"] == "urn:axonpush:error:last_app"


async def test_somebody_who_reads_holds_a_wipe_up_for_a_moment_only(api: Api, sql: asyncpg.Connection) -> None:
    app, found = await api.app("Read while wiped")
    development: Item = found["development"]
    await store_logs(sql, development["id"], app["defaultChannelId"])
    async with sql.transaction():
        await sql.fetch("SELECT * FROM logs WHERE environment = $1", development["id"])
        status, problem = await api.call("POST", f"/environments/{development['id']}/wipe")
        assert (status, problem["type"]) == (503, "urn:axonpush:error:busy")
    assert (await api.call("POST", f"/environments/{development['id']}/wipe"))[0] == 200


async def test_workers_who_share_an_environment_hold_no_change_up(
    api: Api, sql: asyncpg.Connection, database_url: str
) -> None:
    app, found = await api.app("Busy")
    development = found["development"]
    await store_logs(sql, development["id"], app["defaultChannelId"])
    worker = await asyncpg.connect(database_url)
    transaction = worker.transaction()
    await transaction.start()
    await worker.execute(HOLD_ENVIRONMENTS, [development["id"]])
    await worker.fetch(ENVIRONMENTS, [development["id"]])
    assert (await api.call("POST", f"/environments/{development['id']}/pause"))[0] == 200
    # A wipe, though, comes after what the worker is about to store.
    wiping = asyncio.create_task(api.call("POST", f"/environments/{development['id']}/wipe"))
    late = await asyncpg.connect(database_url)
    await somebody_waits(sql)
    held_up = asyncio.create_task(late.execute(HOLD_ENVIRONMENTS, [development["id"]]))
    await store_logs(worker, development["id"], app["defaultChannelId"])
    assert not wiping.done()
    await transaction.commit()
    assert (await wiping)[0] == 200
    await held_up
    assert set((await count(sql, development["id"])).values()) == {0}
    for connection in (worker, late):
        await connection.close()
