"""Rights, rotation, limits and usage on the command line, against the control plane over HTTP."""

import pytest

from gateway.control.service import Service
from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.usage import Used
from gateway.runtime.clock import now_ns
from gateway.runtime.postgres import open_pool
from gateway.runtime.settings import Database
from tests.integration.control.cli import Cli

TEXTS = {"key": "ak_", "token": "pt_"}


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_rights_are_given_changed_and_taken(cli: Cli, kind: str) -> None:
    app = await cli.json("app", "create", f"Rights of a {kind}")
    at = ("--app", app["id"], "--environment", "development")
    made = await cli.json(
        *(kind, "create", *at, "--scope", "logs", "--scope", "traces", "--origin", "https://a.example"),
        *("--network", "10.0.0.0/8", "--network", "192.0.2.1", "--requests-per-second", "2.5", "--burst", "9"),
        *("--monthly-bytes", "1000000", "--over-quota", "accept"),
    )
    assert made.pop(kind).startswith(TEXTS[kind])
    assert (made["scopes"], made["origins"]) == (["logs", "traces"], ["https://a.example"])
    assert made["networks"] == ["10.0.0.0/8", "192.0.2.1/32"]
    assert made["rate"] == {"requestsPerSecond": 2.5, "burst": 9, "bytesPerSecond": None, "burstBytes": None}
    assert (made["monthlyQuota"], made["overQuota"]) == ({"requests": None, "bytes": 1_000_000}, "accept")
    assert await cli.json(kind, "show", made["id"]) == made
    # What is not given stays, also within a rate.
    made = await cli.json(kind, "update", made["id"], "--burst", "none", "--bytes-per-second", "77")
    assert made["rate"] == {"requestsPerSecond": 2.5, "burst": None, "bytesPerSecond": 77, "burstBytes": None}
    made = await cli.json(
        *(kind, "update", made["id"], "--origin", "any", "--network", "any", "--scope", "sentry"),
        *("--requests-per-second", "none", "--bytes-per-second", "none", "--monthly-bytes", "none"),
        *("--over-quota", "reject", "--expires-at", "2100-01-01T00:00:00Z", "--name", "web"),
    )
    assert (made["scopes"], made["origins"], made["networks"]) == (["sentry"], [], [])
    assert (made["rate"], made["monthlyQuota"], made["overQuota"]) == (None, None, "reject")
    assert (made["expiresAt"], made["name"]) == ("2100-01-01T00:00:00Z", "web")
    assert (await cli.json(kind, "update", made["id"], "--expires-at", "never"))["expiresAt"] is None
    for wrong in (("--burst", "0"), ("--burst", "-1"), ("--burst", "many"), ("--scope", "all")):
        assert (await cli.run(kind, "update", made["id"], *wrong)).code == 2
    ran = await cli.run(kind, "update", made["id"], "--network", "10.0.0.1/8")
    assert (ran.code, "`networks[0]`" in ran.err) == (1, True)


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_a_rotation_prints_the_new_one_once(cli: Cli, kind: str) -> None:
    app = await cli.json("app", "create", f"Rotation of a {kind}")
    old = await cli.json(kind, "create", "--app", app["id"], "--environment", "development")
    new = await cli.json(kind, "rotate", old["id"], "--overlap", "2h")
    assert new[kind].startswith(TEXTS[kind])
    assert new["rotatedFrom"] == old["id"]
    assert (await cli.json(kind, "show", old["id"]))["retireAt"] is not None
    newest = await cli.run(kind, "rotate", new["id"])
    assert newest.code == 0
    assert f"Keep the {kind} now" in newest.err
    assert TEXTS[kind] in newest.out
    again = await cli.run(kind, "rotate", new["id"])
    assert (again.code, "rotated already" in again.err) == (1, True)


@pytest.mark.parametrize("kind", ["key", "token"])
async def test_a_revocation_can_wait(cli: Cli, kind: str) -> None:
    app = await cli.json("app", "create", f"Revocation of a {kind}")
    made = await cli.json(kind, "create", "--app", app["id"], "--environment", "development")
    revoked = await cli.json(kind, "revoke", made["id"], "--wait", "1")
    assert revoked["revokedAt"] is not None
    assert {"acknowledgedBy", "pending"} <= set(revoked)
    assert (await cli.run(kind, "revoke", made["id"], "--wait", "31")).code == 2


