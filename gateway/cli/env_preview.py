"""`axonpush env preview`: the ephemeral environment of a branch or pull request, by its ref."""

import click

from gateway.cli.client import Client, app_option, given, segment, with_client
from gateway.cli.confirming import print_done
from gateway.cli.env_steps import Duration, max_ttl_of, max_ttl_option
from gateway.cli.printing import print_item


@click.group("preview", short_help="The environment of a branch or pull request.")
def command() -> None:
    """The ephemeral environment of a branch or pull request, by its ref.

    \b
    axonpush env preview upsert acme/shop#42 --ttl 2d --max-ttl 14d
    axonpush env preview delete acme/shop#42
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("upsert")
@click.argument("ref")
@click.option("--ttl", type=Duration(), required=True, metavar="TIME", help="Live at least so long from now: 12h, 7d.")
@max_ttl_option
@click.option("--name", help="Name for people; the ref if it is not given.")
@click.option("--channel", metavar="CHANNEL", help="Number or slug of its token's channel; else the app's default one.")
@app_option
@with_client
def upsert(
    client: Client,
    *,
    ref: str,
    ttl: int,
    max_ttl: int | None,
    name: str | None,
    channel: str | None,
    app_name: str | None,
    as_json: bool,
) -> None:
    """Make the preview of a ref and print its token, this once; or let it live on.

    \b
    axonpush env preview upsert acme/shop#42 --ttl 2d
    axonpush env preview upsert acme/shop#42 --ttl 2d --max-ttl 14d
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    app = client.app(app_name)
    channel_id = client.channel(app, channel)["id"] if channel else None
    body = given(ttlSeconds=ttl, name=name, channelId=channel_id) | max_ttl_of(max_ttl)
    preview = client.call("PUT", f"/apps/{app['id']}/environments/by-ref/{segment(ref)}", body)
    print_item(preview if as_json else {**preview["environment"], "token": preview["token"]}, as_json=as_json)
    if preview["token"] and not as_json:
        click.echo("Keep the token now: it is not shown again.", err=True)


@command.command("delete")
@click.argument("ref")
@app_option
@with_client
def delete(client: Client, *, ref: str, app_name: str | None, as_json: bool) -> None:
    """Delete the preview of a ref; where there is none, nothing happens.

    \b
    axonpush env preview delete acme/shop#42
    """  # noqa: D301 (\b keeps click from wrapping the example)
    client.call("DELETE", f"/apps/{client.app(app_name)['id']}/environments/by-ref/{segment(ref)}")
    print_done(f"There is no preview of {ref} any more.", as_json=as_json)
