"""What is done to an environment as a whole: whether it takes events, how long it lives, its copies and its end."""

import re

import click

from gateway.cli.client import Client, Item, app_option, given, with_client
from gateway.cli.confirming import Consent, destroy, print_done, with_consent
from gateway.cli.printing import print_item

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(?P<count>\d{1,9})(?P<unit>[smhd]?)")


class Duration(click.ParamType[int]):
    """A duration such as 30m, 12h or 7d, in seconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Answer the seconds."""
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration; write 90s, 30m, 12h or 7d.", param, ctx)
        return int(found["count"]) * _SECONDS[found["unit"] or "s"]


max_ttl_option = click.option(
    "--max-ttl",
    type=Duration(),
    metavar="TIME",
    help="Traffic extends its life by as much again, so long from now at most: 14d. With 0s it does not any more.",
)


def max_ttl_of(max_ttl_seconds: int | None) -> Item:
    """Make the field of `max_ttl_option`."""
    return {} if max_ttl_seconds is None else {"maxTtlSeconds": max_ttl_seconds or None}


def _found(client: Client, app_name: str | None, environment: str) -> Item:
    return client.environment_of(app_name, environment)


def _step(name: str, sentence: str) -> click.Command:
    """Make the command of a call that takes nothing but the environment."""

    @click.command(name, help=f"{sentence}\n\n\b\naxonpush env {name} staging")
    @click.argument("environment")
    @app_option
    @with_client
    def step(client: Client, *, environment: str, app_name: str | None, as_json: bool) -> None:
        found = _found(client, app_name, environment)
        print_item(client.call("POST", f"/environments/{found['id']}/{name}"), as_json=as_json)

    return step


@click.command("default")
@click.argument("environment")
@app_option
@with_client
def make_default(client: Client, *, environment: str, app_name: str | None, as_json: bool) -> None:
    """Make an environment the one that new keys of its app are for, and print the app.

    \b
    axonpush env default staging
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = _found(client, app_name, environment)
    print_item(client.call("POST", f"/environments/{found['id']}/make-default"), as_json=as_json)


@click.command("clone")
@click.argument("environment")
@click.argument("slug")
@click.option("--name", help="Name for people; made from SLUG if it is not given.")
@app_option
@with_client
def clone(
    client: Client, *, environment: str, slug: str, name: str | None, app_name: str | None, as_json: bool
) -> None:
    """Make an environment SLUG with the settings of another one; events and keys are not copied.

    \b
    axonpush env clone production staging
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = _found(client, app_name, environment)
    body = given(slug=slug, name=name)
    print_item(client.call("POST", f"/environments/{found['id']}/clone", body), as_json=as_json)


@click.command("extend")
@click.argument("environment")
@click.option("--ttl", type=Duration(), required=True, metavar="TIME", help="Live at least so long from now: 12h, 7d.")
@app_option
@with_client
def extend(client: Client, *, environment: str, ttl: int, app_name: str | None, as_json: bool) -> None:
    """Let an ephemeral environment live on.

    \b
    axonpush env extend pr-42 --ttl 2d
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = _found(client, app_name, environment)
    body = {"ttlSeconds": ttl}
    print_item(client.call("POST", f"/environments/{found['id']}/extend", body), as_json=as_json)


@click.command("wipe")
@click.argument("environment")
@app_option
@with_consent
@with_client
def wipe(client: Client, *, environment: str, app_name: str | None, consent: Consent, as_json: bool) -> None:
    """Remove all events that an environment has received so far; keys and settings stay.

    \b
    axonpush env wipe staging
    axonpush env wipe production --confirm production
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = _found(client, app_name, environment)
    print_item(destroy(client, "POST", f"/environments/{found['id']}/wipe", consent), as_json=as_json)


@click.command("delete")
@click.argument("environment")
@app_option
@with_consent
@with_client
def delete(client: Client, *, environment: str, app_name: str | None, consent: Consent, as_json: bool) -> None:
    """Delete an environment with its events, keys and tokens; its slug is never used again.

    \b
    axonpush env delete staging
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = _found(client, app_name, environment)
    destroy(client, "DELETE", f"/environments/{found['id']}", consent)
    print_done(f"The environment {found['slug']} is deleted; its events go within a minute.", as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (
    make_default,
    _step("pause", "Refuse events with 403 until it is resumed."),
    _step("resume", "Take events again after a pause."),
    _step("archive", "Refuse events with 410, and keep what is stored."),
    _step("restore", "Take events again after it was archived."),
    clone,
    extend,
    wipe,
    delete,
)
