"""The leaf that the tests of this folder store rows in."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from gateway.runtime import postgres
from gateway.runtime.settings import Database
from tests.integration.rows.leaf import ENVIRONMENT, Leaf
from tests.unit.rows.records import RECEIVED_NS


@pytest.fixture(scope="module")
async def leaf(database_url: str) -> AsyncIterator[Leaf]:
    """Make an organization, an app, an environment and the leaf that covers `RECEIVED_NS`."""
    connection = await postgres.connect(Database(url=database_url))
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=json.loads)
    await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ('o', 'o', 'O')")
    await connection.execute("INSERT INTO apps (id, org_id, slug, name) VALUES ('a', 'o', 'a', 'A')")
    await connection.execute(
        "INSERT INTO environments (id, app_id, slug, name, color, partitions) VALUES ($1, 'a', 'e', 'E', '#000000', 1)",
        ENVIRONMENT,
    )
    moment = datetime.fromtimestamp(RECEIVED_NS / 1e9, UTC)
    suffix = await connection.fetchval("SELECT (leaf_covering($1, $2)).suffix", ENVIRONMENT, moment)
    yield Leaf(connection, suffix)
    await connection.close()
