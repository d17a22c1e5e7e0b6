"""`axonpush stats`: counts what is stored and what is waiting."""

from typing import Any

import click
import msgspec

from gateway.cli.options import with_settings
from gateway.cli.printing import print_list
from gateway.query.stats import EnvironmentStats, read_stored
from gateway.runtime import lifecycle
from gateway.runtime.settings import Settings

_COLUMNS = {name.replace("_", " "): name for name in EnvironmentStats.__struct_fields__}


@click.command("stats", short_help="Count what is stored and what is waiting.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings("database", "kafka")
def command(settings: Settings, *, as_json: bool) -> None:
    """Count what is stored of each environment, what was set aside, and how many records wait to be stored.

    \b
    axonpush stats
    axonpush stats --json
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    environments: Any = msgspec.to_builtins(lifecycle.run(_stats(settings)))
    if as_json:
        click.echo(msgspec.json.encode({"environments": environments}).decode())
    else:
        print_list(environments, _COLUMNS, as_json=False)


async def _stats(settings: Settings) -> list[EnvironmentStats]:
    """Read the counts first: what is published meanwhile then shows as lag, never as nothing."""
    from consumers.lag import lag

    stored = await read_stored(settings.database)
    return stored.with_lag(await lag(settings.kafka, stored.topics(), stored.next_offsets))
