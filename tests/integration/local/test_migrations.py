"""Migrations against a real PostgreSQL: applied once, in order, by one process at a time, and never edited."""

import asyncio

import pytest

from gateway.runtime import postgres
from gateway.runtime.migrations import known, migrate
from gateway.runtime.settings import Database
from schemas.errors import ConfigError


async def test_processes_that_start_at_once_apply_each_file_once(empty_database_url: str) -> None:
    database = Database(url=empty_database_url)
    reported: list[str] = []
    answers = await asyncio.gather(*(migrate(database, reported.append) for _ in range(3)))
    names = [migration.name for migration in known()]
    assert names[0] == "0001_directory.sql"
    assert reported == names
    assert sorted(answers) == [[], [], names]
    assert await migrate(database, reported.append) == []


async def test_a_file_that_changed_after_it_was_applied_is_an_error(database_url: str) -> None:
    connection = await postgres.connect(Database(url=database_url))
    try:
        await connection.execute("UPDATE schema_migrations SET sha256 = '00' WHERE name = '0001_directory.sql'")
        with pytest.raises(ConfigError, match=r"0001_directory\.sql was changed after"):
            await migrate(Database(url=database_url), lambda _: None)
    finally:
        known_sha256 = known()[0].sha256
        await connection.execute(
            "UPDATE schema_migrations SET sha256 = $1 WHERE name = '0001_directory.sql'", known_sha256
        )
        await connection.close()
