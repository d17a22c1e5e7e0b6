"""Wires the parts together; the only module that knows them all."""

import asyncio
import contextlib
import functools
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine

import msgspec

from consumers import worker
from gateway.control import seed
from gateway.control.calling import handling
from gateway.control.removal import reaper
from gateway.control.service import Service
from gateway.control.store import Store
from gateway.edge.accounting.account import Account
from gateway.edge.accounting.ledger import Ledger
from gateway.edge.accounting.limits import Limits
from gateway.edge.accounting.lives import Lives
from gateway.edge.accounting.reporting import Reporter
from gateway.edge.accounting.usage import Usage
from gateway.edge.app import Edge
from gateway.edge.ingest import Ingest
from gateway.edge.readiness import Readiness
from gateway.identity.directory import Directory
from gateway.identity.postgres import PostgresSource
from gateway.identity.tokens import Peppers, parse_peppers
from gateway.query.archive import Archive
from gateway.runtime import metrics
from gateway.runtime.clock import now_ns
from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.lifecycle import stop_on_signals
from gateway.runtime.memory import keep_freed_memory, stop_collecting_what_stays
from gateway.runtime.postgres import open_pool
from gateway.runtime.settings import Settings
from gateway.stream.kafka import KafkaPublisher
from gateway.stream.topics import KafkaTopics

_LISTEN_BACKLOG = 1024


async def run_edge(settings: Settings, sock: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve on a bound socket until SIGTERM or SIGINT, then finish what is in flight.

    Raises:
        ConfigError: a setting is wrong, or the database has no schema.
        StreamUnavailable: Kafka cannot be reached.
    """
    keep_freed_memory()
    stop = stop_on_signals()
    peppers = parse_peppers(settings.directory.peppers)
    source = PostgresSource(settings.database, credentials_max_count=settings.directory.credentials_max_count)
    directory = Directory(source, settings.directory, peppers, now_ns)
    publisher = KafkaPublisher(settings.kafka, settings.limits)
    async with contextlib.AsyncExitStack() as stack:
        await publisher.start()
        stack.push_async_callback(publisher.close)
        await directory.start()
        stack.push_async_callback(source.close)
        directory.on_environments(publisher.expect)
        service = await stack.enter_async_context(_control(settings, peppers))
        readiness = Readiness(directory, publisher)
        account = Account(limits=Limits(directory.limited, now_ns), usage=Usage())
        reporter = await stack.enter_async_context(_reporting(settings, directory, account))
        ingest = Ingest(settings, directory, publisher, account, now_ns)
        edge = Edge(ingest, functools.partial(handling.begin, service), readiness)
        reaping = await stack.enter_async_context(_reaping(settings, service))
        async with asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(each) for each in (directory.run(), reporter.run(), reaping)]
            await _serve(edge, settings, sock, stop, on_ready)
            for task in kept:
                task.cancel()


@contextlib.asynccontextmanager
async def _reaping(settings: Settings, service: Service) -> AsyncGenerator[Coroutine[None, None, None]]:
    """The reaper's work, to be run; over a connection of its own, for it holds one while it waits for locks."""
    database = msgspec.structs.replace(settings.database, pool_max_size=1)
    pool = await open_pool(database, server_settings={"application_name": "axonpush-reaper"})
    try:
        yield reaper.run(service, Store(pool), settings.reaper, settings.kafka)
    finally:
        pool.terminate()


@contextlib.asynccontextmanager
async def _reporting(settings: Settings, directory: Directory, account: Account) -> AsyncGenerator[Reporter]:
    """What keeps the process's account, over a connection of its own; the last of it is written at the end."""
    database = msgspec.structs.replace(settings.database, pool_max_size=1)
    pool = await open_pool(database, server_settings={"application_name": "axonpush-edge"})
    lives = Lives(
        directory.environment,
        step_percent=settings.previews.extension_step_percent,
        poll_seconds=settings.directory.poll_seconds,
    )
    reporter = Reporter(Ledger(pool, now_ns), directory, account, lives)
    try:
        await reporter.report()
        yield reporter
        await reporter.close()
    finally:
        pool.terminate()


async def _serve(
    edge: Edge, settings: Settings, sock: socket.socket, stop: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Listen until told to stop; then, first, say so and go on serving, so that balancers and clients turn away."""
    protocol = edge.server(settings)
    listener = await asyncio.get_running_loop().create_server(protocol, sock=sock, backlog=_LISTEN_BACKLOG)
    stop_collecting_what_stays()
    on_ready()
    await stop.wait()
    edge.readiness.is_stopping = True
    await asyncio.sleep(settings.server.drain_delay_seconds)
    listener.close()
    await protocol.finish(settings.server.shutdown_timeout_seconds)


async def run_worker(settings: Settings, *, on_ready: Callable[[], None]) -> None:
    """Store records until SIGTERM or SIGINT.

    Raises:
        ConfigError: a setting is wrong.
    """
    keep_freed_memory()
    kafka_options(settings.kafka)  # a wrong one is told at once, not when PostgreSQL has answered
    if settings.worker.metrics_port:
        metrics.serve(settings.worker.metrics_host, settings.worker.metrics_port)
    await worker.run(settings, clock=now_ns, stop=stop_on_signals(), on_ready=on_ready)


async def seed_local(settings: Settings, secrets: seed.SeedSecrets) -> seed.Seeded:
    """Make what a fresh installation starts with; see `gateway.control.seed.seed`."""
    async with _control(settings, parse_peppers(settings.directory.peppers)) as service:
        return await seed.seed(service, secrets=secrets)


@contextlib.asynccontextmanager
async def _control(settings: Settings, peppers: Peppers) -> AsyncGenerator[Service]:
    """The control plane's parts, connected when they are first used."""
    pool = await open_pool(settings.database)
    topics = KafkaTopics(settings.kafka)
    try:
        yield Service(
            store=Store(pool),
            topics=topics,
            peppers=peppers,
            clock=now_ns,
            archive=Archive(pool),
            previews=settings.previews,
            approvals=settings.approvals,
        )
    finally:
        await topics.close()
        await pool.close()
