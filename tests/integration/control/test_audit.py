"""The audit log: every change stands in it once, chained, and what somebody changes or cuts off is found."""

import asyncio

import asyncpg
import msgspec
import pytest

from gateway.control.guarding.chain import fault_of
from gateway.control.roles.access_types import AuditEntry, AuditHead
from gateway.control.service import Service
from tests.integration.control.api import Api, Item


async def log_of(api: Api, **query: str) -> list[Item]:
    entries: list[Item] = []
    after = ""
    while True:
        page = await api.got("/audit", limit="50", after=after, **query)
        entries += page["items"]
        if page["next"] is None:
            return entries
        after = page["next"]


async def fault(api: Api) -> str | None:
    entries = msgspec.convert(await log_of(api), list[dict[str, object]])
    decoded = [msgspec.json.decode(msgspec.json.encode(entry), type=AuditEntry) for entry in entries]
    head = msgspec.convert(await api.got("/audit/head"), AuditHead)
    return fault_of(decoded, head)


async def test_a_change_stands_in_the_log_with_its_difference(api: Api) -> None:
    app, found = await api.app("Audited")
    path = f"/environments/{found['development']['id']}"
    assert (await api.call("PATCH", path, {"name": "Dev", "retentionDays": 60}))[0] == 200
    assert (await api.call("POST", f"{path}/pause"))[0] == 200
    changed, paused = (await log_of(api, environmentId=found["development"]["id"]))[-2:]
    assert (changed["action"], changed["target"]) == ("environment.update", found["development"]["id"])
    assert changed["actor"] == f"key:{(api.key or '').split('_')[2][:26]}"
    assert changed["diff"] == {"name": ["Development", "Dev"], "retentionDays": [30, 60], "version": [1, 2]}
    assert paused["diff"] == {"ingest": ["open", "paused"], "version": [2, 3]}
    made = [entry for entry in await log_of(api) if entry["target"] == app["id"]]
    assert [entry["action"] for entry in made] == ["app.create"]
    assert made[0]["diff"]["slug"] == [None, "audited"]


async def test_the_log_holds_no_key(api: Api) -> None:
    app, _ = await api.app("No keys")
    key = await api.made("/api-keys", {"appId": app["id"]})
    management_key = await api.made("/management-keys", {"role": "agent"})
    text = msgspec.json.encode(await log_of(api)).decode()
    assert key["id"] in text
    assert key["key"] not in text
    assert management_key["key"] not in text


async def test_what_is_refused_leaves_no_entry(api: Api) -> None:
    before = await api.got("/audit/head")
    assert (await api.call("POST", "/apps", {"name": "店"}))[0] == 422
    assert (await api.call("GET", "/apps"))[0] == 200
    assert await api.got("/audit/head") == before


async def test_changes_at_once_make_one_chain(api: Api) -> None:
    app, _ = await api.app("Chained")
    path = f"/apps/{app['id']}"
    before = await api.got("/audit/head")
    answers = await asyncio.gather(*(api.call("PATCH", path, {"name": f"n{n}"}) for n in range(12)))
    assert {status for status, _ in answers} == {200}
    assert (await api.got("/audit/head"))["seq"] == before["seq"] + 12
    assert await fault(api) is None


async def test_each_organization_has_its_own(api: Api, other: Api) -> None:
    await other.made("/members", {"email": "a@other.example", "name": "A"})
    assert await fault(other) is None
    mine = {entry["target"] for entry in await log_of(api)}
    assert not mine & {entry["target"] for entry in await log_of(other)}


async def test_one_sees_what_concerns_what_one_is_bound_to_and_what_one_did(api: Api) -> None:
    app, found = await api.app("Seen by role")
    development, production = found["development"], found["production"]
    where = {"scope": "environment", "target": development["id"]}
    callers = {
        role: Api(api.service, (await api.made("/management-keys", {"role": role, **where}))["key"])
        for role in ("agent", "developer")
    }
    for environment in (development, production):
        assert (await api.call("PATCH", f"/environments/{environment['id']}", {"name": "New"}))[0] == 200
    assert await log_of(callers["agent"]) == []
    assert {entry["environmentId"] for entry in await log_of(callers["developer"])} == {development["id"]}
    assert (await callers["developer"].call("PATCH", f"/environments/{development['id']}", {"name": "Own"}))[0] == 200
    own = await log_of(callers["developer"], actor=(await log_of(callers["developer"]))[-1]["actor"])
    assert [entry["diff"]["name"] for entry in own] == [["New", "Own"]]
    for caller in callers.values():
        assert (await caller.call("GET", "/audit/head"))[0] == 403
    del app


async def test_the_log_takes_no_change(api: Api, database_url: str) -> None:
    await api.app("Append only")
    connection = await asyncpg.connect(database_url)
    for statement in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(asyncpg.RaiseError, match="The audit log takes no"):
            await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit SET actor = 'key:somebody' WHERE seq = 2",
        "UPDATE audit SET diff = '{}' WHERE seq = 2",
        "UPDATE audit SET at = at + interval '1 second' WHERE seq = 2",
        "UPDATE audit SET hash = sha256(hash) WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        """INSERT INTO audit
           SELECT org_id, seq + 1, hash, sha256(hash), at, actor, action, target, environment, diff
           FROM audit ORDER BY seq DESC LIMIT 1""",
    ],
)
async def test_tampering_is_found(service: Service, api: Api, database_url: str, tampering: str) -> None:
    del service
    await api.app(f"Tampered {abs(hash(tampering))}")
    assert await fault(api) is None
    connection = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    org = await connection.fetchval("SELECT id FROM orgs WHERE slug = 'default'")
    await connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM audit WHERE org_id = $1", org)
    await connection.execute(tampering)
    await transaction.commit()
    try:
        assert await fault(api) is not None
    finally:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute("DELETE FROM audit WHERE org_id = $1", org)
            await connection.execute("INSERT INTO audit SELECT * FROM kept")
        await connection.close()
    assert await fault(api) is None
