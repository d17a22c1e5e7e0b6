"""How many of an environment's events say that they are of another one, as one environment is shown."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.integration.control.api import UNUSED, Api


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_the_mismatches_of_a_day_are_shown_and_change_no_entity_tag(api: Api, sql: asyncpg.Connection) -> None:
    _, environments = await api.app("Mismatches")
    environment, neighbour = environments["development"], environments["production"]
    path = f"/environments/{environment['id']}"
    before = await api.reply("GET", path)
    now = api.service.now().replace(second=0, microsecond=0)
    counted = [(0, 5, 9, 0), (0, 7, 4, 3), (1, 7, 4, 1), (1, 60, 8, 4), (1, 24 * 60 + 1, 50, 50)]
    for part, minutes_ago, events, mismatched in counted:
        minute = now - timedelta(minutes=minutes_ago)
        await sql.execute(
            "INSERT INTO events_by_minute (environment, part, minute, kind, events, mismatched)"
            " VALUES ($1, $2, $3, 'logs', $4, $5)",
            *(environment["id"], part, minute, events, mismatched),
        )
    last_at = (now - timedelta(minutes=7)).isoformat().replace("+00:00", "Z")
    shown = await api.got(path)
    assert shown == environment | {"mismatches": {"events": 8, "lastAt": last_at}}
    assert await api.got(f"/environments/{neighbour['id']}") == neighbour | UNUSED
    tag = dict(before.headers)["ETag"]
    assert dict((await api.reply("GET", path)).headers)["ETag"] == tag
    status, _ = await api.call("PATCH", path, {"name": "Dev"}, {"If-Match": tag})
    assert status == 200
    assert dict((await api.reply("GET", path)).headers)["ETag"] != tag
