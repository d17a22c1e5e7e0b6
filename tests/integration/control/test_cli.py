"""The command line against the control plane over HTTP, as a user runs it: output, exit codes, sentences."""

import pytest

from gateway.identity.tokens import mint
from schemas.environment import Kind
from tests.integration.control.cli import Cli


async def test_an_app_and_all_that_belongs_to_it(cli: Cli) -> None:
    app = await cli.json("app", "create", "Web shop")
    assert (app["slug"], app["name"]) == ("web-shop", "Web shop")
    assert await cli.json("app", "show", app["id"]) == await cli.json("app", "show", "web-shop") == app
    assert app in (await cli.json("app", "list"))["items"]

    at = ("--app", "web-shop")
    staging = await cli.json("env", "create", "staging", *at, "--retention-days", "7", "--color", "#112233")
    assert (staging["retentionDays"], staging["color"], staging["isProduction"]) == (7, "#112233", False)
    preview = await cli.json("env", "create", "pr-1", *at, "--expires-at", "2100-01-01T00:00:00Z")
    assert preview["isEphemeral"]
    slugs = [each["slug"] for each in (await cli.json("env", "list", *at))["items"]]
    assert slugs == ["production", "development", "staging", "pr-1"]
    for by in (("staging", *at), (staging["id"],)):  # an id needs no --app
        assert (await cli.json("env", "show", *by)).items() >= staging.items()

    channel = await cli.json("channel", "create", "Back end", *at)
    numbers = [each["id"] for each in (await cli.json("channel", "list", *at))["items"]]
    assert numbers == [app["defaultChannelId"], channel["id"]]

    token = await cli.json(
        *("token", "create", *at, "--environment", "staging", "--channel", "back-end"),
        *("--origin", "https://a.example", "--origin", "https://b.example"),
    )
    assert token["token"].startswith("pt_staging_")
    assert (token["channelId"], token["environmentId"]) == (channel["id"], staging["id"])
    assert token["origins"] == ["https://a.example", "https://b.example"]
    assert (await cli.json("token", "revoke", token["id"]))["revokedAt"]
    assert [each["id"] for each in (await cli.json("token", "list", *at))["items"]] == [token["id"]]


async def test_a_key_from_its_making_to_its_end(cli: Cli) -> None:
    app = await cli.json("app", "create", "Key shop")
    at = ("--app", app["id"])
    key = await cli.json("key", "create", *at, "--name", "ci", "--override-environments", "development,staging")
    assert key["key"].startswith("ak_prod_")
    assert key["environmentId"] == app["defaultEnvironmentId"]
    assert (key["allowEnvironmentOverride"], key["overrideEnvironments"]) == (False, ["development", "staging"])
    del key["key"]
    development = await cli.json("env", "show", "development", *at)
    for options, change in (
        (("--allow-environment-override",), {"allowEnvironmentOverride": True}),
        (("--override-environments", "all"), {"overrideEnvironments": None}),
        (("--environment", "development"), {"environmentId": development["id"]}),
        (("--expires-at", "2100-01-01T00:00:00Z"), {"expiresAt": "2100-01-01T00:00:00Z"}),
        (("--expires-at", "never", "--no-allow-environment-override"), {"expiresAt": None}),
    ):
        key |= change | ({"allowEnvironmentOverride": False} if "--no-allow-environment-override" in options else {})
        assert await cli.json("key", "update", key["id"], *options) == key
    listed = await cli.json("key", "list", *at, "--environment", "development")
    assert listed == {"items": [key], "next": None}
    assert (await cli.json("key", "revoke", key["id"]))["revokedAt"]


async def test_people_get_tables_that_cut_nothing(cli: Cli) -> None:
    app = await cli.json("app", "create", "Table shop")
    listed = await cli.run("app", "list")
    assert (listed.code, listed.err) == (0, "")
    (line,) = [line for line in listed.out.splitlines() if "table-shop" in line]
    assert app["id"] in line
    assert str(app["defaultChannelId"]) in line
    made = await cli.run("key", "create", "--app", "table-shop")
    (line,) = [line for line in made.out.splitlines() if line.split()[:1] == ["key"]]
    assert line.split()[1].startswith("ak_prod_")
    assert made.err == "Keep the key now: it is not shown again.\n"


async def test_a_refusal_is_one_line_and_exit_code_1(cli: Cli) -> None:
    await cli.json("app", "create", "Refused")
    unknown_key = mint(Kind.MANAGEMENT_KEY, "admin", "01ARZ3NDEKTSV4RRFFQ69G5FAV", b"unknown secret, 32 bytes of it..")
    for run_by, arguments, what in (
        (cli, ("app", "create", "Refused"), "an app 'refused' exists already"),
        (cli, ("app", "create", "x", "--slug", "No"), "`slug`"),
        (cli, ("env", "list"), "Say which one with --app"),
        (cli, ("env", "list", "--app", "nope"), "There is no app 'nope'"),
        (cli, ("env", "show", "nope", "--app", "refused"), "production, development"),
        (cli, ("key", "create", "--app", "refused", "--expires-at", "soon"), "`expiresAt`"),
        (cli, ("key", "revoke", "../nope"), "There is no API key '../nope'"),
        (Cli(cli.url, unknown_key, cli.cwd), ("app", "list"), "This key is not"),
        (Cli("http://127.0.0.1:1", cli.key, cli.cwd), ("app", "list"), "http://127.0.0.1:1 cannot be reached"),
    ):
        ran = await run_by.run(*arguments)
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1), ran
        assert what in ran.err


async def test_a_wrong_setting_is_one_line_and_exit_code_2(cli: Cli) -> None:
    for wrong, what in (
        (Cli("", cli.key, cli.cwd), "AXONPUSH_CONTROL_URL"),
        (Cli(cli.url, "", cli.cwd), "AXONPUSH_CONTROL_MANAGEMENT_KEY"),
        (Cli("ftp://somewhere", cli.key, cli.cwd), "control.url"),
        (Cli("http://host:port", cli.key, cli.cwd), "control.url"),
        (Cli(cli.url, cli.key[:-1] + ("0" if cli.key[-1] != "0" else "1"), cli.cwd), "check digits"),
        (Cli(cli.url, "mk_\n", cli.cwd), "control.management_key"),
    ):
        ran = await wrong.run("app", "list")
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1), ran
        assert what in ran.err
        assert cli.key not in ran.err


@pytest.mark.parametrize("name", ["app", "env", "channel", "key", "token"])
async def test_help_shows_examples(cli: Cli, name: str) -> None:
    ran = await cli.run(name, "--help")
    assert ran.code == 0
    assert f"\n  axonpush {name} " in ran.out
