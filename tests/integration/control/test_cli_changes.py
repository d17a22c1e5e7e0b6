"""The command line's changing and destroying commands, and those about people, roles and the audit log."""

import asyncio
import os
import pty
from pathlib import Path

import asyncpg
import pytest

from tests.integration.control.cli import AXONPUSH, Cli


async def test_an_environment_from_its_making_to_its_end(cli: Cli) -> None:
    await cli.json("app", "create", "Life")
    at = ("--app", "life")
    staging = await cli.json(
        *("env", "create", "staging", *at, "--tier", "qa", "--protect", "--source-ref", "acme/shop@main")
    )
    assert (staging["tier"], staging["deleteProtected"], staging["sourceRef"]) == ("qa", True, "acme/shop@main")
    changed = await cli.json(
        *("env", "update", "staging", *at, "--name", "New", "--tier", "development", "--color", "#112233"),
        *("--require-confirmation", "--no-protect", "--partitions", "4", "--retention-days", "40"),
    )
    assert (changed["name"], changed["tier"], changed["color"], changed["partitions"]) == (
        "New",
        "development",
        "#112233",
        4,
    )
    for command, ingest in (("pause", "paused"), ("resume", "open"), ("archive", "archived"), ("restore", "open")):
        assert (await cli.json("env", command, "staging", *at))["ingest"] == ingest
    clone = await cli.json("env", "clone", "staging", "copy", *at, "--name", "Copy")
    assert (clone["slug"], clone["retentionDays"]) == ("copy", 40)
    assert (await cli.json("env", "default", "copy", *at))["defaultEnvironmentId"] == clone["id"]
    soon = await cli.json("env", "create", "pr-1", *at, "--expires-at", "2100-01-01T00:00:00Z")
    assert (await cli.json("env", "extend", "pr-1", *at, "--ttl", "2d"))["expiresAt"] == soon["expiresAt"]
    lasting = await cli.json("env", "update", "pr-1", *at, "--expires-at", "never")
    assert (lasting["isEphemeral"], lasting["expiresAt"]) == (False, None)
    assert await cli.json("env", "delete", "pr-1", *at) == {}
    refused = await cli.run("env", "extend", "staging", *at, "--ttl", "soon")
    assert (refused.code, "90s, 30m, 12h or 7d" in refused.err) == (2, True)


async def test_what_destroys_is_confirmed_by_its_slug(cli: Cli) -> None:
    app = await cli.json("app", "create", "Destroy")
    at = ("--app", "destroy")
    unconfirmed = await cli.run("env", "wipe", "production", *at)
    assert (unconfirmed.code, unconfirmed.out) == (1, "")
    assert "0 events" in unconfirmed.err
    assert "--confirm production" in unconfirmed.err
    wrong = await cli.run("env", "wipe", "production", *at, "--confirm", "staging")
    assert (wrong.code, "'staging' is not the slug 'production'" in wrong.err) == (1, True)
    wiped = await cli.json("env", "wipe", "production", *at, "--confirm", "production")
    assert wiped["id"] == app["defaultEnvironmentId"]
    lowered = await cli.json("env", "update", "production", *at, "--retention-days", "3", "--confirm", "production")
    assert lowered["retentionDays"] == 3
    unguarded = ("env", "update", "production", *at, "--no-require-confirmation")
    asked = await cli.run(*unguarded)
    assert (asked.code, "destroys nothing that is there now" in asked.err) == (1, True)
    assert not (await cli.json(*unguarded, "--confirm", "production"))["requireConfirmationForDestructive"]
    await cli.json("env", "update", "production", *at, "--require-confirmation")
    key = await cli.json("key", "create", *at)
    asked = await cli.run("key", "revoke", key["id"])
    assert (asked.code, "--confirm production" in asked.err) == (1, True)
    assert (await cli.json("key", "show", key["id"]))["revokedAt"] is None
    assert (await cli.json("key", "revoke", key["id"], "--confirm", "production"))["revokedAt"]
    channel = await cli.json("channel", "create", "Web", *at)
    renamed = await cli.json("channel", "update", "web", *at, "--name", "Pages")
    assert renamed == channel | {"name": "Pages"}
    for name in ("web", str(channel["id"])):
        assert await cli.json("channel", "show", name, *at) == renamed
    assert (await cli.json("app", "update", "destroy", "--default-channel", "web"))["defaultChannelId"] == channel["id"]
    assert await cli.json("channel", "delete", "default", *at, "--confirm", "default") == {}
    deleted = await cli.run("app", "delete", "destroy", "--confirm", "destroy")
    assert (deleted.code, deleted.out) == (0, "The app destroy is deleted; its events go within a minute.\n")


@pytest.mark.parametrize(("typed", "code"), [("production", 0), ("no", 1)])
async def test_on_a_terminal_the_slug_is_typed(cli: Cli, typed: str, code: int) -> None:
    name = f"Typed {typed}"
    await cli.json("app", "create", name)
    leader, follower = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        AXONPUSH,
        *("env", "wipe", "production", "--app", name.lower().replace(" ", "-"), "--json"),
        cwd=cli.cwd,
        env={
            "PATH": os.environ["PATH"],
            "AXONPUSH_CONTROL_URL": cli.url,
            "AXONPUSH_CONTROL_MANAGEMENT_KEY": cli.key,
        },
        stdin=follower,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(follower)
    os.write(leader, f"{typed}\n".encode())
    out, err = await process.communicate()
    os.close(leader)
    assert process.returncode == code, err
    assert "Type production to go on" in err.decode()
    assert bool(out) == (code == 0)


