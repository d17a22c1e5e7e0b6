"""Fixtures that every suite shares: real Kafka and real PostgreSQL, started once for a run of the tests."""

import os
import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from gateway.runtime import postgres
from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Database


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """URL of a PostgreSQL server on which databases can be made."""
    return os.environ["AXONPUSH_TEST_DATABASE_URL"]


@pytest.fixture(scope="session")
def kafka_bootstrap() -> str:
    """host:port of a Kafka broker; every environment of a test has an id, and so a topic, of its own."""
    return os.environ["AXONPUSH_TEST_KAFKA_BOOTSTRAP"]


@pytest.fixture(scope="module")
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
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
