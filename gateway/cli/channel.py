"""`axonpush channel`: the channels of an app by list, show, create, update and delete."""

import click

from gateway.cli.client import Client, app_option, given, with_client
from gateway.cli.confirming import Consent, destroy, print_done, with_consent
from gateway.cli.printing import print_item, print_list

_COLUMNS = {"number": "id", "slug": "slug", "name": "name", "created": "createdAt"}


@click.group("channel", short_help="Channels of an app.")
def command() -> None:
    """Channels of an app: the project number of a Sentry DSN, and where OTLP traffic is filed.

    \b
    axonpush channel list
    axonpush channel create Backend --app my-shop
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@app_option
@with_client
def list_channels(client: Client, *, app_name: str | None, as_json: bool) -> None:
    """List the channels of an app.

    \b
    axonpush channel list --app my-shop
    """  # noqa: D301 (\b keeps click from wrapping the example)
    app = client.app(app_name)
    print_list(client.items(f"/apps/{app['id']}/channels"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.argument("name")
@click.option("--slug", help="Short name, a-z, 0-9 and -; made from NAME if it is not given.")
@app_option
@with_client
def create(client: Client, *, name: str, slug: str | None, app_name: str | None, as_json: bool) -> None:
    """Make a channel.

    \b
    axonpush channel create Backend --app my-shop
    """  # noqa: D301 (\b keeps click from wrapping the example)
    path = f"/apps/{client.app(app_name)['id']}/channels"
    print_item(client.call("POST", path, given(name=name, slug=slug)), as_json=as_json)


@command.command("show")
@click.argument("channel")
@app_option
@with_client
def show(client: Client, *, channel: str, app_name: str | None, as_json: bool) -> None:
    """Show a channel, by its number or slug.

    \b
    axonpush channel show backend
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = client.channel(client.app(app_name), channel)
    print_item(client.call("GET", f"/channels/{found['id']}"), as_json=as_json)


@command.command("update")
@click.argument("channel")
@click.option("--name", required=True, help="Name for people.")
@app_option
@with_client
def update(client: Client, *, channel: str, name: str, app_name: str | None, as_json: bool) -> None:
    """Change a channel's name, by its number or slug.

    \b
    axonpush channel update backend --name "Back end"
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = client.channel(client.app(app_name), channel)
    print_item(client.call("PATCH", f"/channels/{found['id']}", {"name": name}), as_json=as_json)


@command.command("delete")
@click.argument("channel")
@app_option
@with_consent
@with_client
def delete(client: Client, *, channel: str, app_name: str | None, consent: Consent, as_json: bool) -> None:
    """Close a channel for good and revoke its tokens; its events stay for as long as their environments keep them.

    \b
    axonpush channel delete backend
    axonpush channel delete backend --confirm backend
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.channel(client.app(app_name), channel)
    destroy(client, "DELETE", f"/channels/{found['id']}", consent)
    print_done(f"The channel {found['slug']} is deleted.", as_json=as_json)
