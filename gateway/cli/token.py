"""`axonpush token`: public tokens by list, show, create, update, rotate and revoke."""

from collections.abc import Callable

import click

from gateway.cli.client import Client, Item, app_option, given, segment, with_client
from gateway.cli.credential import overlap_option, print_secret, print_successor, revoke_path, wait_option
from gateway.cli.printing import print_item, print_list
from gateway.cli.rights import limit_options, list_options

_COLUMNS = {
    "name": "name",
    "hint": "hint",
    "ends in": "last4",
    "channel": "channelId",
    "origins": "origins",
    "expires": "expiresAt",
    "last used": "lastUsedAt",
    "revoked": "revokedAt",
    "id": "id",
    "environment": "environmentId",
}
_NEVER = "never"


@click.group("token", short_help="Public tokens (pt_).")
def command() -> None:
    """Public tokens (pt_), for browsers: each is bound to one channel and one environment.

    \b
    axonpush token list --app my-shop
    axonpush token create --app my-shop --environment production --origin https://shop.example
    axonpush token revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@app_option
@click.option("--environment", metavar="ENV", help="Only those of this environment of the app.")
@click.option("--channel", metavar="CHANNEL", help="Only those of this channel of the app.")
@with_client
def list_tokens(
    client: Client, *, app_name: str | None, environment: str | None, channel: str | None, as_json: bool
) -> None:
    """List the tokens of all apps, or of one app, environment or channel.

    \b
    axonpush token list --app my-shop --environment production
    """  # noqa: D301 (\b keeps click from wrapping the example)
    query: dict[str, str] = {}
    if app_name or environment or channel:
        app = client.app(app_name)
        query["appId"] = app["id"]
        if environment:
            query["environmentId"] = client.environment(app, environment)["id"]
        if channel:
            query["channelId"] = str(client.channel(app, channel)["id"])
    print_list(client.items("/public-tokens", **query), _COLUMNS, as_json=as_json)


@command.command("create")
@app_option
@click.option("--environment", required=True, metavar="ENV", help="Slug or id of its environment.")
@click.option("--channel", metavar="CHANNEL", help="Number or slug of its channel; else the app's default one.")
@click.option("--name", help="Name for people.")
@click.option("--expires-at", metavar="TIME", help="When it ends: 2030-01-31T12:00:00Z.")
@list_options
@limit_options
@with_client
def create(
    client: Client,
    *,
    app_name: str | None,
    environment: str,
    channel: str | None,
    name: str | None,
    expires_at: str | None,
    lists: Item,
    limits: Callable[[Item], Item],
    as_json: bool,
) -> None:
    """Make a token and print it, this once.

    \b
    axonpush token create --environment production --origin https://shop.example
    axonpush token create --app my-shop --environment staging --channel 3
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    app = client.app(app_name)
    body = given(
        channelId=client.channel(app, channel)["id"] if channel else app["defaultChannelId"],
        environmentId=client.environment(app, environment)["id"],
        name=name,
        expiresAt=expires_at,
        **lists,
        **limits({}),
    )
    print_secret(client.call("POST", "/public-tokens", body), "token", as_json=as_json)


@command.command("show")
@click.argument("token_id", metavar="ID")
@with_client
def show(client: Client, *, token_id: str, as_json: bool) -> None:
    """Show a token, without its text.

    \b
    axonpush token show 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/public-tokens/{segment(token_id)}"), as_json=as_json)


@command.command("update")
@click.argument("token_id", metavar="ID")
@click.option("--name", help="Name for people.")
@click.option("--expires-at", metavar="TIME", help=f"When it ends: 2030-01-31T12:00:00Z, or {_NEVER}.")
@list_options
@limit_options
@with_client
def update(
    client: Client,
    *,
    token_id: str,
    name: str | None,
    expires_at: str | None,
    lists: Item,
    limits: Callable[[Item], Item],
    as_json: bool,
) -> None:
    """Change a token; what is not given stays.

    \b
    axonpush token update 01ARZ3NDEKTSV4RRFFQ69G5FAV --origin https://shop.example --requests-per-second 20
    """  # noqa: D301 (\b keeps click from wrapping the example)
    path = f"/public-tokens/{segment(token_id)}"
    body = {**given(name=name), **lists, **limits(client.call("GET", path))}
    if expires_at is not None:
        body["expiresAt"] = None if expires_at == _NEVER else expires_at
    print_item(client.call("PATCH", path, body), as_json=as_json)


@command.command("rotate")
@click.argument("token_id", metavar="ID")
@overlap_option
@with_client
def rotate(client: Client, *, token_id: str, overlap: int | None, as_json: bool) -> None:
    """Make a token of the same rights and print it, this once; the one before goes on being good for a while.

    \b
    axonpush token rotate 01ARZ3NDEKTSV4RRFFQ69G5FAV --overlap 7d
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_successor(client, f"/public-tokens/{segment(token_id)}", overlap, "token", as_json=as_json)


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@wait_option
@with_client
def revoke(client: Client, *, token_id: str, wait: int | None, as_json: bool) -> None:
    """End a token for good, on every edge within a second.

    \b
    axonpush token revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", revoke_path(f"/public-tokens/{segment(token_id)}", wait)), as_json=as_json)