async def test_a_preview_by_its_ref(cli: Cli) -> None:
    await cli.json("app", "create", "Preview shop")
    at = ("--app", "preview-shop")
    made = await cli.json("env", "preview", "upsert", "acme/shop#42", *at, "--ttl", "1h", "--name", "PR 42")
    assert (made["environment"]["slug"], made["environment"]["name"]) == ("acme-shop-42", "PR 42")
    assert made["token"].startswith("pt_")
    again = await cli.json("env", "preview", "upsert", "acme/shop#42", *at, "--ttl", "2h")
    assert (again["environment"]["id"], again["token"]) == (made["environment"]["id"], None)
    assert await cli.json("env", "preview", "delete", "acme/shop#42", *at) == {}
    told = await cli.run("env", "preview", "delete", "acme/shop#42", *at)
    assert (told.code, told.out) == (0, "There is no preview of acme/shop#42 any more.\n")
    shown = await cli.run("env", "preview", "upsert", "acme/shop#42", *at, "--ttl", "1h")
    assert ("acme-shop-42-2" in shown.out, shown.err) == (True, "Keep the token now: it is not shown again.\n")


async def test_people_roles_and_keys(cli: Cli, tmp_path: Path) -> None:
    await cli.json("app", "create", "People")
    ann = await cli.json("member", "add", "ann@people.example", "--name", "Ann")
    assert await cli.json("member", "show", "ann@people.example") == ann
    assert ann in (await cli.json("member", "list"))["items"]
    assert (await cli.json("member", "update", ann["id"], "--name", "Ann B."))["name"] == "Ann B."
    role = await cli.json("role", "create", "careful", "--base", "developer", "--without", "data.wipe")
    assert await cli.json("role", "show", "careful") == role
    unknown = await cli.run("role", "create", "free", "--base", "developer", "--without", "data")
    assert (unknown.code, "data.wipe" in unknown.err) == (2, True)
    assert "careful" in [each["slug"] for each in (await cli.json("role", "list"))["items"]]
    who = ("--member", "ann@people.example")
    app = await cli.json("role", "bind", "careful", *who, "--app", "people")
    tier = await cli.json("role", "bind", "agent", *who, "--tier", "qa")
    environment = await cli.json("role", "bind", "agent", *who, "--app", "people", "--environment", "production")
    assert [each["scope"] for each in (app, tier, environment)] == ["app", "tier", "environment"]
    bindings = (await cli.json("role", "bindings", *who))["items"]
    assert [each["id"] for each in bindings] == [app["id"], tier["id"], environment["id"]]
    key = await cli.json("mk", "create", *who, "--name", "laptop")
    hers = Cli(cli.url, key["key"], tmp_path)
    assert [each["slug"] for each in (await hers.json("app", "list"))["items"]] == ["people"]
    refused = await hers.run("env", "wipe", "development")
    assert (refused.code, "data.wipe" in refused.err) == (1, True)
    assert await cli.json("role", "unbind", app["id"]) == {}
    assert await cli.json("role", "delete", "careful") == {}
    assert (await cli.json("mk", "show", key["id"]))["name"] == "laptop"
    assert (await cli.json("mk", "revoke", key["id"]))["revokedAt"]
    ci = await cli.json("mk", "create", "--role", "developer", "--app", "people", "--name", "ci")
    assert ci["id"] in [each["id"] for each in (await cli.json("mk", "list"))["items"]]
    (binding,) = [b for b in (await cli.json("role", "bindings"))["items"] if b["managementKeyId"] == ci["id"]]
    assert (binding["role"], binding["scope"]) == ("developer", "app")
    gone = await cli.run("member", "remove", "ann@people.example")
    assert (gone.code, gone.out) == (0, "ann@people.example is no member any more.\n")


async def test_the_log_is_listed_and_verified(cli: Cli, database_url: str) -> None:
    await cli.json("app", "create", "Logged")
    await cli.json("env", "pause", "development", "--app", "logged")
    entries = (await cli.json("audit", "list", "--app", "logged", "--environment", "development"))["items"]
    assert [entry["action"] for entry in entries] == ["environment.pause"]
    # The log outlives the environment.
    assert await cli.json("env", "delete", "development", "--app", "logged") == {}
    gone = (await cli.json("audit", "list", "--environment", entries[0]["environmentId"]))["items"]
    assert [entry["action"] for entry in gone] == ["environment.pause", "environment.delete"]
    listed = await cli.run("audit", "list", "--actor", entries[0]["actor"])
    assert (listed.code, "environment.pause" in listed.out) == (0, True)
    verified = await cli.json("audit", "verify")
    assert verified["head"].startswith(f"{verified['entries']}:")
    await cli.json("app", "create", "Logged later")
    assert (await cli.run("audit", "verify", "--head", verified["head"])).code == 0
    unknown = await cli.run("audit", "verify", "--head", "1:00")
    assert (unknown.code, "1:00 is not in the log" in unknown.err) == (1, True)
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE audit SET actor = 'key:nobody' WHERE seq = 2")
    await connection.close()
    broken = await cli.run("audit", "verify")
    assert (broken.code, "Entry 2" in broken.err) == (1, True)


@pytest.mark.parametrize("name", ["member", "role", "mk", "audit"])
async def test_help_shows_examples(cli: Cli, name: str) -> None:
    ran = await cli.run(name, "--help")
    assert ran.code == 0
    assert f"\n  axonpush {name} " in ran.out
