"""What the commands of keys and of tokens share: the secret that is shown once, rotation, revocation."""

import click

from gateway.cli.client import Client, Item, given
from gateway.cli.env_steps import Duration
from gateway.cli.printing import print_item

_WAIT_MAX_SECONDS = 30

overlap_option = click.option(
    "--overlap", type=Duration(), metavar="TIME", help="How long the one before stays good: 12h or 7d; else a day."
)
wait_option = click.option(
    "--wait",
    type=click.IntRange(0, _WAIT_MAX_SECONDS),
    metavar="SECONDS",
    help="Wait until every edge process refuses it, and say which do; at most 30 s.",
)


def print_secret(item: Item, what: str, *, as_json: bool) -> None:
    """Print a key or a token that was just made, and that this was the only time."""
    print_item(item, as_json=as_json)
    if not as_json:
        click.echo(f"Keep the {what} now: it is not shown again.", err=True)


def print_successor(client: Client, path: str, overlap_seconds: int | None, what: str, *, as_json: bool) -> None:
    """Rotate a key or a token and print the new one."""
    made = client.call("POST", f"{path}/rotate", given(overlapSeconds=overlap_seconds))
    print_secret(made, what, as_json=as_json)


def revoke_path(path: str, wait_seconds: int | None) -> str:
    """Answer the path of a revocation that waits, if it is to."""
    return f"{path}/revoke" if wait_seconds is None else f"{path}/revoke?wait={wait_seconds}"
