"""`axonpush migrate`: brings the database to this version's schema."""

import click

from gateway.cli.options import with_settings
from gateway.runtime import lifecycle
from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Settings


@click.command("migrate", short_help="Bring the database to this version's schema.")
@with_settings("database")
def command(settings: Settings) -> None:
    """Bring the database to this version's schema.

    Applies the migrations that the database does not have yet, each in a transaction, and prints their names. Several
    of these commands may run at once.

    \b
    axonpush migrate --database-url postgresql://axonpush:secret@db.example:5432/axonpush
    """  # noqa: D301 (\b keeps click from wrapping the example)
    applied = lifecycle.run(migrate(settings.database, lambda name: click.echo(f"applied {name}")))
    if not applied:
        click.echo("The schema is up to date.")
