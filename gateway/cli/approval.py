"""`axonpush approval`: asking for a destructive call that one may not make alone, and deciding on what others ask."""

import click

from gateway.cli.client import Client, app_option, given, segment, with_client
from gateway.cli.printing import print_item, print_list
from gateway.control.guarding.approval_types import Action, State

_COLUMNS = {
    "id": "id",
    "state": "state",
    "action": "action",
    "asked for by": "requestedBy",
    "reason": "reason",
    "expires": "expiresAt",
    "environment": "environmentId",
    "channel": "channelId",
    "key": "keyId",
}

_reason_option = click.option("--reason", metavar="TEXT", help="Why, for who asked and for the audit log.")


@click.group("approval", short_help="Destructive calls that somebody else approves.")
def command() -> None:
    """Destructive calls that your roles do not allow: ask for one, let somebody approve it, make it with --approval.

    \b
    axonpush approval ask environment.wipe --environment production --reason "Passwords in the logs"
    axonpush approval approve 01ARZ3NDEKTSV4RRFFQ69G5FAV
    axonpush env wipe production --approval 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@click.option("--state", type=click.Choice([each.value for each in State]), help="Only those that have come so far.")
@with_client
def list_approvals(client: Client, *, state: str | None, as_json: bool) -> None:
    """List the approvals that you asked for, and those that you may decide on.

    \b
    axonpush approval list --state pending
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_list(client.items("/approvals", state=state), _COLUMNS, as_json=as_json)


@command.command("show")
@click.argument("approval_id", metavar="ID")
@with_client
def show(client: Client, *, approval_id: str, as_json: bool) -> None:
    """Show an approval: what is asked for, by whom, why, and what became of it.

    \b
    axonpush approval show 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("GET", _path(approval_id)), as_json=as_json)


@command.command("ask")
@click.argument("action", type=click.Choice([each.value for each in Action]))
@click.option("--environment", metavar="ENV", help="Slug or id of the environment to wipe, delete or keep shorter.")
@click.option("--channel", metavar="CHANNEL", help="Number or slug of the channel to delete.")
@click.option("--key", "key_id", metavar="ID", help="The API key to revoke.")
@click.option("--retention-days", type=int, help="The fewest days that events shall be kept.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for who decides and for the audit log.")
@app_option
@with_client
def ask(
    client: Client,
    *,
    action: str,
    environment: str | None,
    channel: str | None,
    key_id: str | None,
    retention_days: int | None,
    reason: str,
    app_name: str | None,
    as_json: bool,
) -> None:
    """Ask for a call that your roles do not allow; once it is approved, make it with --approval ID.

    \b
    axonpush approval ask environment.wipe --environment production --reason "Passwords in the logs"
    axonpush approval ask environment.lower_retention --environment production --retention-days 7 --reason Costs
    axonpush approval ask channel.delete --channel old --reason "Nobody uses it"
    axonpush approval ask key.revoke --key 01ARZ3NDEKTSV4RRFFQ69G5FAV --reason "It leaked"
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    body = given(
        action=action,
        environmentId=client.environment_of(app_name, environment)["id"] if environment else None,
        channelId=_channel_id(client, app_name, channel) if channel else None,
        keyId=key_id,
        retentionDays=retention_days,
        reason=reason,
    )
    print_item(client.call("POST", "/approvals", body), as_json=as_json)


@command.command("approve")
@click.argument("approval_id", metavar="ID")
@_reason_option
@with_client
def approve(client: Client, *, approval_id: str, reason: str | None, as_json: bool) -> None:
    """Allow the call, once, to who asked for it; your own roles must allow it.

    \b
    axonpush approval approve 01ARZ3NDEKTSV4RRFFQ69G5FAV
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", f"{_path(approval_id)}/approve", given(reason=reason)), as_json=as_json)


@command.command("reject")
@click.argument("approval_id", metavar="ID")
@_reason_option
@with_client
def reject(client: Client, *, approval_id: str, reason: str | None, as_json: bool) -> None:
    """Refuse what somebody asked for.

    \b
    axonpush approval reject 01ARZ3NDEKTSV4RRFFQ69G5FAV --reason "Pause it instead"
    """  # noqa: D301 (\b keeps click from wrapping the example)
    print_item(client.call("POST", f"{_path(approval_id)}/reject", given(reason=reason)), as_json=as_json)


def _channel_id(client: Client, app_name: str | None, channel: str) -> int:
    return int(channel) if channel.isdecimal() else client.channel(client.app(app_name), channel)["id"]


def _path(approval_id: str) -> str:
    return f"/approvals/{segment(approval_id)}"
