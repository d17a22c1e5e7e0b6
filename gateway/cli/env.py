"""`axonpush env`: the environments of an app by list, create, show and update; more stands in `env_steps`."""

from typing import Any

import click

from gateway.cli import env_limits, env_preview, env_rejections, env_steps
from gateway.cli.client import Client, app_option, given, with_client
from gateway.cli.confirming import Consent, destroy, with_consent
from gateway.cli.env_steps import max_ttl_of, max_ttl_option
from gateway.cli.printing import print_item, print_list
from schemas.environment import Ingest

_COLUMNS = {
    "slug": "slug",
    "name": "name",
    "tier": "tier",
    "production": "isProduction",
    "expires": "expiresAt",
    "ingest": "ingest",
    "partitions": "partitions",
    "retention days": "retentionDays",
    "id": "id",
}
_NEVER = "never"
_NONE = "none"
_INGEST = click.Choice([each.value for each in Ingest])


@click.group("env", short_help="Environments of an app.")
def command() -> None:
    """Environments of an app: every event belongs to exactly one.

    \b
    axonpush env list
    axonpush env create staging --app my-shop
    axonpush env show staging --json
    axonpush env wipe staging
    axonpush env preview upsert acme/shop#42 --ttl 2d
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@app_option
@with_client
def list_environments(client: Client, *, app_name: str | None, as_json: bool) -> None:
    """List the environments of an app.

    \b
    axonpush env list
    axonpush env list --app my-shop --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    app = client.app(app_name)
    print_list(client.items(f"/apps/{app['id']}/environments"), _COLUMNS, as_json=as_json)


@command.command("create")
@click.argument("slug")
@app_option
@click.option("--name", help="Name for people; made from SLUG if it is not given.")
@click.option("--tier", metavar="TIER", help="development, qa or production; by what it is for unless told otherwise.")
@click.option("--color", metavar="#RRGGBB", help="Color in tables and badges.")
@click.option("--production", "is_production", is_flag=True, help="Mark it as production.")
@click.option("--expires-at", metavar="TIME", help="Make it ephemeral until 2030-01-31T12:00:00Z.")
@max_ttl_option
@click.option(
    "--require-confirmation/--no-require-confirmation",
    default=None,
    help="Ask before events are destroyed; production does unless told otherwise.",
)
@click.option("--protect", "delete_protected", is_flag=True, help="Refuse to delete it.")
@click.option("--partitions", type=int, help="Partitions of its topic; 6 for production, 1 if ephemeral, else 3.")
@click.option("--retention-days", type=int, help="Days that events are kept; 30 unless told otherwise.")
@click.option("--ingest", type=_INGEST, help="Whether it takes events; it does unless told otherwise.")
@click.option("--source-ref", metavar="REF", help="Branch or pull request that it is made for.")
@with_client
def create(  # one parameter for each option
    client: Client,
    *,
    slug: str,
    app_name: str | None,
    name: str | None,
    tier: str | None,
    color: str | None,
    is_production: bool,
    expires_at: str | None,
    max_ttl: int | None,
    require_confirmation: bool | None,
    delete_protected: bool,
    partitions: int | None,
    retention_days: int | None,
    ingest: str | None,
    source_ref: str | None,
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
        tier=tier,
        color=color,
        isProduction=is_production,
        expiresAt=expires_at,
        requireConfirmationForDestructive=require_confirmation,
        deleteProtected=delete_protected,
        partitions=partitions,
        retentionDays=retention_days,
        ingest=ingest,
        sourceRef=source_ref,
    ) | max_ttl_of(max_ttl)
    print_item(client.call("POST", f"/apps/{client.app(app_name)['id']}/environments", body), as_json=as_json)


@command.command("show")
@click.argument("environment")
@app_option
@with_client
def show(client: Client, *, environment: str, app_name: str | None, as_json: bool) -> None:
    """Show an environment by its slug, or by its id, which needs no --app.

    \b
    axonpush env show staging --app my-shop
    axonpush env show 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment_of(app_name, environment)
    print_item(client.call("GET", f"/environments/{found['id']}"), as_json=as_json)


@command.command("update")
@click.argument("environment")
@app_option
@click.option("--name", help="Name for people.")
@click.option("--tier", metavar="TIER", help="development, qa or production.")
@click.option("--color", metavar="#RRGGBB", help="Color in tables and badges.")
@click.option("--production/--no-production", "is_production", default=None, help="Whether it is production.")
@click.option("--expires-at", metavar="TIME", help=f"When it ends: 2030-01-31T12:00:00Z, or {_NEVER}.")
@max_ttl_option
@click.option(
    "--require-confirmation/--no-require-confirmation",
    default=None,
    help="Ask before events are destroyed; to ask no more is asked about.",
)
@click.option("--protect/--no-protect", "delete_protected", default=None, help="Refuse to delete it.")
@click.option("--partitions", type=int, help="Partitions of its topic; there can only be more.")
@click.option("--retention-days", type=int, help="Days that events are kept; fewer is asked about.")
@click.option("--ingest", type=_INGEST, help="Whether it takes events; `env pause` and others do the same.")
@click.option("--source-ref", metavar="REF", help=f"Branch or pull request that it is for, or {_NONE}.")
@with_consent
@with_client
def update(  # one parameter for each option
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    name: str | None,
    tier: str | None,
    color: str | None,
    is_production: bool | None,
    expires_at: str | None,
    max_ttl: int | None,
    require_confirmation: bool | None,
    delete_protected: bool | None,
    partitions: int | None,
    retention_days: int | None,
    ingest: str | None,
    source_ref: str | None,
    consent: Consent,
    as_json: bool,
) -> None:
    """Change an environment; what is not given stays. The slug never changes.

    \b
    axonpush env update staging --name "Staging EU" --color "#112233"
    axonpush env update production --retention-days 7 --confirm production
    axonpush env update staging --ingest paused --source-ref main
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment_of(app_name, environment)
    body: dict[str, Any] = given(
        name=name,
        tier=tier,
        color=color,
        isProduction=is_production,
        requireConfirmationForDestructive=require_confirmation,
        deleteProtected=delete_protected,
        partitions=partitions,
        retentionDays=retention_days,
        ingest=ingest,
    ) | max_ttl_of(max_ttl)
    if expires_at is not None:
        body["expiresAt"] = None if expires_at == _NEVER else expires_at
    if source_ref is not None:
        body["sourceRef"] = None if source_ref == _NONE else source_ref
    print_item(destroy(client, "PATCH", f"/environments/{found['id']}", consent, body), as_json=as_json)


for _step in (*env_steps.COMMANDS, *env_limits.COMMANDS):
    command.add_command(_step)
command.add_command(env_preview.command)
command.add_command(env_rejections.rejections)
