"""`axonpush app`: apps by list, create and show."""

import click

from gateway.cli.client import Client, given, with_client
from gateway.cli.printing import print_item, print_list

_COLUMNS = {"slug": "slug", "name": "name", "channel": "defaultChannelId", "id": "id", "created": "createdAt"}


@click.group("app", short_help="Apps: what environments, channels and keys belong to.")
def command() -> None:
    """Apps: what environments, channels and keys belong to.

    \b
    axonpush app create "My shop"
    axonpush app list
    axonpush app show my-shop --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@with_client
def list_apps(client: Client, *, as_json: bool) -> None:
    """List the apps."""
    print_list(client.items("/apps"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.argument("name")
@click.option("--slug", help="Short name, a-z, 0-9 and -; made from NAME if it is not given.")
@with_client
def create(client: Client, *, name: str, slug: str | None, as_json: bool) -> None:
    """Make an app with the environments production (its default) and development, and a channel.

    \b
    axonpush app create "My shop"
    axonpush app create "My shop" --slug shop --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    print_item(client.call("POST", "/apps", given(name=name, slug=slug)), as_json=as_json)


@command.command("show")
@click.argument("app")
@with_client
def show(client: Client, *, app: str, as_json: bool) -> None:
    """Show an app by its slug or id."""
    print_item(client.app(app), as_json=as_json)
