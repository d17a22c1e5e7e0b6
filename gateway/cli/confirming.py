"""How commands confirm what cannot be taken back: the slug is typed on a terminal, or given as --confirm."""

import sys

import click

from gateway.cli.client import CallFailed, Client, Item
from gateway.cli.printing import print_item
from schemas.errors import Unprocessable

confirm_option = click.option(
    "--confirm", metavar="SLUG", help="Confirm with the slug of what is destroyed; else it is asked for."
)


def destroy(client: Client, method: str, path: str, confirm: str | None, body: Item | None = None) -> Item:
    """Make a call that may ask for a confirmation, and confirm it.

    Raises:
        CallFailed: the gateway refused.
        Unprocessable: another slug was given, or none and there is no terminal to ask on.
    """
    try:
        return client.call(method, path, body)
    except CallFailed as error:
        problem = error.problem
        if "challenge" not in problem:
            raise
    slug = problem["confirm"]
    if confirm is None:
        confirm = _asked(slug, problem["impact"])
    if confirm != slug:
        raise Unprocessable(f"Nothing was done: {confirm!r} is not the slug {slug!r}.")
    return client.call(method, path, body, {"X-Confirm": slug, "X-Confirm-Challenge": problem["challenge"]})


def print_done(sentence: str, *, as_json: bool) -> None:
    """Say that something was done for which the gateway has no answer."""
    if as_json:
        print_item({}, as_json=True)
    else:
        click.echo(sentence)


def _asked(slug: str, impact: Item) -> str:
    """Tell what would be destroyed and ask for the slug."""
    what = f"{impact['events']} events ({impact['bytes']} bytes) and {impact['keys']} keys and tokens"
    if not sys.stdin.isatty():
        raise Unprocessable(f"This destroys {what}. Repeat the command with --confirm {slug}.")
    click.echo(f"This destroys {what}, for good.", err=True)
    return click.prompt(f"Type {slug} to go on", err=True)
