"""Fixtures that every suite shares: real Kafka and real PostgreSQL, started once for a run of the tests."""

import contextlib
import os
import secrets
from collections.abc import AsyncGenerator
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import HealthCheck, settings

from gateway.cli.display import Lines
from gateway.local.datadir import DataDir
from gateway.local.servers import Servers, running
from gateway.runtime import postgres
from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Database, Kafka
from tests.examples import USUAL_COUNT
from tests.folders import data_folder

# A slow machine is no failure. `make test` tries the same examples each time; `make fuzz` ever other ones, and more.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("test", _UNHURRIED, max_examples=USUAL_COUNT, derandomize=True)
settings.register_profile("fuzz", _UNHURRIED, max_examples=6 * USUAL_COUNT)
settings.load_profile("test")


@pytest.fixture(scope="session")
async def servers() -> AsyncGenerator[Servers]:
    """PostgreSQL and Kafka: existing ones that the environment names, else ones of this machine for this run."""
    database_url = os.environ.get("AXONPUSH_TEST_DATABASE_URL", "")
    kafka_bootstrap = os.environ.get("AXONPUSH_TEST_KAFKA_BOOTSTRAP", "")
    async with contextlib.AsyncExitStack() as stack:
        data = DataDir(stack.enter_context(data_folder()))
        held = await stack.enter_async_context(data.locked(print))
        started = await stack.enter_async_context(
            running(
                data,
                held,
                wants_postgres=not database_url,
                wants_kafka=not kafka_bootstrap,
                record_max_bytes=Kafka().message_max_bytes,
                display=Lines(),
            )
        )
        yield Servers(
            database_url=database_url or started.database_url,
            kafka_bootstrap=kafka_bootstrap or started.kafka_bootstrap,
            children=started.children,
        )


@pytest.fixture(scope="session")
def postgres_url(servers: Servers) -> str:
    """URL of a PostgreSQL server on which databases can be made."""
    return servers.database_url


@pytest.fixture(scope="session")
def kafka_bootstrap(servers: Servers) -> str:
    """host:port of a Kafka broker; every environment of a test has an id, and so a topic, of its own."""
    return servers.kafka_bootstrap


@pytest.fixture(scope="module")
async def empty_database_url(postgres_url: str) -> AsyncGenerator[str]:
    """URL of a fresh database without any table, dropped at the end of the module."""
    name = f"axonpush_test_{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(postgres_url)._replace(path=f"/{name}"))
    await _execute(postgres_url, f"CREATE DATABASE {name}")
    yield url
    await _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
async def database_url(empty_database_url: str) -> str:
    """URL of a fresh database with the schema of this version, dropped at the end of the module."""
    await migrate(Database(url=empty_database_url), report=lambda _: None)
    return empty_database_url


async def _execute(url: str, statement: str) -> None:
    """Run one statement outside of a transaction, as CREATE DATABASE needs."""
    connection = await postgres.connect(Database(url=url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
