"""Two organizations with events in the database, as the worker stores them."""

from collections.abc import AsyncIterator

import pytest

from gateway.query.store import Reader
from gateway.runtime import postgres
from gateway.runtime.settings import Database
from tests.integration.query.archive import Archive


@pytest.fixture(scope="module")
async def archive(database_url: str) -> AsyncIterator[Archive]:
    """Make two organizations, with an app and two environments each."""
    connection = await postgres.connect(Database(url=database_url))
    yield await Archive.made(connection)
    await connection.close()


@pytest.fixture(scope="module")
async def reader(database_url: str) -> AsyncIterator[Reader]:
    """Read as tenants do."""
    pool = await postgres.open_pool(Database(url=database_url))
    yield Reader(pool)
    await pool.close()
