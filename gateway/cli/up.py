"""`axonpush up`: the whole gateway on one machine, in one tree of processes."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
from msgspec import Struct

from gateway import assembly
from gateway.cli.display import open_display
from gateway.cli.edge import stop_seconds
from gateway.cli.joining import Joining, banner, joining
from gateway.cli.options import data_dir_option, with_origins
from gateway.control.seed import Seeded, SeedSecrets
from gateway.local import axonpush, servers
from gateway.local.child import Child
from gateway.local.datadir import DataDir, read_json, write_private_json
from gateway.local.display import Display
from gateway.local.errors import LocalError
from gateway.local.listening import listen, url_of
from gateway.local.several import unless
from gateway.local.together import together
from gateway.runtime import config, lifecycle, logging
from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Settings
from schemas.errors import ConfigError

_ORIGIN = "axonpush up"
_SHOWN_ENVIRONMENT = "production"
_WORKER_STOP_SECONDS = 15


class Plan(Struct):
    """What is to be started with what; the settings are completed as addresses and keys become known."""

    settings: Settings
    origins: dict[str, str]
    data: DataDir
    listener: socket.socket
    ready_file: Path | None

    def complete(self, section: str, **values: Any) -> None:  # noqa: ANN401 (settings are of several types)
        """Fill in settings of one section."""
        changed = msgspec.structs.replace(getattr(self.settings, section), **values)
        self.settings = msgspec.structs.replace(self.settings, **{section: changed})
        self.origins.update({f"{section}.{name}": _ORIGIN for name in values})


@click.command("up", short_help="Start PostgreSQL, Kafka, edge and worker on this machine.")
@data_dir_option
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written (JSON, 0600) once everything accepts.")
@click.option("--external-kafka", metavar="HOST:PORT", help="Use a running Kafka; so does --kafka-bootstrap.")
@click.option("--external-database", metavar="URL", help="Use a running PostgreSQL; so does --database-url.")
@with_origins("server", "limits", "database", "kafka", "directory", "worker", "log", joins_local_stack=False)
def command(
    settings: Settings,
    origins: dict[str, str],
    *,
    data_dir: Path,
    ready_file: Path | None,
    external_kafka: str | None,
    external_database: str | None,
) -> None:
    """Start the whole gateway on this machine: PostgreSQL, Kafka, edge and worker. Ctrl-C stops it.

    Data and keys stay in the data directory, and a later start finds them again.

    \b
    axonpush up
    axonpush up --port 0 --data-dir /tmp/try --ready-file /tmp/try.json
    axonpush up --external-kafka 127.0.0.1:9092
    """  # noqa: D301 (\b keeps click from wrapping the examples)
    began = time.monotonic()
    if ready_file is not None:
        if not ready_file.absolute().parent.is_dir():
            raise ConfigError(f"The folder of --ready-file {ready_file} does not exist.")
        ready_file.unlink(missing_ok=True)
    level = "WARNING" if origins["log.level"] == config.DEFAULT_ORIGIN else settings.log.level
    logging.set_up(msgspec.structs.replace(settings.log, level=level))
    plan = Plan(settings, origins, DataDir(data_dir), listen(settings.server), ready_file)
    if external_kafka:
        plan.complete("kafka", bootstrap=external_kafka)
    if external_database:
        plan.complete("database", url=external_database)
    if origins["server.drain_delay_seconds"] == config.DEFAULT_ORIGIN:
        plan.complete("server", drain_delay_seconds=0)  # no load balancer to wait for
    asyncio.run(_run(plan, began))


async def _run(plan: Plan, began: float) -> None:
    """Start everything, wait for the end of it or for a signal, and stop everything.

    Raises:
        GatewayError: something did not start, or ended by itself.
    """
    stop = lifecycle.stop_on_signals()
    async with AsyncExitStack() as stack:
        with open_display() as display:
            started = await unless(stop, _start(plan, stack, display))
        if started is not None:
            children, stand = started
            click.echo(banner(stand, _SHOWN_ENVIRONMENT, plan.data.path, time.monotonic() - began))
            ended = await unless(stop, _first_to_end(children))
            if ended is not None:
                raise LocalError(f"{ended.name} ended with exit code {ended.exit_code}.{ended.tail()}")
        click.echo("Stopping ...", err=True)
    click.echo("Stopped.", err=True)


async def _start(plan: Plan, stack: AsyncExitStack, display: Display) -> tuple[list[Child], Joining]:
    """Start everything in order, and answer the children and how to join them."""
    data = plan.data
    held = await stack.enter_async_context(data.locked(display.say))
    data.running_file.unlink(missing_ok=True)  # of a run that was killed
    display.say("Starting PostgreSQL and Kafka ...")
    running = await stack.enter_async_context(
        servers.running(
            data,
            held,
            wants_postgres=not plan.settings.database.url,
            wants_kafka=not plan.settings.kafka.bootstrap,
            record_max_bytes=plan.settings.kafka.message_max_bytes,
            display=display,
        )
    )
    plan.complete("database", url=running.database_url or plan.settings.database.url)
    plan.complete("kafka", bootstrap=running.kafka_bootstrap or plan.settings.kafka.bootstrap)
    display.say("Preparing the database and the topics ...")
    await migrate(plan.settings.database, lambda _: None)
    seeded = await _seed(plan)
    display.say("Starting edge and worker ...")
    ingest_url = url_of(plan.listener)
    plan.complete("control", url=ingest_url, management_key=seeded.secrets.management_key)
    processes = await together(stack, _processes(plan, held), lambda child: child)
    stand = joining(
        plan.settings,
        plan.origins,
        ingest_url=ingest_url,
        channel=seeded.channel_id,
        api_keys=seeded.secrets.api_keys,
    )
    write_private_json(data.running_file, stand)
    stack.callback(data.running_file.unlink, missing_ok=True)
    if plan.ready_file is not None:
        write_private_json(plan.ready_file.absolute(), stand)
    return [*running.children, *processes], stand


async def _seed(plan: Plan) -> Seeded:
    """Make organization, app, environments and keys; what only we know of them is kept in the data directory."""
    path = plan.data.secrets_file
    kept = read_json(path)
    if not plan.settings.directory.peppers:
        if "peppers" not in kept:
            kept["peppers"] = f"1:{secrets.token_hex(32)}"
            write_private_json(path, kept)
        plan.complete("directory", peppers=kept["peppers"])
    known = SeedSecrets(api_keys=kept.get("api_keys", {}), management_key=kept.get("management_key", ""))
    seeded = await assembly.seed_local(plan.settings, known)
    if seeded.secrets != known:
        write_private_json(path, {**kept, **msgspec.to_builtins(seeded.secrets)})
    return seeded


def _processes(plan: Plan, held: int) -> list[Coroutine[Any, Any, Child]]:
    """Prepare the starts of worker and edge; the edge is the last, and so the first to be stopped."""
    env = config.environment_of_child(plan.settings, plan.origins, os.environ)
    listener = plan.listener.fileno()
    processes = str(plan.settings.server.processes)
    return [
        axonpush.start(
            "The worker",
            ["worker"],
            env=env,
            grace_seconds=_WORKER_STOP_SECONDS,
            log=plan.data.log("worker"),
            pass_fds=[held],
        ),
        axonpush.start(
            "The edge",
            ["edge", "--processes", processes, "--listen-fd", str(listener)],
            env=env,
            grace_seconds=stop_seconds(plan.settings) + 5,
            log=plan.data.log("edge"),
            pass_fds=[held, listener],
        ),
    ]


async def _first_to_end(children: list[Child]) -> Child:
    """Wait until a child has ended, and answer it."""
    waits = {asyncio.create_task(child.wait()): child for child in children}
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return waits[done.pop()]
    finally:
        for wait in waits:
            wait.cancel()
