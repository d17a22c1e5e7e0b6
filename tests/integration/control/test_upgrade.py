"""A database of the version before: what stands in it gets its tier, its role and its place, and old writers go on."""

import asyncpg
import pytest

from gateway.runtime.migrations import migrate
from gateway.runtime.settings import Database
from tests.integration.upgrades import migrate_before

BEFORE = "0004"
DIGEST = b"d" * 32


async def insert_environment(connection: asyncpg.Connection, slug: str, *, is_production: bool) -> None:
    """Write as the version before does: without the columns that it does not know."""
    await connection.execute(
        "INSERT INTO environments (id, app_id, slug, name, color, is_production, partitions)"
        " VALUES ($1, 'a', $1, $1, '#000000', $2, 1)",
        slug,
        is_production,
    )


@pytest.fixture(scope="module")
async def upgraded(empty_database_url: str) -> str:
    """A database in which the version before has worked, brought to this version."""
    connection = await asyncpg.connect(empty_database_url)
    await migrate_before(connection, BEFORE)
    await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ('o', 'o', 'O')")
    await connection.execute("INSERT INTO apps (id, org_id, slug, name) VALUES ('a', 'o', 'a', 'A')")
    await insert_environment(connection, "prod", is_production=True)
    await insert_environment(connection, "dev", is_production=False)
    await connection.execute(
        "INSERT INTO credentials (id, org_id, kind, name, digest, pepper_version, hint, last4)"
        " VALUES ('k', 'o', 'mk', 'seeded', $1, 1, 'admin', 'last')",
        DIGEST,
    )
    await connection.close()
    assert await migrate(Database(url=empty_database_url), report=lambda _: None)
    return empty_database_url


async def test_what_stood_there_has_its_place_and_old_writers_go_on(upgraded: str) -> None:
    connection = await asyncpg.connect(upgraded)
    await insert_environment(connection, "staging", is_production=False)
    await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ('p', 'p', 'P')")
    environments = await connection.fetch("SELECT slug, org_id, tier FROM environments ORDER BY slug")
    tiers = await connection.fetch("SELECT org_id, name FROM tiers WHERE org_id < 'q' ORDER BY org_id, slug")
    roles = await connection.fetch("SELECT org_id, slug FROM roles WHERE org_id < 'q' ORDER BY org_id, slug")
    bindings = await connection.fetch("SELECT org_id, key_id, role, scope FROM role_bindings")
    await connection.close()
    assert [tuple(row) for row in environments] == [
        ("dev", "o", "development"),
        ("prod", "o", "production"),
        ("staging", "o", "development"),
    ]
    assert [tuple(row) for row in tiers] == [(o, n) for o in "op" for n in ("Development", "Production", "QA")]
    assert [tuple(row) for row in roles] == [(o, r) for o in "op" for r in ("admin", "agent", "developer")]
    assert [tuple(row) for row in bindings] == [("o", "k", "admin", "organization")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE environments SET tier = 'moon' WHERE slug = 'dev'",
        "UPDATE environments SET org_id = 'q' WHERE slug = 'dev'",
        "INSERT INTO role_bindings (id, org_id, key_id, role, scope) VALUES ('1', 'q', 'k', 'agent', 'organization')",
        "INSERT INTO role_bindings (id, org_id, key_id, role, scope) VALUES ('2', 'o', 'k', 'agent', 'app')",
        "INSERT INTO role_bindings (id, org_id, role, scope) VALUES ('3', 'o', 'agent', 'organization')",
        "DELETE FROM roles WHERE slug = 'admin'",
    ],
)
async def test_keys_keep_what_belongs_together(upgraded: str, statement: str) -> None:
    connection = await asyncpg.connect(upgraded)
    await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ('q', 'q', 'Q') ON CONFLICT DO NOTHING")
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await connection.execute(statement)
    await connection.close()
