"""Rights of keys and tokens, their rotation, and who has applied a revocation."""

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.usage import Used
from gateway.runtime.clock import now_ns
from gateway.runtime.postgres import open_pool
from gateway.runtime.settings import Database
from tests.integration.control.api import Api, Item

KINDS = ("api-keys", "public-tokens")
RIGHTS: dict[str, Any] = {
    "name": "web",
    "scopes": ["traces", "sentry"],
    "origins": ["https://shop.example", "http://localhost:3000", "https://[::1]:8443", "chrome-extension://abc"],
    "networks": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1/32"],
    "expiresAt": "2100-01-01T00:00:00Z",
    "rate": {"requestsPerSecond": 2.5, "burst": 10, "bytesPerSecond": 1000, "burstBytes": 5000},
    "monthlyQuota": {"requests": 1000, "bytes": 10**12},
    "overQuota": "accept",
}
TEXT = {"api-keys": "key", "public-tokens": "token"}


async def made(api: Api, kind: str, **fields: Any) -> Item:
    """Make a key or a token of a new app; answer it with its text as `text`."""
    app, environments = await api.app(f"Rotating {now_ns()}")
    body: Item = {"environmentId": environments["development"]["id"], **fields}
    body |= {"appId": app["id"]} if kind == "api-keys" else {"channelId": app["defaultChannelId"]}
    item = await api.made(f"/{kind}", body)
    return {**item, "text": item[TEXT[kind]]}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_right_can_be_given_changed_and_taken(api: Api, kind: str) -> None:
    item = await made(api, kind, **RIGHTS)
    assert item | RIGHTS == item
    assert item["createdBy"] == f"key:{(api.key or '').split('_')[2][:26]}"
    path = f"/{kind}/{item['id']}"
    changes: list[Item] = [
        {"scopes": ["logs"]},
        {"origins": []},
        {"networks": ["0.0.0.0/0"]},
        {"rate": None},
        {"monthlyQuota": None, "overQuota": "reject"},
        {"expiresAt": None, "name": "other"},
    ]
    for change in changes:
        status, item = await api.call("PATCH", path, change)
        assert (status, item | change) == (200, item)
    assert await api.got(path) == item


@pytest.mark.parametrize("kind", KINDS)
async def test_origins_and_networks_are_stored_as_requests_bring_them(api: Api, kind: str) -> None:
    item = await made(
        api,
        kind,
        origins=["HTTPS://Shop.Example:443", "http://shop.example:80", "http://a.example:0443"],
        networks=["192.0.2.1", "2001:DB8::/32"],
        scopes=["logs", "logs"],
        rate={},
        monthlyQuota={},
    )
    assert item["origins"] == ["https://shop.example", "http://shop.example", "http://a.example:443"]
    assert item["networks"] == ["192.0.2.1/32", "2001:db8::/32"]
    assert (item["scopes"], item["rate"], item["monthlyQuota"]) == (["logs"], None, None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"scopes": []}, "`scopes`"),
        ({"scopes": ["everything"]}, "`scopes[0]`"),
        ({"origins": ["shop.example"]}, "`origins[0]`"),
        ({"origins": ["https://shop.example/"]}, "`origins[0]`"),
        ({"origins": ["https://a.example", "https://shop.example/path"]}, "`origins[1]`"),
        ({"origins": ["https://user@shop.example"]}, "`origins[0]`"),
        ({"origins": ["https://shop.example:70000"]}, "`origins[0]`"),
        ({"origins": ["https://shop.example:0"]}, "`origins[0]`"),
        ({"networks": ["10.0.0.1/8"]}, "`networks[0]`"),
        ({"networks": ["10.0.0.0/8", "10.0.0.0/33"]}, "`networks[1]`"),
        ({"networks": ["shop.example"]}, "`networks[0]`"),
        ({"expiresAt": "2000-01-01T00:00:00Z"}, "`expiresAt`"),
        ({"rate": {"burst": 5}}, "`rate.burst`"),
        ({"rate": {"requestsPerSecond": 1, "burstBytes": 5}}, "`rate.burstBytes`"),
        ({"rate": {"requestsPerSecond": 0}}, "`rate.requestsPerSecond`"),
        ({"rate": {"requests": 1}}, "requests"),
        ({"monthlyQuota": {"requests": 0}}, "`monthlyQuota.requests`"),
        ({"overQuota": "explode"}, "`overQuota`"),
    ],
)
async def test_a_right_that_cannot_be_is_refused_by_name(api: Api, kind: str, fields: Item, names: str) -> None:
    item = await made(api, kind)
    body: Item = {"environmentId": item["environmentId"], **fields}
    body |= {"appId": item["appId"]} if kind == "api-keys" else {"channelId": item["channelId"]}
    for status, problem in (
        await api.call("POST", f"/{kind}", body),
        await api.call("PATCH", f"/{kind}/{item['id']}", fields),
    ):
        assert (status, names in problem["detail"]) == (422, True), problem


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("body", "overlap_seconds"), [(b"", 86_400), ({}, 86_400), ({"overlapSeconds": 0}, 0)])
async def test_a_rotation_answers_one_of_the_same_rights(
    api: Api, kind: str, body: Item | bytes, overlap_seconds: int
) -> None:
    old = await made(api, kind, **RIGHTS)
    status, new = await api.call("POST", f"/{kind}/{old['id']}/rotate", body)
    assert status == 201
    assert (new["rotatedFrom"], new["retireAt"], new["revokedAt"]) == (old["id"], None, None)
    own = {"id", "text", "last4", "createdAt", "rotatedFrom", TEXT[kind]}
    assert {name: new[name] for name in new if name not in own} == {n: old[n] for n in old if n not in own}
    assert new[TEXT[kind]] != old["text"]
    shown = await api.got(f"/{kind}/{new['id']}")
    assert shown == {name: value for name, value in new.items() if name != TEXT[kind]}
    retired = await api.got(f"/{kind}/{old['id']}")
    left = datetime.fromisoformat(retired["retireAt"]) - datetime.now(UTC)  # noqa: TID251 (PostgreSQL's clock is this machine's)
    assert timedelta(seconds=overlap_seconds - 60) < left <= timedelta(seconds=overlap_seconds)


