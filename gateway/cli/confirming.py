"""How commands confirm what cannot be taken back: the slug is typed on a terminal, or given as --confirm."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click
from msgspec import Struct

from gateway.cli.client import CallFailed, Client, Item
from gateway.cli.printing import print_item
from schemas.errors import Unprocessable

_F = TypeVar("_F", bound=Callable[..., Any])


confirm_option = click.option(
    "--confirm", metavar="SLUG", help="Confirm with the slug of what is destroyed; else it is asked for."
)


class Consent(Struct, frozen=True):
    """What was said on the command line for a destructive call: the slug that confirms it, and the approval's id."""

    confirm: str | None
    approval: str | None = None


def with_consent(function: _F) -> _F:
    """Give a command `consent` as a keyword argument, and the options that it needs."""

    @wraps(function)
    def command(*, confirm: str | None, approval: str | None, **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        return function(consent=Consent(confirm, approval), **arguments)

    decorated: Any = click.option(
        "--approval", metavar="ID", help="What somebody approved, where your own roles do not allow this."
    )(command)
    return confirm_option(decorated)


def destroy(client: Client, method: str, path: str, consent: Consent, body: Item | None = None) -> Item:
    """Make a call that may ask for a confirmation, and confirm it.

    Raises:
        CallFailed: the gateway refused; the message says so where an approval can be asked for.
        Unprocessable: another slug was given, or none and there is no terminal to ask on.
    """
    headers = {"X-Approval": consent.approval} if consent.approval else {}
    try:
        return client.call(method, path, body, headers)
    except CallFailed as error:
        problem = error.problem
        if "approval" in problem:
            raise CallFailed(f"{error.message} From here: {_asking(problem['approval'])}", problem) from None
        if "challenge" not in problem:
            raise
    slug = problem["confirm"]
    confirm = _asked(slug, problem["impact"]) if consent.confirm is None else consent.confirm
    if confirm != slug:
        raise Unprocessable(f"Nothing was done: {confirm!r} is not the slug {slug!r}.")
    confirmed = {"X-Confirm": slug, "X-Confirm-Challenge": problem["challenge"]}
    return client.call(method, path, body, {**headers, **confirmed})


def print_done(sentence: str, *, as_json: bool) -> None:
    """Say that something was done for which the gateway has no answer."""
    if as_json:
        print_item({}, as_json=True)
    else:
        click.echo(sentence)


def _asking(approval: Item) -> str:
    """Answer the command that asks for an approval."""
    flags = {"environmentId": "environment", "channelId": "channel", "keyId": "key", "retentionDays": "retention-days"}
    given = " ".join(f"--{flag} {approval[field]}" for field, flag in flags.items() if field in approval)
    return f"axonpush approval ask {approval['action']} {given} --reason TEXT"


def _asked(slug: str, impact: Item) -> str:
    """Tell what would be destroyed and ask for the slug."""
    what = f"{impact['events']} events ({impact['bytes']} bytes) and {impact['keys']} keys and tokens, for good"
    if not any(impact.values()):
        what = "nothing that is there now (0 events, 0 keys and tokens), but is guarded"
    if not sys.stdin.isatty():
        raise Unprocessable(f"This destroys {what}. Repeat the command with --confirm {slug}.")
    click.echo(f"This destroys {what}.", err=True)
    return click.prompt(f"Type {slug} to go on", err=True)
