"""`axonpush events`: what is stored of an environment."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import click

from gateway.cli.client import Client, Item, app_option, given, with_client
from gateway.cli.printing import print_list
from gateway.runtime.clock import now_ns
from schemas.stored import EventKind

_COLUMNS = {"received": "receivedAt", "kind": "kind", "service": "service", "what": "what", "trace": "trace"}
_AGO = re.compile(r"(\d{1,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PAGE_MAX_COUNT = 1000
_WHAT_MAX_CHARACTERS = 120
# What tells people which event it is: the first of these fields that it has.
_NAMES = ("name", "value", "body", "eventName", "type")


@click.command("events", short_help="Events that are stored of an environment.")
@click.option("--env", "environment", metavar="ENV", required=True, help="Slug or id of the environment.")
@app_option
@click.option("--kind", type=click.Choice([kind.value for kind in EventKind]), help="Only events of this kind.")
@click.option(
    "--from", "since", metavar="TIME", help="Received from then on: 2030-01-31T12:00:00Z, or 15m, 2h, 3d ago."
)
@click.option("--to", "until", metavar="TIME", help="Received before then.")
@click.option("--trace", "trace_id", metavar="ID", help="Only events of this trace.")
@click.option("--newest", is_flag=True, help="The newest first, not the oldest.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@with_client
def command(
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    kind: str | None,
    since: str | None,
    until: str | None,
    trace_id: str | None,
    newest: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List what is stored of an environment, by time of receipt; of the last day where no time is given.

    \b
    axonpush events --env production --kind error --newest
    axonpush events --env staging --from 15m --json
    axonpush events --env production --trace 0af7651916cd43dd8448eb211c80319c
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment_of(app_name, environment)
    query = given(
        kind=kind,
        traceId=trace_id,
        order="newest" if newest else None,
        **{"from": moment(since), "to": moment(until)},
    )
    items = _read(client, f"/environments/{found['id']}/events", query, limit)
    print_list(items if as_json else [_shown(item) for item in items], _COLUMNS, as_json=as_json)


def _read(client: Client, path: str, query: Item, limit: int) -> list[Item]:
    """Read as many events as are wanted, page by page."""
    items: list[Item] = []
    after: str | None = None
    while len(items) < limit:
        asked = {**query, "limit": min(limit - len(items), _PAGE_MAX_COUNT), **given(after=after)}
        page = client.call("GET", f"{path}?{urlencode(asked)}")
        items += page["items"]
        after = page["next"]
        if after is None:
            break
    return items


def moment(text: str | None) -> str | None:
    """Turn `15m` into the time 15 minutes ago; everything else the gateway reads."""
    ago = _AGO.fullmatch(text or "")
    if ago is None:
        return text
    now = datetime.fromtimestamp(now_ns() / 1e9, UTC)
    return (now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])).isoformat().replace("+00:00", "Z")


def _shown(item: Item) -> Item:
    """Make the line of an event."""
    what: Any = next((item[name] for name in _NAMES if item.get(name) is not None), "")
    text = " ".join(str(what).split())
    return {
        **item,
        "service": item.get("serviceName"),
        "what": text if len(text) <= _WHAT_MAX_CHARACTERS else text[:_WHAT_MAX_CHARACTERS] + "…",
        "trace": item.get("traceId"),
    }