@pytest.mark.parametrize("kind", KINDS)
async def test_only_a_live_one_without_a_successor_is_rotated(api: Api, kind: str) -> None:
    old = await made(api, kind)
    path = f"/{kind}/{old['id']}/rotate"
    for wrong in ({"overlapSeconds": -1}, {"overlapSeconds": 1.5}, {"overlap": 1}):
        assert (await api.call("POST", path, wrong))[0] == 422
    status, new = await api.call("POST", path)
    assert status == 201
    status, problem = await api.call("POST", path)
    assert (status, problem["type"]) == (409, "urn:axonpush:error:rotated")
    await api.call("POST", f"/{kind}/{new['id']}/revoke")
    status, problem = await api.call("POST", f"/{kind}/{new['id']}/rotate")
    assert (status, problem["type"]) == (409, "urn:axonpush:error:revoked")
    assert (await api.call("POST", f"/{kind}/nope/rotate"))[0] == 404


async def test_a_quota_goes_on_with_what_the_one_before_used(api: Api, database_url: str) -> None:
    old = await made(api, "api-keys")
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO usage_by_month VALUES ($1, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 7, 70)"
            ", ($1, '2020-01-01', 1, 1)",
            old["id"],
        )
        _, new = await api.call("POST", f"/api-keys/{old['id']}/rotate")
        rows = await connection.fetch("SELECT requests, bytes FROM usage_by_month WHERE subject = $1", new["id"])
        assert [tuple(row) for row in rows] == [(7, 70)]
    finally:
        await connection.close()


async def test_a_use_is_shown_and_is_no_change(api: Api, database_url: str) -> None:
    key = await made(api, "api-keys")
    path = f"/api-keys/{key['id']}"
    before = await api.reply("GET", path)
    pool = await open_pool(Database(url=database_url))
    ledger = Ledger(pool, now_ns)
    await ledger.beat("")
    used = Used(key["environmentId"], key["id"], now_ns() // 60_000_000_000, requests=1, last_ns=now_ns())
    await ledger.flush(1, [used])
    await ledger.leave()
    await pool.close()
    shown = await api.got(path)
    assert shown["lastUsedAt"] is not None
    assert shown | {"lastUsedAt": None} == await api.got(path) | {"lastUsedAt": None}
    etag = dict(before.headers)["ETag"]
    assert dict((await api.reply("GET", path)).headers)["ETag"] == etag
    status, changed = await api.call("PATCH", path, {"name": "used"}, {"If-Match": etag})
    assert (status, changed["name"]) == (200, "used")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_revocation_can_wait_for_those_who_live_and_tells_of_the_silent(
    api: Api, database_url: str, kind: str
) -> None:
    connection = await asyncpg.connect(database_url)
    insert = (
        "INSERT INTO edge_processes (id, host, pid, started_at, heartbeat_at, applied)"
        " VALUES ($1, 'host', 7, now(), now() - $2::interval, $3::text::pg_snapshot)"
    )
    try:
        for identity, silence, applied in (
            ("knows", timedelta(), "9000000000000:9000000000000:"),
            ("behind", timedelta(), "3:3:"),
            ("new", timedelta(), None),
            ("silent", timedelta(minutes=5), "3:3:"),
            ("gone", timedelta(hours=2), "3:3:"),
        ):
            await connection.execute(insert, identity, silence, applied)
        item = await made(api, kind)
        path = f"/{kind}/{item['id']}/revoke"
        status, revoked = await api.call("POST", path, b"")
        assert (status, {"acknowledgedBy", "pending"} & set(revoked)) == (200, set())
        status, waited = await api.call("POST", path, b"", wait="1")
        assert status == 200
        assert waited["revokedAt"] == revoked["revokedAt"]
        assert [each["id"] for each in waited["acknowledgedBy"]] == ["knows"]
        assert [each["id"] for each in waited["pending"]] == ["behind", "new", "silent"]
        assert set(waited["pending"][0]) == {"id", "host", "pid", "startedAt", "heartbeatAt"}
        # Nobody who lives is waited for any more: the answer comes at once, whatever is asked.
        await connection.execute("DELETE FROM edge_processes WHERE id IN ('behind', 'new')")
        began_ns = now_ns()
        status, waited = await api.call("POST", path, b"", wait="30")
        assert [each["id"] for each in waited["pending"]] == ["silent"]
        assert now_ns() - began_ns < 10_000_000_000
        for wrong in ("31", "-1", "soon"):
            assert (await api.call("POST", path, b"", wait=wrong))[0] == 422
    finally:
        await connection.execute("DELETE FROM edge_processes")
        await connection.close()
