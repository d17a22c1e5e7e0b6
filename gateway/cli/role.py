"""`axonpush role`: roles by list, create and delete, and who has which one where."""

from typing import Any

import click

from gateway.cli.client import Client, app_option, segment, with_client
from gateway.cli.confirming import print_done
from gateway.cli.member import member_of
from gateway.cli.printing import print_item, print_list
from gateway.control.roles.permissions import Permission
from schemas.errors import Unprocessable

_COLUMNS = {"slug": "slug", "name": "name", "base": "base", "without": "without", "built in": "isBuiltIn"}
_BINDING_COLUMNS = {
    "id": "id",
    "role": "role",
    "scope": "scope",
    "target": "target",
    "member": "memberId",
    "management key": "managementKeyId",
}


@click.group("role", short_help="Roles, and who has them where.")
def command() -> None:
    """Roles, and who has which one where. Agent sees, Developer works outside of production, Admin does everything.

    \b
    axonpush role list
    axonpush role create careful --base developer --without data.wipe
    axonpush role bind developer --member ann@shop.example --app my-shop
    axonpush role bindings
    """  # noqa: D301 (\b keeps click from wrapping the examples)


def where_of(client: Client, app_name: str | None, tier: str | None, environment: str | None) -> dict[str, Any]:
    """Answer the fields of a binding's scope: an environment, an app, a tier, or the organization."""
    if tier and (app_name or environment):
        raise Unprocessable("Give either --tier, or --app, or --app with --environment.")
    if environment:
        return {"scope": "environment", "target": client.environment_of(app_name, environment)["id"]}
    if tier:
        return {"scope": "tier", "target": tier}
    return {"scope": "app", "target": client.app(app_name)["id"]} if app_name else {"scope": "organization"}


@command.command("list")
@with_client
def list_roles(client: Client, *, as_json: bool) -> None:
    """List the roles.

    \b
    axonpush role list
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_list(client.items("/roles"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.argument("slug")
@click.option("--base", required=True, type=click.Choice(["agent", "developer", "admin"]), help="What it is made from.")
@click.option(
    "--without",
    required=True,
    multiple=True,
    type=click.Choice([each.value for each in Permission]),
    help="What it lacks; may be repeated.",
)
@click.option("--name", help="Name for people; the slug if it is not given.")
@with_client
def create(client: Client, *, slug: str, base: str, without: tuple[str, ...], name: str | None, as_json: bool) -> None:
    """Make a custom role: a base role without some permissions.

    \b
    axonpush role create careful --base developer --without data.wipe --without key.manage
    """  # noqa: D301 (\b keeps click from wrapping the example)
    body = {"slug": slug, "name": name or slug, "base": base, "without": list(without)}
    print_item(client.call("POST", "/roles", body), as_json=as_json)


@command.command("show")
@click.argument("slug")
@with_client
def show(client: Client, *, slug: str, as_json: bool) -> None:
    """Show a role.

    \b
    axonpush role show careful
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/roles/{segment(slug)}"), as_json=as_json)


@command.command("delete")
@click.argument("slug")
@with_client
def delete(client: Client, *, slug: str, as_json: bool) -> None:
    """Delete a custom role that nobody has.

    \b
    axonpush role delete careful
    """  # noqa: D301 (\b keeps click from wrapping the example)
    client.call("DELETE", f"/roles/{segment(slug)}")
    print_done(f"The role {slug} is deleted.", as_json=as_json)


@command.command("bind")
@click.argument("role")
@click.option("--member", metavar="EMAIL", help="Who gets it.")
@click.option("--management-key", metavar="ID", help="Which management key gets it.")
@app_option
@click.option("--tier", metavar="TIER", help="In the environments of this tier, of all apps.")
@click.option("--environment", metavar="ENV", help="In this environment of the app.")
@with_client
def bind(
    client: Client,
    *,
    role: str,
    member: str | None,
    management_key: str | None,
    app_name: str | None,
    tier: str | None,
    environment: str | None,
    as_json: bool,
) -> None:
    """Give a role: in the organization, or in an app, a tier or an environment.

    \b
    axonpush role bind admin --member ann@shop.example
    axonpush role bind developer --member bob@shop.example --app my-shop
    axonpush role bind agent --management-key 01ARZ3NDEKTSV4RRFFQ69G5FAV --tier production
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    body = {"role": role, **where_of(client, app_name, tier, environment)}
    if member:
        body["memberId"] = member_of(client, member)["id"]
    if management_key:
        body["managementKeyId"] = management_key
    print_item(client.call("POST", "/role-bindings", body), as_json=as_json)


@command.command("bindings")
@click.option("--member", metavar="EMAIL", help="Only those of this member.")
@click.option("--management-key", metavar="ID", help="Only those of this management key.")
@with_client
def list_bindings(client: Client, *, member: str | None, management_key: str | None, as_json: bool) -> None:
    """List who has which role where.

    \b
    axonpush role bindings --member ann@shop.example
    """  # noqa: D301 (\b keeps click from wrapping the example)
    member_id = member_of(client, member)["id"] if member else None
    bindings = client.items("/role-bindings", memberId=member_id, managementKeyId=management_key)
    print_list(bindings, _BINDING_COLUMNS, as_json=as_json)


@command.command("unbind")
@click.argument("binding_id", metavar="ID")
@with_client
def unbind(client: Client, *, binding_id: str, as_json: bool) -> None:
    """Take a role away, by the id of its binding.

    \b
    axonpush role unbind 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    client.call("DELETE", f"/role-bindings/{segment(binding_id)}")
    print_done("The role is taken away.", as_json=as_json)
