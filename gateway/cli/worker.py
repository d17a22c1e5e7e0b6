"""`axonpush worker`: stores what was published."""

import click

from gateway import assembly
from gateway.cli.options import with_settings
from gateway.local.readiness import notify
from gateway.runtime import lifecycle, logging
from gateway.runtime.settings import Settings


@click.command("worker", short_help="Store what was published.")
@click.option("--notify-fd", type=int, hidden=True, help="Pipe to the parent, written to when partitions are claimed.")
@with_settings("limits", "database", "kafka", "worker", "log")
def command(settings: Settings, *, notify_fd: int | None) -> None:
    """Store what was published in PostgreSQL, exactly once, until SIGTERM or Ctrl-C.

    Workers share the environments' partitions among themselves.

    \b
    axonpush worker
    axonpush worker --worker-environments production,staging
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    logging.set_up(settings.log)
    lifecycle.run(assembly.run_worker(settings, on_ready=lambda: notify(notify_fd)))
