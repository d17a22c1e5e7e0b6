"""`axonpush tier`: the environments of the organization, by list."""

import click

from gateway.cli.client import Client, with_client
from gateway.cli.printing import print_list

_COLUMNS = {"slug": "slug", "name": "name"}


@click.group("tier", short_help="Environments of the organization: Development, QA, Production.")
def command() -> None:
    """Environments of the organization: each environment of an app belongs to one, and roles can be bound to it.

    \b
    axonpush tier list
    axonpush env update staging --tier qa
    axonpush role bind developer --member ann@shop.example --tier qa
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@with_client
def list_tiers(client: Client, *, as_json: bool) -> None:
    """List the tiers that your roles reach.

    \b
    axonpush tier list --json
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_list(client.items("/tiers"), _COLUMNS, as_json=as_json)
