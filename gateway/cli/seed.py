"""`axonpush seed`: the first organization, app and keys of an installation that `axonpush up` did not make."""

import click
import msgspec

from gateway import assembly
from gateway.cli.options import with_settings
from gateway.control.seed import SeedSecrets
from gateway.runtime import lifecycle
from gateway.runtime.settings import Settings


@click.command("seed", short_help="Make the first app and issue its first keys.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_settings("database", "kafka", "directory")
def command(settings: Settings, *, as_json: bool) -> None:
    """Make the default organization and app where they are missing, and issue new keys for them.

    Prints a management key, and an API key for each of production and development, this once: only digests are stored.
    Keys issued before stay valid; revoke what is not used.

    \b
    axonpush migrate && axonpush seed
    """  # noqa: D301 (\b keeps click from wrapping the example)
    seeded = lifecycle.run(assembly.seed_local(settings, SeedSecrets()))
    if as_json:
        click.echo(msgspec.json.encode(seeded.secrets))
        return
    click.echo(f"channel         {seeded.channel_id}")
    click.echo(f"management key  {seeded.secrets.management_key}")
    for slug, key in seeded.secrets.api_keys.items():
        click.echo(f"{slug:15} {key}")
