"""`axonpush env`: the environments of an app by list, create and show."""

import click

from gateway.cli.client import Client, app_option, given, with_client
from gateway.cli.printing import print_item, print_list

_COLUMNS = {
    "slug": "slug",
    "name": "name",
    "production": "isProduction",
    "expires": "expiresAt",
    "ingest": "ingest",
    "partitions": "partitions",
    "retention days": "retentionDays",
    "id": "id",
}


@click.group("env", short_help="Environments of an app.")
def command() -> None:
    """Environments of an app: every event belongs to exactly one.

    \b
    axonpush env list
    axonpush env create staging --app my-shop
    axonpush env show staging --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@app_option
@with_client
def list_environments(client: Client, *, app_name: str | None, as_json: bool) -> None:
    """List the environments of an app."""
    app = client.app(app_name)
    print_list(client.items(f"/apps/{app['id']}/environments"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.argument("slug")
@app_option
@click.option("--name", help="Name for people; made from SLUG if it is not given.")
@click.option("--color", metavar="#RRGGBB", help="Color in tables and badges.")
@click.option("--production", "is_production", is_flag=True, help="Mark it as production.")
@click.option("--expires-at", metavar="TIME", help="Make it ephemeral until 2030-01-31T12:00:00Z.")
@click.option(
    "--require-confirmation/--no-require-confirmation",
    default=None,
    help="Ask before events are destroyed; production does unless told otherwise.",
)
@click.option("--partitions", type=int, help="Partitions of its topic; 6 for production, 1 if ephemeral, else 3.")
@click.option("--retention-days", type=int, help="Days that events are kept; 30 unless told otherwise.")
@with_client
def create(  # one parameter for each option
    client: Client,
    *,
    slug: str,
    app_name: str | None,
    name: str | None,
    color: str | None,
    is_production: bool,
    expires_at: str | None,
    require_confirmation: bool | None,
    partitions: int | None,
    retention_days: int | None,
    as_json: bool,
) -> None:
    """Make an environment and its topic.

    \b
    axonpush env create staging --app my-shop
    axonpush env create pr-42 --expires-at 2030-01-31T12:00:00Z
    axonpush env create eu --production --partitions 12 --retention-days 90
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    body = given(
        slug=slug,
        name=name,
        color=color,
        isProduction=is_production,
        expiresAt=expires_at,
        requireConfirmationForDestructive=require_confirmation,
        partitions=partitions,
        retentionDays=retention_days,
    )
    print_item(client.call("POST", f"/apps/{client.app(app_name)['id']}/environments", body), as_json=as_json)


@command.command("show")
@click.argument("environment")
@app_option
@with_client
def show(client: Client, *, environment: str, app_name: str | None, as_json: bool) -> None:
    """Show an environment by its slug or id."""
    print_item(client.environment(client.app(app_name), environment), as_json=as_json)
