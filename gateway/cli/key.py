"""`axonpush key`: API keys by list, show, create, update, rotate and revoke."""

from collections.abc import Callable
from typing import Any

import click

from gateway.cli.client import Client, Item, app_option, given, segment, with_client
from gateway.cli.confirming import Consent, destroy, with_consent
from gateway.cli.credential import overlap_option, print_secret, print_successor, revoke_path, wait_option
from gateway.cli.printing import print_item, print_list
from gateway.cli.rights import limit_options, list_options

_COLUMNS = {
    "name": "name",
    "hint": "hint",
    "ends in": "last4",
    "override": "allowEnvironmentOverride",
    "expires": "expiresAt",
    "last used": "lastUsedAt",
    "revoked": "revokedAt",
    "id": "id",
    "environment": "environmentId",
}
_ALL = "all"
_NEVER = "never"

_environment_option = click.option("--environment", metavar="ENV", help="Slug or id of its environment.")
_overrides_option = click.option(
    "--override-environments",
    metavar="SLUGS",
    help=f"Environments that it may name in X-Axonpush-Environment, separated by commas; {_ALL} for any of its app.",
)
_expiry_option = click.option("--expires-at", metavar="TIME", help=f"When it ends: 2030-01-31T12:00:00Z, or {_NEVER}.")


@click.group("key", short_help="API keys (ak_).")
def command() -> None:
    """API keys (ak_): each is bound to one environment of one app.

    \b
    axonpush key list --app my-shop
    axonpush key create --app my-shop --environment staging
    axonpush key rotate 01ARZ3NDEKTSV4RRFFQ69G5FAV --overlap 12h
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@app_option
@_environment_option
@with_client
def list_keys(client: Client, *, app_name: str | None, environment: str | None, as_json: bool) -> None:
    """List the keys of all apps, of one app, or of one environment.

    \b
    axonpush key list
    axonpush key list --app my-shop --environment staging
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    query: dict[str, str] = {}
    if app_name or environment:
        app = client.app(app_name)
        query["appId"] = app["id"]
        if environment:
            query["environmentId"] = client.environment(app, environment)["id"]
    print_list(client.items("/api-keys", **query), _COLUMNS, as_json=as_json)


@command.command("show")
@click.argument("key_id", metavar="ID")
@with_client
def show(client: Client, *, key_id: str, as_json: bool) -> None:
    """Show a key, without its text.

    \b
    axonpush key show 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", f"/api-keys/{segment(key_id)}"), as_json=as_json)


@command.command("create")
@app_option
@_environment_option
@click.option("--name", help="Name for people.")
@click.option("--allow-environment-override", is_flag=True, help="Let requests name another environment.")
@_overrides_option
@_expiry_option
@list_options
@limit_options
@with_client
def create(
    client: Client,
    *,
    app_name: str | None,
    environment: str | None,
    name: str | None,
    allow_environment_override: bool,
    override_environments: str | None,
    expires_at: str | None,
    lists: Item,
    limits: Callable[[Item], Item],
    as_json: bool,
) -> None:
    """Make a key and print it, this once. Without --environment it is for the app's default one.

    \b
    axonpush key create --app my-shop
    axonpush key create --environment staging --name ci --expires-at 2030-01-31T12:00:00Z
    axonpush key create --allow-environment-override --override-environments staging,preview
    axonpush key create --scope logs --scope traces --network 10.0.0.0/8 --requests-per-second 50
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    app = client.app(app_name)
    body = given(
        appId=app["id"],
        environmentId=client.environment(app, environment)["id"] if environment else None,
        name=name,
        allowEnvironmentOverride=allow_environment_override,
        **_nullable(override_environments, expires_at),
        **lists,
        **limits({}),
    )
    print_secret(client.call("POST", "/api-keys", body), "key", as_json=as_json)


@command.command("update")
@click.argument("key_id", metavar="ID")
@_environment_option
@click.option("--name", help="Name for people.")
@click.option(
    "--allow-environment-override/--no-allow-environment-override",
    default=None,
    help="Whether requests may name another environment.",
)
@_overrides_option
@_expiry_option
@list_options
@limit_options
@with_client
def update(
    client: Client,
    *,
    key_id: str,
    environment: str | None,
    name: str | None,
    allow_environment_override: bool | None,
    override_environments: str | None,
    expires_at: str | None,
    lists: Item,
    limits: Callable[[Item], Item],
    as_json: bool,
) -> None:
    """Change a key; what is not given stays.

    \b
    axonpush key update 01ARZ3NDEKTSV4RRFFQ69G5FAV --allow-environment-override
    axonpush key update 01ARZ3NDEKTSV4RRFFQ69G5FAV --environment staging --expires-at never
    axonpush key update 01ARZ3NDEKTSV4RRFFQ69G5FAV --network any --monthly-requests 1000000
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    path = f"/api-keys/{segment(key_id)}"
    environment_id = None
    current = client.call("GET", path)
    if environment:
        app = client.app(current["appId"])
        environment_id = client.environment(app, environment)["id"]
    body = given(environmentId=environment_id, name=name, allowEnvironmentOverride=allow_environment_override)
    body |= {**_nullable(override_environments, expires_at), **lists, **limits(current)}
    print_item(client.call("PATCH", path, body), as_json=as_json)


@command.command("rotate")
@click.argument("key_id", metavar="ID")
@overlap_option
@with_client
def rotate(client: Client, *, key_id: str, overlap: int | None, as_json: bool) -> None:
    """Make a key of the same rights and print it, this once; the one before goes on being good for a while.

    \b
    axonpush key rotate 01ARZ3NDEKTSV4RRFFQ69G5FAV
    axonpush key rotate 01ARZ3NDEKTSV4RRFFQ69G5FAV --overlap 0s
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    print_successor(client, f"/api-keys/{segment(key_id)}", overlap, "key", as_json=as_json)


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@wait_option
@with_consent
@with_client
def revoke(client: Client, *, key_id: str, wait: int | None, consent: Consent, as_json: bool) -> None:
    """End a key for good, on every edge within a second; the last one of production is asked about.

    \b
    axonpush key revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV
    axonpush key revoke 01ARZ3NDEKTSV4RRFFQ69G5FAV --wait 10
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    path = revoke_path(f"/api-keys/{segment(key_id)}", wait)
    print_item(destroy(client, "POST", path, consent), as_json=as_json)


def _nullable(override_environments: str | None, expires_at: str | None) -> dict[str, Any]:
    """Make the fields whose null says something: any environment, and no expiry."""
    fields: dict[str, Any] = {}
    if override_environments is not None:
        slugs = [slug.strip() for slug in override_environments.split(",") if slug.strip()]
        fields["overrideEnvironments"] = None if override_environments == _ALL else slugs
    if expires_at is not None:
        fields["expiresAt"] = None if expires_at == _NEVER else expires_at
    return fields
