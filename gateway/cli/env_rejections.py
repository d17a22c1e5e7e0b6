"""`axonpush env rejections`: which requests to an environment were refused, and why."""

from urllib.parse import urlencode

import click

from gateway.cli.client import Client, app_option, given, with_client
from gateway.cli.printing import print_list

_COLUMNS = {
    "at": "at",
    "status": "status",
    "reason": "reason",
    "message": "message",
    "route": "route",
    "key or token": "credentialId",
}


@click.command("rejections")
@click.argument("environment")
@app_option
@click.option("--reason", help="Only those of this reason: wrong_origin, for example.")
@click.option("--key", "credential_id", metavar="ID", help="Only those of this key or token.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="At most so many.")
@with_client
def rejections(
    client: Client,
    *,
    environment: str,
    app_name: str | None,
    reason: str | None,
    credential_id: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List the last requests with keys of an environment that were refused, the newest first: why was it not accepted?

    \b
    axonpush env rejections production
    axonpush env rejections production --reason wrong_origin
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    found = client.environment_of(app_name, environment)
    query = urlencode(given(reason=reason, credentialId=credential_id, limit=limit))
    answer = client.call("GET", f"/environments/{found['id']}/rejections?{query}")
    print_list(answer["items"], _COLUMNS, as_json=as_json)
