"""The reaper over real PostgreSQL and Kafka: what expired drains, then goes; tombstones stay; it catches up."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import structs

from gateway.control.removal import outdated, reaper
from gateway.control.store import Store
from gateway.runtime import postgres
from gateway.runtime.settings import Database, Kafka, Reaper
from gateway.stream.topics import KafkaTopics
from schemas.topics import topic_of
from tests.integration.control.api import Api, Item

SETTINGS = Reaper(settle_seconds=10, drain_timeout_seconds=100)
KAFKA = Kafka()
TTL = 60
TABLES = ("spans", "logs", "metric_points", "error_events", "sentry_items", "attachments")


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def store(database_url: str) -> AsyncIterator[Store]:
    """The reaper's own connection."""
    pool = await postgres.open_pool(Database(url=database_url, pool_max_size=1))
    yield Store(pool)
    await pool.close()


async def sweep(api: Api, store: Store, seconds: float) -> bool:
    """Let the reaper look, so many seconds from now."""
    return await reaper.sweep(api.later(seconds).service, store, SETTINGS, KAFKA)


async def preview(api: Api, name: str) -> tuple[str, Item, Item]:
    app, _ = await api.app(name)
    path = f"/apps/{app['id']}/environments/by-ref/pr"
    status, made = await api.call("PUT", path, {"ttlSeconds": TTL})
    assert status == 201
    body = {"appId": app["id"], "environmentId": made["environment"]["id"], "name": "ci"}
    return path, made["environment"], await api.made("/api-keys", body)


async def store_log(sql: asyncpg.Connection, environment_id: str, *, age_days: int = 0) -> None:
    """Store a log record of some age in a leaf, as a worker does."""
    moment = await sql.fetchval("SELECT now() - make_interval(days => $1)", age_days)
    await sql.execute("SELECT leaf_covering($1, $2)", environment_id, moment)
    await sql.execute(
        "INSERT INTO logs (environment, channel, received_at, ingest_id, source, ts, severity_number)"
        " VALUES ($1, 1, $2, gen_random_uuid(), 'otlp', $2, 9)",
        environment_id,
        moment,
    )
    await sql.execute("INSERT INTO events_by_minute VALUES ($1, 0, $2, 'log', 1)", environment_id, moment)
    outcome = "INSERT INTO sentry_outcomes VALUES ($1, 0, $2, 'accepted', '', 'log_item', 1)"
    await sql.execute(outcome, environment_id, moment)
    await sql.execute("INSERT INTO resources VALUES ($1, gen_random_uuid(), '{}')", environment_id)


async def tables_of(sql: asyncpg.Connection, environment_id: str) -> int:
    query = "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relname LIKE '%' || lower($1) || '%'"
    return await sql.fetchval(query, environment_id)


