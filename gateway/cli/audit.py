"""`axonpush audit`: what was done, by list, and whether the log is whole, by verify."""

from typing import NoReturn

import click
import msgspec

from gateway.cli.client import Client, app_option, with_client
from gateway.cli.printing import print_item, print_list
from schemas.errors import GatewayError

_COLUMNS = {
    "seq": "seq",
    "at": "at",
    "actor": "actor",
    "action": "action",
    "target": "target",
    "environment": "environmentId",
}


class LogIsBroken(GatewayError):
    """The audit log is not as it was written."""

    reason = "audit_broken"


@click.group("audit", short_help="What was done, and that nobody changed the log.")
def command() -> None:
    """What was done, by whom, and that nobody changed the log.

    \b
    axonpush audit list --environment production
    axonpush audit verify
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@click.option(
    "--environment", metavar="ENV", help="Only what concerns this environment; by its id also one that is gone."
)
@click.option("--actor", metavar="ACTOR", help="Only what member:ID, key:ID or system did.")
@app_option
@with_client
def list_entries(
    client: Client, *, environment: str | None, actor: str | None, app_name: str | None, as_json: bool
) -> None:
    """List what was done, oldest first; --json shows what was changed, too.

    \b
    axonpush audit list --environment production
    axonpush audit list --environment 01ARZ3NDEKTSV4RRFFQ69G5FAV --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    environment_id = _environment_id(client, app_name, environment) if environment else None
    print_list(client.items("/audit", environmentId=environment_id, actor=actor), _COLUMNS, as_json=as_json)


@command.command("verify")
@click.option("--head", metavar="SEQ:HASH", help="An end of the log that was printed earlier: it must still be in it.")
@with_client
def verify(client: Client, *, head: str | None, as_json: bool) -> None:
    """Check that no entry of the log was changed, taken out or cut off; exit code 1 if one was.

    Keep what is printed elsewhere: a log that was written anew as a whole is noticed by it.

    \b
    axonpush audit verify
    axonpush audit verify --head 120:5f0c...
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    from gateway.control.guarding.chain import fault_of
    from gateway.control.roles.access_types import AuditEntry, AuditHead

    # The end first: what is written meanwhile stands behind it.
    end = msgspec.convert(client.call("GET", "/audit/head"), AuditHead)
    entries = msgspec.json.decode(msgspec.json.encode(client.items("/audit")), type=list[AuditEntry])
    fault = fault_of(entries[: end.seq], end)
    if fault:
        _broken(fault)
    if head is not None and head not in {f"{entry.seq}:{entry.hash}" for entry in entries}:
        _broken(f"{head} is not in the log.")
    print_item({"entries": end.seq, "head": f"{end.seq}:{end.hash}"}, as_json=as_json)


def _broken(fault: str) -> NoReturn:
    raise LogIsBroken(f"The audit log is broken: {fault}")


def _environment_id(client: Client, app_name: str | None, name: str) -> str:
    """Find an environment's id by its slug; the log tells of those that are gone too, and they have nothing but ids."""
    is_id = name != name.lower()  # no slug has capitals
    return name if is_id else client.environment_of(app_name, name)["id"]
