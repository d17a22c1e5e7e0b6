"""`axonpush edge`: takes requests, in one process or in several on one listening socket."""

import asyncio
import os
import socket
import tempfile

import click

from gateway import assembly
from gateway.cli.options import with_origins
from gateway.local import axonpush, several
from gateway.local.child import Child
from gateway.local.listening import listen, url_of
from gateway.local.readiness import notify
from gateway.runtime import config, lifecycle, logging
from gateway.runtime.settings import Settings


@click.command("edge", short_help="Take requests and publish them.")
@click.option("--listen-fd", type=int, hidden=True, help="Listening socket inherited from the parent.")
@click.option("--notify-fd", type=int, hidden=True, help="Pipe to the parent, written to when requests are taken.")
@with_origins("server", "limits", "database", "kafka", "directory", "log")
def command(settings: Settings, origins: dict[str, str], *, listen_fd: int | None, notify_fd: int | None) -> None:
    """Take requests and publish them to Kafka, until SIGTERM or Ctrl-C.

    \b
    axonpush edge --port 8081                one more beside `axonpush up`
    axonpush edge --host 0.0.0.0 --processes 4
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    logging.set_up(settings.log)
    listener = listen(settings.server) if listen_fd is None else socket.socket(fileno=listen_fd)

    def on_ready() -> None:
        if listen_fd is None:  # otherwise the parent says it
            click.echo(f"The edge takes requests at {url_of(listener)}")
        notify(notify_fd)

    if settings.server.processes == 1:
        lifecycle.run(assembly.run_edge(settings, listener, on_ready=on_ready))
        return

    shared_metrics = tempfile.TemporaryDirectory(prefix="axonpush-metrics-")

    async def start(number: int) -> Child:
        return await axonpush.start(
            f"edge process {number}",
            ["edge", "--processes", "1", "--listen-fd", str(listener.fileno())],
            # Whichever process is scraped answers for all of them.
            env={
                "PROMETHEUS_MULTIPROC_DIR": shared_metrics.name,
                **config.environment_of_child(settings, origins, os.environ),
            },
            grace_seconds=stop_seconds(settings),
            pass_fds=[listener.fileno()],
        )

    async def run() -> None:
        await several.keep(settings.server.processes, start, lifecycle.stop_on_signals(), on_ready)

    with shared_metrics:
        asyncio.run(run())


def stop_seconds(settings: Settings) -> int:
    """Answer how long one edge process may take to stop."""
    return settings.server.drain_delay_seconds + settings.server.shutdown_timeout_seconds + 5
