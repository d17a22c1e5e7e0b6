"""`axonpush approval`: from the refusal, which names the command that asks, to the call that was approved."""

import shlex

from msgspec import structs

from tests.integration.control.cli import Cli


async def test_a_refusal_leads_to_the_approved_call(cli: Cli) -> None:
    app = await cli.json("app", "create", "Approved shop")
    await cli.json("app", "create", "Another shop")
    made = await cli.json("mk", "create", "--role", "developer", "--app", "approved-shop")
    developer = structs.replace(cli, key=made["key"])
    wipe = ("env", "wipe", "production", "--app", "approved-shop")
    refused = await developer.run(*wipe)
    assert (refused.code, refused.out) == (1, "")
    command = refused.err.strip().partition("From here: ")[2]
    assert (
        command == f"axonpush approval ask environment.wipe --environment {app['defaultEnvironmentId']} --reason TEXT"
    )

    asked = await developer.json(*shlex.split(command)[1:])
    assert (asked["state"], asked["reason"]) == ("pending", "TEXT")
    listed = await cli.run("approval", "list")
    assert [line for line in listed.out.splitlines() if asked["id"] in line and "environment.wipe" in line]
    own = await developer.run("approval", "approve", asked["id"])
    assert (own.code, "Nobody decides on what they asked for themselves" in own.err) == (1, True)
    assert (await cli.json("approval", "approve", asked["id"]))["state"] == "approved"

    unconfirmed = await developer.run(*wipe, "--approval", asked["id"])
    assert (unconfirmed.code, "--confirm production" in unconfirmed.err) == (1, True)
    done = await developer.json(*wipe, "--approval", asked["id"], "--confirm", "production")
    assert done["slug"] == "production"
    again = await developer.run(*wipe, "--approval", asked["id"], "--confirm", "production")
    assert (again.code, "it was used up" in again.err) == (1, True)
