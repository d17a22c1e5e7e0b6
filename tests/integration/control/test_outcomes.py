"""What became of Sentry's items, as the usage of an environment shows it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest

from tests.integration.control.api import Api


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.mark.clause("Sentry 26a", "Sentry c1")
async def test_usage_shows_what_is_stored_and_what_clients_did_not_send(api: Api, sql: asyncpg.Connection) -> None:
    _, environments = await api.app("Outcomes")
    identity = environments["production"]["id"]
    hour = api.service.now().replace(minute=0, second=0, microsecond=0)
    counted = [
        (0, hour, "accepted", "", "error", 5),
        (1, hour, "accepted", "", "error", 7),
        (1, hour - timedelta(minutes=61), "client_discard", "sample_rate", "span", 30),
        (1, hour - timedelta(minutes=119), "client_discard", "sample_rate", "span", 2),
        (1, hour - timedelta(hours=30), "client_discard", "sample_rate", "span", 9),
    ]
    for part, minute, *rest in counted:
        await sql.execute(
            "INSERT INTO sentry_outcomes VALUES ($1, $2, $3, $4, $5, $6, $7)", identity, part, minute, *rest
        )
    shown = (await api.got(f"/environments/{identity}/usage"))["sentry"]
    before, now = ((hour - timedelta(hours=n)).isoformat().replace("+00:00", "Z") for n in (2, 0))
    assert shown == [
        {"at": before, "outcome": "client_discard", "reason": "sample_rate", "category": "span", "quantity": 32},
        {"at": now, "outcome": "accepted", "reason": "", "category": "error", "quantity": 12},
    ]
    assert (await api.got(f"/environments/{environments['development']['id']}/usage"))["sentry"] == []
