"""`axonpush trace`: the spans of one trace, as a tree."""

from typing import Any

import click

from gateway.cli.client import Client, Item, app_option, with_client
from gateway.cli.printing import print_item, print_list

_COLUMNS = {"span": "what", "service": "service", "at ms": "at", "took ms": "took", "status": "status"}
_STATUS = {0: "-", 1: "ok", 2: "error"}
_NS_PER_MS = 1_000_000


@click.command("trace", short_help="The spans of one trace, as a tree.")
@click.argument("trace_id", metavar="ID")
@click.option("--env", "environment", metavar="ENV", required=True, help="Slug or id of the environment.")
@app_option
@with_client
def command(client: Client, *, trace_id: str, environment: str, app_name: str | None, as_json: bool) -> None:
    """Show the spans that are stored of a trace, each below its parent, with when it began and how long it took.

    \b
    axonpush trace 0af7651916cd43dd8448eb211c80319c --env production
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment(client.app(app_name), environment)
    trace = client.call("GET", f"/environments/{found['id']}/traces/{trace_id}")
    if as_json:
        print_item(trace, as_json=True)
        return
    print_list([_line(each, trace) for each in trace["spans"]], _COLUMNS, as_json=False)
    if trace["isCut"]:
        click.echo("There are more spans than can be shown; these are the earliest.", err=True)


def _line(placed: Item, trace: Item) -> Item:
    """Make the line of a span."""
    span: Any = placed["span"]
    indent = "  " * placed["depth"]
    if span is None:
        return {"what": f"{indent}(the root is not stored)", **dict.fromkeys(("service", "at", "took", "status"))}
    at_ns = int(span["startUnixNano"]) - int(trace["startUnixNano"])
    return {
        "what": indent + " ".join(span["name"].split()),
        "service": span["serviceName"],
        "at": f"{at_ns / _NS_PER_MS:.3f}",
        "took": f"{int(span['durationNano']) / _NS_PER_MS:.3f}",
        "status": _STATUS.get(span["statusCode"], str(span["statusCode"])),
    }
