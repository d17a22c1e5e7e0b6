"""`axonpush member`: the people of the organization by list, add, show, update and remove."""

import click

from gateway.cli.client import Client, Item, chosen, given, with_client
from gateway.cli.confirming import print_done
from gateway.cli.printing import print_item, print_list

_COLUMNS = {"email": "email", "name": "name", "id": "id", "created": "createdAt"}


@click.group("member", short_help="People of the organization.")
def command() -> None:
    """People of the organization: they act through management keys, with the roles that are bound to them.

    \b
    axonpush member add ann@shop.example --name Ann
    axonpush role bind developer --member ann@shop.example --tier development
    axonpush mk create --member ann@shop.example
    """  # noqa: D301 (\b keeps click from wrapping the examples)


def member_of(client: Client, name: str) -> Item:
    """Find a member by address or id."""
    return chosen(client.items("/members"), name, "member", by="email")


@command.command("list")
@with_client
def list_members(client: Client, *, as_json: bool) -> None:
    """List the members.

    \b
    axonpush member list
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_list(client.items("/members"), _COLUMNS, as_json=as_json)


@command.command("add")
@click.argument("email")
@click.option("--name", help="Name for people; the address if it is not given.")
@with_client
def add(client: Client, *, email: str, name: str | None, as_json: bool) -> None:
    """Add a member, who may do nothing until a role is bound.

    \b
    axonpush member add ann@shop.example --name Ann
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", "/members", {"email": email, "name": name or email}), as_json=as_json)


@command.command("show")
@click.argument("member")
@with_client
def show(client: Client, *, member: str, as_json: bool) -> None:
    """Show a member by address or id.

    \b
    axonpush member show ann@shop.example
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/members/{member_of(client, member)['id']}"), as_json=as_json)


@command.command("update")
@click.argument("member")
@click.option("--email", help="New address.")
@click.option("--name", help="New name.")
@with_client
def update(client: Client, *, member: str, email: str | None, name: str | None, as_json: bool) -> None:
    """Change a member; what is not given stays.

    \b
    axonpush member update ann@shop.example --name "Ann B."
    """  # noqa: D301 (\b keeps click from wrapping the example)
    path = f"/members/{member_of(client, member)['id']}"
    print_item(client.call("PATCH", path, given(email=email, name=name)), as_json=as_json)


@command.command("remove")
@click.argument("member")
@with_client
def remove(client: Client, *, member: str, as_json: bool) -> None:
    """Remove a member, with the roles and the keys of that person.

    \b
    axonpush member remove ann@shop.example
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = member_of(client, member)
    client.call("DELETE", f"/members/{found['id']}")
    print_done(f"{found['email']} is no member any more.", as_json=as_json)
