"""`axonpush env policy` and `axonpush env usage`: what an environment may be sent, and what it was sent."""

from collections.abc import Callable
from urllib.parse import urlencode

import click

from gateway.cli.client import Client, Item, app_option, given, with_client
from gateway.cli.printing import print_item, print_list
from gateway.cli.rights import limit_options
from gateway.cli.sentry_categories import category_option

_COLUMNS = {
    "at": "at",
    "requests": "requests",
    "items": "items",
    "bytes": "bytes",
    "rejected": "rejected",
    "key or token": "credentialId",
}
_OUTCOMES = {name: name for name in ("at", "outcome", "reason", "category", "quantity")}


@click.command("policy")
@click.argument("environment")
@app_option
@limit_options
@category_option
@with_client
def policy(
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    limits: Callable[[Item], Item],
    categories: Callable[[Item], Item],
    as_json: bool,
) -> None:
    """Show the limits of an environment, for all its keys together, or change those that are given.

    \b
    axonpush env policy staging
    axonpush env policy staging --requests-per-second 100 --burst 500
    axonpush env policy staging --monthly-bytes 1000000000 --over-quota accept
    axonpush env policy staging --requests-per-second none --burst none
    axonpush env policy staging --category replay=0 --category error=6000 --category span=none
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    path = f"/environments/{client.environment_of(app_name, environment)['id']}/policy"
    current = client.call("GET", path)
    changes = {**limits(current), **categories(current)}
    print_item(client.call("PATCH", path, changes) if changes else current, as_json=as_json)


@click.command("usage")
@click.argument("environment")
@app_option
@click.option("--from", "since", metavar="TIME", help="Beginning: 2030-01-31T12:00:00Z; else a day before the end.")
@click.option("--to", "until", metavar="TIME", help="End; else now.")
@click.option("--step", type=click.Choice(["minute", "hour", "day"]), help="Time that a row covers; else an hour.")
@with_client
def usage(
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    since: str | None,
    until: str | None,
    step: str | None,
    as_json: bool,
) -> None:
    """Show what each key and token sent to an environment, and how many requests were refused and why.

    Below it, where there is any: what of Sentry's SDKs is stored, and what they report that they did not send and why.

    \b
    axonpush env usage production
    axonpush env usage production --from 2030-01-01T00:00:00Z --to 2030-02-01T00:00:00Z --step day
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment_of(app_name, environment)
    query = urlencode(given(**{"from": since, "to": until, "step": step}))
    answer = client.call("GET", f"/environments/{found['id']}/usage?{query}")
    if as_json:
        print_item(answer, as_json=True)
    else:
        print_list(answer["items"], _COLUMNS, as_json=False)
        if answer["sentry"]:
            click.echo()
            print_list(answer["sentry"], _OUTCOMES, as_json=False)


COMMANDS = (policy, usage)
