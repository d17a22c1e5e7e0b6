"""`axonpush mk`: management keys by list, create, show and revoke."""

import click

from gateway.cli.client import Client, app_option, given, segment, with_client
from gateway.cli.member import member_of
from gateway.cli.printing import print_item, print_list
from gateway.cli.role import where_of

_COLUMNS = {
    "name": "name",
    "hint": "hint",
    "ends in": "last4",
    "member": "memberId",
    "expires": "expiresAt",
    "revoked": "revokedAt",
    "id": "id",
}


@click.group("mk", short_help="Management keys (mk_).")
def command() -> None:
    """Management keys (mk_), for this command line and the control plane; they send no events.

    \b
    axonpush mk list
    axonpush mk create --member ann@shop.example
    axonpush mk create --role developer --app my-shop --name ci
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@with_client
def list_keys(client: Client, *, as_json: bool) -> None:
    """List the management keys.

    \b
    axonpush mk list
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_list(client.items("/management-keys"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.option("--name", help="Name for people.")
@click.option("--member", metavar="EMAIL", help="Act for this member.")
@click.option("--role", metavar="ROLE", help="Or have a role of its own: agent, developer, admin or a custom one.")
@app_option
@click.option("--tier", metavar="TIER", help="The role counts in the environments of this tier.")
@click.option("--environment", metavar="ENV", help="The role counts in this environment of the app.")
@click.option("--expires-at", metavar="TIME", help="When it ends: 2030-01-31T12:00:00Z.")
@with_client
def create(
    client: Client,
    *,
    name: str | None,
    member: str | None,
    role: str | None,
    app_name: str | None,
    tier: str | None,
    environment: str | None,
    expires_at: str | None,
    as_json: bool,
) -> None:
    """Make a key for a member, or one with a role of its own, and print it, this once.

    \b
    axonpush mk create --member ann@shop.example --name laptop
    axonpush mk create --role developer --app my-shop --name ci
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    body = given(
        name=name,
        memberId=member_of(client, member)["id"] if member else None,
        role=role,
        expiresAt=expires_at,
        **(where_of(client, app_name, tier, environment) if role else {}),
    )
    print_item(client.call("POST", "/management-keys", body), as_json=as_json)
    if not as_json:
        click.echo("Keep the key now: it is not shown again.", err=True)


@command.command("show")
@click.argument("key_id", metavar="ID")
@with_client
def show(client: Client, *, key_id: str, as_json: bool) -> None:
    """Show a management key.

    \b
    axonpush mk show 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/management-keys/{segment(key_id)}"), as_json=as_json)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@with_client
def revoke(client: Client, *, key_id: str, as_json: bool) -> None:
    """End a management key for good.

    \b
    axonpush mk revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", f"/management-keys/{segment(key_id)}/revoke"), as_json=as_json)