async def test_a_policy_is_shown_and_changed_limit_by_limit(cli: Cli) -> None:
    app = await cli.json("app", "create", "Policy shop")
    env = ("staging", "--app", app["id"])
    staging = await cli.json("env", "create", *env)
    nothing = {"environmentId": staging["id"], "rate": None, "monthlyQuota": None, "overQuota": "reject"}
    nothing["categories"] = None
    assert await cli.json("env", "policy", *env) == nothing
    changed = await cli.json("env", "policy", *env, "--requests-per-second", "100", "--monthly-requests", "1000")
    assert changed["rate"]["requestsPerSecond"] == 100
    assert changed["monthlyQuota"] == {"requests": 1000, "bytes": None}
    changed = await cli.json("env", "policy", *env, "--burst", "500")
    assert (changed["rate"]["requestsPerSecond"], changed["rate"]["burst"]) == (100, 500)
    assert await cli.json("env", "policy", *env) == changed
    shown = await cli.run("env", "policy", *env)
    assert "requestsPerSecond 100" in shown.out
    options = ("--requests-per-second", "none", "--burst", "none", "--monthly-requests", "none")
    assert await cli.json("env", "policy", *env, *options) == nothing
    ran = await cli.run("env", "policy", *env, "--burst", "5")
    assert (ran.code, "`rate.burst`" in ran.err) == (1, True)


async def test_limits_of_sentrys_categories_are_changed_one_by_one(cli: Cli) -> None:
    app = await cli.json("app", "create", "Category shop")
    env = ("staging", "--app", app["id"])
    await cli.json("env", "create", *env)
    changed = await cli.json("env", "policy", *env, "--category", "replay=0", "--category", "error=6000")
    assert changed["categories"] == {"replay": {"perMinute": 0}, "error": {"perMinute": 6000}}
    changed = await cli.json("env", "policy", *env, "--category", "replay=none", "--burst", "none")
    assert changed["categories"] == {"error": {"perMinute": 6000}}
    assert (await cli.json("env", "policy", *env, "--category", "error=none"))["categories"] is None
    for wrong in ("replay", "=1", "error=many", "error=-1"):
        assert (await cli.run("env", "policy", *env, "--category", wrong)).code == 2
    ran = await cli.run("env", "policy", *env, "--category", "errors=1")
    assert (ran.code, "a category is one of error, " in ran.err) == (1, True)


async def test_usage_is_a_table_by_time_and_key(cli: Cli, service: Service, database_url: str) -> None:
    app = await cli.json("app", "create", "Usage shop")
    env = ("production", "--app", app["id"])
    production = await cli.json("env", "show", *env)
    pool = await open_pool(Database(url=database_url))
    ledger = Ledger(pool, now_ns)
    await ledger.beat("")
    minute = service.clock() // 60_000_000_000 - 1
    used = Used(production["id"], "some-key", minute, requests=3, items=4, bytes=55, refused={"malformed": 2})
    await ledger.flush(1, [used])
    await ledger.leave()
    outcome = (
        "INSERT INTO sentry_outcomes VALUES ($1, 0, to_timestamp($2::float8 * 60), 'filtered', 'spam', 'replay', 30)"
    )
    await pool.execute(outcome, production["id"], minute)
    await pool.close()
    answer = await cli.json("env", "usage", *env)
    assert [(each["reason"], each["quantity"]) for each in answer["sentry"]] == [("spam", 30)]
    (item,) = answer["items"]
    assert (item["requests"], item["items"], item["bytes"], item["rejected"]) == (3, 4, 55, {"malformed": 2})
    assert item["at"].endswith(":00:00Z")
    (item,) = (await cli.json("env", "usage", *env, "--step", "minute"))["items"]
    span = ("--from", item["at"], "--to", answer["to"], "--step", "day")
    assert len((await cli.json("env", "usage", *env, *span))["items"]) == 1
    assert (await cli.json("env", "usage", *env, "--to", item["at"], "--step", "minute"))["items"] == []
    shown = await cli.run("env", "usage", *env)
    assert all(text in shown.out for text in ("some-key", "malformed 2", "55", "spam", "replay"))
    assert (await cli.run("env", "usage", *env, "--step", "week")).code == 2
    assert (await cli.run("env", "usage", *env, "--from", "yesterday")).code == 1
