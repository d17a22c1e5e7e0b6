"""`axonpush app`: apps by list, create, show, update and delete."""

import click

from gateway.cli.client import Client, given, with_client
from gateway.cli.confirming import Consent, confirm_option, destroy, print_done
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
    """List the apps.

    \b
    axonpush app list
    axonpush app list --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)
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
    """Show an app by its slug or id.

    \b
    axonpush app show my-shop
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/apps/{client.app(app)['id']}"), as_json=as_json)


@command.command("update")
@click.argument("app")
@click.option("--name", help="Name for people.")
@click.option("--default-channel", metavar="CHANNEL", help="Number or slug of the channel where OTLP traffic is filed.")
@with_client
def update(client: Client, *, app: str, name: str | None, default_channel: str | None, as_json: bool) -> None:
    """Change an app; what is not given stays. Its default environment: `axonpush env default`.

    \b
    axonpush app update my-shop --name "Our shop"
    axonpush app update my-shop --default-channel backend
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.app(app)
    channel_id = client.channel(found, default_channel)["id"] if default_channel else None
    body = given(name=name, defaultChannelId=channel_id)
    print_item(client.call("PATCH", f"/apps/{found['id']}", body), as_json=as_json)


@command.command("delete")
@click.argument("app")
@confirm_option
@with_client
def delete(client: Client, *, app: str, confirm: str | None, as_json: bool) -> None:
    """Delete an app with its environments, channels, keys and events.

    \b
    axonpush app delete my-shop
    axonpush app delete my-shop --confirm my-shop
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.app(app)
    destroy(client, "DELETE", f"/apps/{found['id']}", Consent(confirm))
    print_done(f"The app {found['slug']} is deleted; its events go within a minute.", as_json=as_json)
