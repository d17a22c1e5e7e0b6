"""A world for each test: the module's database, emptied of environments, and the shared broker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.runtime.postgres import connect
from gateway.runtime.settings import Database
from tests.integration.worker.world import World


@pytest.fixture
async def world(database_url: str, kafka_bootstrap: str, tmp_path: Path) -> AsyncIterator[World]:
    """Environments of earlier tests are gone, so that workers do not serve them."""
    connection = await connect(Database(url=database_url))
    await connection.execute(
        "UPDATE environments SET deleted_at = now(), slug = slug || '-' || lower(right(id, 8)) WHERE deleted_at IS NULL"
    )
    world = World(database_url, kafka_bootstrap, tmp_path, connection)
    await world.open()
    yield world
    await world.close()
    await connection.close()