async def publish(bootstrap: str, environment_id: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    for number in range(count):
        await producer.send_and_wait(topic_of(environment_id), str(number).encode(), partition=0)
    await producer.stop()


async def pass_offset(sql: asyncpg.Connection, environment_id: str, next_offset: int) -> None:
    """Note how far a topic is stored, as a worker does."""
    await sql.execute(
        "INSERT INTO ingest_offset (topic, part, next_offset, epoch, owner, backend_pid) VALUES ($1, 0, $2, 1, 'w', 0)"
        " ON CONFLICT (topic, part) DO UPDATE SET next_offset = $2",
        topic_of(environment_id),
        next_offset,
    )


async def has_topic(bootstrap: str, environment_id: str) -> bool:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    topics = await client.list_topics()
    await client.close()
    return topic_of(environment_id) in topics


async def state(sql: asyncpg.Connection, environment_id: str) -> tuple[bool, bool]:
    row = await sql.fetchrow("SELECT deleted_at, purged_at FROM environments WHERE id = $1", environment_id)
    assert row is not None
    return row["deleted_at"] is not None, row["purged_at"] is not None


async def test_what_expired_drains_and_goes_but_for_a_tombstone(
    api: Api, store: Store, sql: asyncpg.Connection, kafka_bootstrap: str
) -> None:
    path, environment, key = await preview(api, "Reaped")
    identity = environment["id"]
    await store_log(sql, identity)
    await publish(kafka_bootstrap, identity, 3)
    await pass_offset(sql, identity, 2)
    assert await sweep(api, store, TTL - 1)
    assert await state(sql, identity) == (False, False)  # it lives
    assert await sweep(api, store, TTL + 1)
    assert await state(sql, identity) == (False, False)  # what edges had in flight settles
    assert await sweep(api, store, TTL + 11)
    assert await state(sql, identity) == (False, False)  # the worker has one record left to store
    await pass_offset(sql, identity, 3)
    assert await sweep(api, store, TTL + 12)
    assert await state(sql, identity) == (True, False)  # and workers let go
    assert await sweep(api, store, TTL + 30)
    assert await state(sql, identity) == (True, True)

    assert await tables_of(sql, identity) == 0
    for table in ("leaves", "resources", "events_by_minute", "sentry_outcomes"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE environment = $1", identity) == 0  # noqa: S608
    assert await sql.fetchval("SELECT count(*) FROM ingest_offset WHERE topic = $1", topic_of(identity)) == 0
    assert not await has_topic(kafka_bootstrap, identity)
    row = await sql.fetchrow("SELECT digest, name, last4, revoked_at FROM credentials WHERE id = $1", key["id"])
    assert row is not None
    assert (len(row["digest"]), row["name"], row["last4"], row["revoked_at"]) == (32, "", "", None)
    entry = (await api.got("/audit", environmentId=identity))["items"][-1]
    assert (entry["action"], entry["actor"]) == ("environment.expire", "system")

    status, again = await api.call("PUT", path, {"ttlSeconds": TTL})
    assert (status, again["environment"]["slug"]) == (201, "pr-2")


async def test_a_topic_that_nobody_stores_does_not_hold_it_up_for_ever(
    api: Api, store: Store, sql: asyncpg.Connection, kafka_bootstrap: str
) -> None:
    _, environment, _ = await preview(api, "Never drained")
    await publish(kafka_bootstrap, environment["id"], 1)
    await sweep(api, store, TTL + 109)
    assert await state(sql, environment["id"]) == (False, False)
    await sweep(api, store, TTL + 111)
    assert await state(sql, environment["id"]) == (True, False)


async def test_a_life_that_was_extended_goes_on(api: Api, store: Store, sql: asyncpg.Connection) -> None:
    path, environment, _ = await preview(api, "Extended")
    assert (await api.call("PUT", path, {"ttlSeconds": 10 * TTL}))[0] == 200
    await sweep(api, store, 2 * TTL)
    assert await state(sql, environment["id"]) == (False, False)


async def test_a_reaper_that_was_down_catches_up(
    api: Api, store: Store, sql: asyncpg.Connection, kafka_bootstrap: str
) -> None:
    previews = [await preview(api, f"Caught up {number}") for number in range(3)]
    app, found = await api.app("Caught up deleted")
    staging = await api.made(f"/apps/{app['id']}/environments", {"slug": "staging"})
    for _, environment, _ in previews:
        await store_log(sql, environment["id"])
    await store_log(sql, staging["id"])
    await store_log(sql, found["development"]["id"])
    assert (await api.call("DELETE", f"/environments/{staging['id']}"))[0] == 204
    week = 7 * 86_400
    for seconds in (week, week + 30):
        assert await sweep(api, store, seconds)
    for identity in [staging["id"], *(environment["id"] for _, environment, _ in previews)]:
        assert await state(sql, identity) == (True, True)
        assert await tables_of(sql, identity) == 0
        assert not await has_topic(kafka_bootstrap, identity)
    assert await state(sql, found["development"]["id"]) == (False, False)
    assert await tables_of(sql, found["development"]["id"]) > 0


async def test_one_reaps_at_a_time(api: Api, store: Store, database_url: str) -> None:
    pool = await postgres.open_pool(Database(url=database_url, pool_max_size=1))
    async with Store(pool).alone("reaper") as queries:
        assert queries is not None
        assert not await sweep(api, store, 0)
    assert await sweep(api, store, 0)
    await pool.close()


async def test_retention_drops_leaves_and_what_is_younger_stays(
    api: Api, store: Store, sql: asyncpg.Connection
) -> None:
    app, _ = await api.app("Retained")
    environment = await api.made(f"/apps/{app['id']}/environments", {"slug": "short", "retentionDays": 8})
    identity = environment["id"]
    for age_days in (20, 12, 6, 0):
        await store_log(sql, identity, age_days=age_days)
    await sweep(api, store, 0)
    assert await sql.fetchval("SELECT count(*) FROM logs WHERE environment = $1", identity) == 2
    assert await sql.fetchval("SELECT count(*) FROM leaves WHERE environment = $1", identity) == 2
    assert await sql.fetchval("SELECT sum(events) FROM events_by_minute WHERE environment = $1", identity) == 2
    assert await sql.fetchval("SELECT sum(quantity) FROM sentry_outcomes WHERE environment = $1", identity) == 2
    assert await tables_of(sql, identity) == len(TABLES) * 3  # a branch and two leaves each
    assert (await api.call("PATCH", f"/environments/{identity}", {"retentionDays": 3}))[0] == 200
    await sweep(api, store, 0)
    assert await sql.fetchval("SELECT count(*) FROM logs WHERE environment = $1", identity) == 1
    await store_log(sql, identity)


async def test_a_writer_into_a_sibling_holds_nothing_up(
    api: Api, store: Store, sql: asyncpg.Connection, database_url: str
) -> None:
    _, found = await api.app("Sibling")
    _, environment, _ = await preview(api, "Sibling's neighbour")
    for identity in (environment["id"], found["development"]["id"]):
        await store_log(sql, identity)
    writer = await asyncpg.connect(database_url)
    transaction = writer.transaction()
    await transaction.start()
    leaf = await sql.fetchval("SELECT suffix FROM leaves WHERE environment = $1", found["development"]["id"])
    await writer.copy_records_to_table(f"logs_{leaf}", records=[], columns=["channel"])
    await sweep(api, store, TTL + 20)
    sweeping = asyncio.create_task(sweep(api, store, TTL + 40))
    # The writer is waited for without a lock that others would wait behind: it goes on, and so do new ones.
    await store_log(sql, found["development"]["id"])
    await transaction.rollback()
    await sweeping
    while await state(sql, environment["id"]) != (True, True):
        await sweep(api, store, TTL + 40)
    assert await tables_of(sql, environment["id"]) == 0
    await writer.close()


async def test_a_reader_of_what_is_to_go_is_waited_for(
    api: Api, store: Store, sql: asyncpg.Connection, database_url: str
) -> None:
    _, environment, _ = await preview(api, "Read while reaped")
    identity = environment["id"]
    await store_log(sql, identity)
    await sweep(api, store, TTL + 20)
    reader = await asyncpg.connect(database_url)
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT * FROM logs WHERE environment = $1", identity)
    await sweep(api, store, TTL + 40)  # gives up after a second
    assert await state(sql, identity) == (True, False)
    await transaction.rollback()
    await sweep(api, store, TTL + 40)  # goes on where it was
    assert await state(sql, identity) == (True, True)
    assert await tables_of(sql, identity) == 0
    await reader.close()


async def test_without_kafka_the_rest_goes_on(api: Api, store: Store, sql: asyncpg.Connection) -> None:
    topics = KafkaTopics(Kafka(bootstrap="127.0.0.1:1"))
    cut_off = structs.replace(api, service=structs.replace(api.service, topics=topics))
    app, _ = await api.app("Reaped without Kafka")
    environment = await api.made(f"/apps/{app['id']}/environments", {"slug": "kept", "retentionDays": 1})
    await store_log(sql, environment["id"], age_days=9)
    staging = await api.made(f"/apps/{app['id']}/environments", {"slug": "staging"})
    assert (await api.call("DELETE", f"/environments/{staging['id']}"))[0] == 204
    assert await sweep(cut_off, store, 20)
    await topics.close()
    assert await state(sql, staging["id"]) == (True, False)
    assert await sql.fetchval("SELECT count(*) FROM leaves WHERE environment = $1", environment["id"]) == 0
    assert await sweep(api, store, 20)
    assert await state(sql, staging["id"]) == (True, True)


async def store_seen(sql: asyncpg.Connection, environment_id: str, *, age_hours: int) -> None:
    """Mark a record and a Sentry event of some age as stored, as a worker does."""
    moment = await sql.fetchval("SELECT now() - make_interval(hours => $1)", age_hours)
    await sql.execute("SELECT ensure_ingest_seen($1)", moment)
    await sql.execute("INSERT INTO ingest_seen VALUES ($1, ingest_id_floor($2), 0)", environment_id, moment)
    await sql.execute("INSERT INTO sentry_seen VALUES ($1, 1, 'event', gen_random_uuid(), $2)", environment_id, moment)


async def seen(sql: asyncpg.Connection, environment_id: str) -> tuple[int, int]:
    counted = [
        await sql.fetchval(f"SELECT count(*) FROM {table} WHERE environment = $1", environment_id)  # noqa: S608 (ours)
        for table in ("ingest_seen", "sentry_seen")
    ]
    return counted[0], counted[1]


async def seen_days(sql: asyncpg.Connection) -> int:
    return await sql.fetchval("SELECT count(*) FROM pg_class WHERE relname ~ '^ingest_seen_[0-9]+$'")


async def forget_upkeep(sql: asyncpg.Connection) -> None:
    """Let what is done once an hour be due."""
    await sql.execute("TRUNCATE upkeep")


async def test_marks_go_once_no_repeat_can_come(api: Api, store: Store, sql: asyncpg.Connection) -> None:
    _, found = await api.app("Marked")
    identity = found["development"]["id"]
    kept_hours = KAFKA.retention_hours + SETTINGS.repeats_margin_hours
    for age_hours in (1, kept_hours - 2, kept_hours + 26, kept_hours + 260):
        await store_seen(sql, identity, age_hours=age_hours)
    days = await seen_days(sql)
    await forget_upkeep(sql)
    await sweep(api, store, 0)
    assert await seen(sql, identity) == (2, 2)
    assert await seen_days(sql) == days - 2
    # Not with every sweep, and again when it is due: by then another one is too old.
    await store_seen(sql, identity, age_hours=kept_hours + 50)
    await sweep(api, store, 3599)
    assert await seen(sql, identity) == (3, 3)
    await sweep(api, store, 3 * 3600)
    # Partitions go by days: that of the mark that became too old, by an hour, goes with it if its day is over by then.
    is_over = await sql.fetchval(
        "SELECT date_trunc('day', kept, 'UTC') > kept - interval '1 hour'"
        " FROM (SELECT now() + $1 * interval '1 hour' AS kept)",
        3 - kept_hours,
    )
    assert await seen(sql, identity) == (1 if is_over else 2, 1)
    await store_seen(sql, identity, age_hours=kept_hours + 50)  # a day that is gone can be marked again


async def test_who_stores_marks_is_waited_for(
    api: Api, store: Store, sql: asyncpg.Connection, database_url: str
) -> None:
    _, found = await api.app("Marked meanwhile")
    identity = found["development"]["id"]
    await store_seen(sql, identity, age_hours=1)
    await store_seen(sql, identity, age_hours=10_000)
    writer = await asyncpg.connect(database_url)
    transaction = writer.transaction()
    await transaction.start()
    await store_seen(writer, identity, age_hours=1)
    await forget_upkeep(sql)
    await sweep(api, store, 0)  # gives up after a second; nobody else waits behind it
    assert await sql.fetchval("SELECT count(*) FROM upkeep") == 0
    await store_seen(sql, identity, age_hours=2)
    await transaction.rollback()
    await sweep(api, store, 0)
    assert await seen(sql, identity) == (2, 2)
    await writer.close()


async def test_many_marks_go_part_by_part(
    api: Api, store: Store, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, found = await api.app("Marked often")
    identity = found["development"]["id"]
    monkeypatch.setattr(outdated, "_PART_ROWS", 2)
    monkeypatch.setattr(outdated, "_PARTS_MAX_COUNT", 2)
    for _ in range(5):
        await sql.execute(
            "INSERT INTO sentry_seen VALUES ($1, 1, 'event', gen_random_uuid(), now() - interval '1 year')", identity
        )
    await forget_upkeep(sql)
    left: list[int] = []
    for _ in range(3):
        await sweep(api, store, 0)
        left.append((await seen(sql, identity))[1])
    assert left == [1, 0, 0]


async def store_resource(sql: asyncpg.Connection, environment_id: str, name: str, *, age_days: int) -> None:
    """Store a resource that was last referred to so many days ago."""
    await sql.execute(
        "INSERT INTO resources VALUES ($1, gen_random_uuid(), jsonb_build_object('name', $2::text),"
        " (now() AT TIME ZONE 'UTC')::date - $3::integer)",
        environment_id,
        name,
        age_days,
    )


async def test_resources_go_with_the_last_events_that_can_refer_to_them(
    api: Api, store: Store, sql: asyncpg.Connection
) -> None:
    app, found = await api.app("Resources")
    environment = await api.made(f"/apps/{app['id']}/environments", {"slug": "short", "retentionDays": 8})
    identity, empty = environment["id"], found["development"]["id"]
    await store_log(sql, identity, age_days=6)
    await sql.execute("DELETE FROM resources WHERE environment = $1", identity)
    for owner, ages in ((identity, (0, 6, 7, 8, 30)), (empty, (0, 1, 2))):
        for age_days in ages:
            await store_resource(sql, owner, str(age_days), age_days=age_days)
    await forget_upkeep(sql)
    await sweep(api, store, 0)
    query = "SELECT attributes->>'name' FROM resources WHERE environment = $1 ORDER BY seen_on DESC"
    assert [row[0] for row in await sql.fetch(query, identity)] == ["0", "6", "7"]  # a day is left for clocks
    assert [row[0] for row in await sql.fetch(query, empty)] == ["0", "1"]


async def test_challenges_and_answers_are_forgotten(api: Api, store: Store, sql: asyncpg.Connection) -> None:
    _, found = await api.app("Forgotten")
    assert (await api.call("POST", f"/environments/{found['production']['id']}/wipe"))[0] == 428
    await api.reply("POST", "/apps", {"name": "Once"}, {"Idempotency-Key": "once"})
    await sweep(api, store, 299)
    assert await sql.fetchval("SELECT count(*) FROM challenges") > 0
    await sweep(api, store, 301)
    assert await sql.fetchval("SELECT count(*) FROM challenges") == 0
    assert await sql.fetchval("SELECT count(*) FROM idempotency") > 0
    await sweep(api, store, 86_401)
    assert await sql.fetchval("SELECT count(*) FROM idempotency") == 0
