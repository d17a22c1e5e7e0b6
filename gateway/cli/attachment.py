"""`axonpush attachment`: files that came with Sentry events, and their bytes."""

from pathlib import Path
from urllib.parse import urlencode

import click

from gateway.cli.client import CallFailed, Client, app_option, given, segment, with_client
from gateway.cli.events import moment
from gateway.cli.printing import print_item, print_list

_COLUMNS = {
    "received": "receivedAt",
    "file": "filename",
    "bytes": "sizeBytes",
    "type": "type",
    "complete": "complete",
    "event": "eventId",
    "request": "ingestId",
    "item": "item",
}
_env_option = click.option("--env", "environment", metavar="ENV", required=True, help="Slug or id of the environment.")


@click.group("attachment", short_help="Files that came with Sentry events.")
def command() -> None:
    """Files that came with Sentry events: minidumps, screenshots, logs, and other items of their size.

    \b
    axonpush attachment list --env production
    axonpush attachment get 0199f0c1a2b37d4e8f00112233445566 2 --env production --output core.dmp
    """  # noqa: D301 (\b keeps click from wrapping the examples)


@command.command("list")
@_env_option
@app_option
@click.option("--event", "event_id", metavar="ID", help="Only those of this event.")
@click.option(
    "--from", "since", metavar="TIME", help="Received from then on: 2030-01-31T12:00:00Z, or 15m, 2h, 3d ago."
)
@click.option("--to", "until", metavar="TIME", help="Received before then.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@with_client
def list_attachments(
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    event_id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List attachments, the newest first; those of the last thirty days where no time is given.

    \b
    axonpush attachment list --env production --event 0af7651916cd43dd8448eb211c80319c
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = client.environment_of(app_name, environment)
    times = {"from": moment(since), "to": moment(until)}
    query = given(eventId=event_id and event_id.replace("-", ""), limit=limit, **times)
    answer = client.call("GET", f"/environments/{found['id']}/attachments?{urlencode(query)}")
    print_list(answer["items"], _COLUMNS, as_json=as_json)


@command.command("get")
@click.argument("request", metavar="REQUEST")
@click.argument("item", metavar="ITEM")
@_env_option
@app_option
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="File to write.")
@with_client
def get(
    client: Client,
    *,
    request: str,
    item: str,
    environment: str,
    app_name: str | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write the bytes of an attachment, which `attachment list` names by REQUEST and ITEM, to a file.

    \b
    axonpush attachment get 0199f0c1a2b37d4e8f00112233445566 2 --env production --output core.dmp
    """  # noqa: D301 (\b keeps click from wrapping the example)
    found = client.environment_of(app_name, environment)
    path = f"/environments/{found['id']}/attachments/{segment(request)}/{segment(item)}"
    # What is there already stays until all of it has come.
    unfinished = output.with_name(f"{output.name}.part")
    try:
        with unfinished.open("wb") as file:
            size_bytes = client.download(path, file)
        unfinished.replace(output)
    except OSError as error:
        raise CallFailed(f"{output} cannot be written: {error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    print_item({"file": str(output), "sizeBytes": size_bytes}, as_json=as_json)
