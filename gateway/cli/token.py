"""`axonpush token`: public tokens by list, create and revoke."""

import click

from gateway.cli.client import Client, app_option, given, segment, with_client
from gateway.cli.printing import print_item, print_list

_COLUMNS = {
    "name": "name",
    "hint": "hint",
    "ends in": "last4",
    "channel": "channelId",
    "origins": "origins",
    "expires": "expiresAt",
    "revoked": "revokedAt",
    "id": "id",
    "environment": "environmentId",
}


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
@with_client
def list_tokens(client: Client, *, app_name: str | None, as_json: bool) -> None:
    """List the tokens of all apps, or of one app."""
    query = {"appId": client.app(app_name)["id"]} if app_name else {}
    print_list(client.items("/public-tokens", **query), _COLUMNS, as_json=as_json)


@command.command("create")
@app_option
@click.option("--environment", required=True, metavar="ENV", help="Slug or id of its environment.")
@click.option("--channel", metavar="CHANNEL", help="Number or slug of its channel; else the app's default one.")
@click.option("--name", help="Name for people.")
@click.option(
    "--origin", "web_origins", multiple=True, metavar="URL", help="Web origin that may use it; may be repeated."
)
@click.option("--expires-at", metavar="TIME", help="When it ends: 2030-01-31T12:00:00Z.")
@with_client
def create(
    client: Client,
    *,
    app_name: str | None,
    environment: str,
    channel: str | None,
    name: str | None,
    web_origins: tuple[str, ...],
    expires_at: str | None,
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
        origins=list(web_origins),
        expiresAt=expires_at,
    )
    print_item(client.call("POST", "/public-tokens", body), as_json=as_json)
    if not as_json:
        click.echo("Keep the token now: it is not shown again.", err=True)


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@with_client
def revoke(client: Client, *, token_id: str, as_json: bool) -> None:
    """End a token for good, on every edge within a second.

    \b
    axonpush token revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", f"/public-tokens/{segment(token_id)}/revoke"), as_json=as_json)
