"""What is already as a call wants it stays as it is: no new version or tag, no audit entry, no edge is told."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from msgspec import Struct

from tests.integration.control.api import Api, Item

CHANNEL = "axonpush_directory"
END = "no more"


class Told:
    """What the edges are told of changes: listens as they do."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._payloads: list[str] = []

    async def listen(self) -> None:
        """Begin to listen."""
        await self._connection.add_listener(CHANNEL, self._hear)

    def _hear(self, *said: object) -> None:
        self._payloads.append(str(said[-1]))

    async def count(self) -> int:
        """Answer how often they were told since the last time: what was sent before our own word arrives before it."""
        await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, END)
        told, self._payloads = [each for each in self._payloads if each != END], []
        return len(told)


@pytest.fixture
async def told(database_url: str) -> AsyncIterator[Told]:
    connection = await asyncpg.connect(database_url)
    listener = Told(connection)
    await listener.listen()
    yield listener
    await connection.close()


class Case(Struct, frozen=True):
    """A call that makes something so; made again it changes nothing."""

    method: str
    path: str
    body: Item | None = None

    async def make(self, api: Api) -> tuple[int, Item]:
        """Make the call, and confirm it where it asks."""
        status, answer = await api.call(self.method, self.path, self.body)
        return await api.confirmed(self.method, self.path, self.body) if status == 428 else (status, answer)


async def cases(api: Api) -> list[Case]:
    app, found = await api.app("Unchanged")
    development, preview = f"/environments/{found['development']['id']}", f"/apps/{app['id']}/environments/by-ref"
    archived = await api.made(f"/apps/{app['id']}/environments", {"slug": "archived"})
    brief = await api.made(f"/apps/{app['id']}/environments", {"slug": "brief", "expiresAt": "2090-01-01T00:00:00Z"})
    key = await api.made("/api-keys", {"appId": app["id"]})
    token = {"channelId": app["defaultChannelId"], "environmentId": found["production"]["id"]}
    public = await api.made("/public-tokens", token)
    member = await api.made("/members", {"email": "same@shop.example", "name": "Same"})
    management = await api.made("/management-keys", {"role": "agent"})
    everything: Item = {
        "name": "Dev",
        "tier": "qa",
        "color": "#123456",
        "requireConfirmationForDestructive": True,
        "deleteProtected": True,
        "partitions": 3,
        "retentionDays": 40,
        "sourceRef": "main",
    }
    rights = {
        "origins": ["HTTPS://shop.example:443"],
        "rate": {"requestsPerSecond": 2.5},
        "expiresAt": "2090-01-01T00:00:00Z",
    }
    changed = [
        (f"/apps/{app['id']}", {"name": "Shop", "defaultChannelId": app["defaultChannelId"]}),
        (f"/channels/{app['defaultChannelId']}", {"name": "Main"}),
        (development, everything),
        (
            f"{development}/policy",
            {"rate": {"burst": 5, "requestsPerSecond": 1}, "categories": {"error": {"perMinute": 3}}},
        ),
        (f"/api-keys/{key['id']}", {**rights, "overrideEnvironments": ["development"]}),
        (f"/public-tokens/{public['id']}", rights),
        (f"/members/{member['id']}", {"name": "Other", "email": "other@shop.example"}),
    ]
    return [
        *(Case("PATCH", path, body) for path, body in changed),
        *(Case("PATCH", path, {}) for path, _ in changed),
        *(Case("POST", f"{development}/{step}") for step in ("pause", "resume", "make-default")),
        *(Case("POST", f"/environments/{archived['id']}/{step}") for step in ("archive", "restore")),
        Case("POST", f"/environments/{brief['id']}/extend", {"ttlSeconds": 60}),
        Case("DELETE", f"{preview}/none"),
        *(
            Case("POST", f"/{kind}/{each['id']}/revoke")
            for kind, each in (("api-keys", key), ("public-tokens", public))
        ),
        Case("POST", f"/management-keys/{management['id']}/revoke"),
    ]


async def test_what_is_so_already_stays_untouched(api: Api, told: Told) -> None:
    for case in await cases(api):
        first = await case.make(api)
        assert first[0] in {200, 204}, (case, first)
        head = await api.got("/audit/head")
        await told.count()
        again = await api.call(case.method, case.path, case.body)
        assert again == first, case
        assert await api.got("/audit/head") == head, case
        assert await told.count() == 0, case


async def test_a_preview_that_lives_long_enough_stays_untouched(api: Api, told: Told) -> None:
    app, _ = await api.app("Unchanged previews")
    path = f"/apps/{app['id']}/environments/by-ref/main"
    status, made = await api.call("PUT", path, {"ttlSeconds": 3600})
    assert status == 201
    head = await api.got("/audit/head")
    await told.count()
    assert await api.call("PUT", path, {"ttlSeconds": 60}) == (200, {**made, "token": None})
    assert (await api.got("/audit/head"), await told.count()) == (head, 0)


async def test_a_change_is_told(api: Api, told: Told) -> None:
    app, _ = await api.app("Changed")
    await told.count()
    assert (await api.call("PATCH", f"/apps/{app['id']}", {"name": "New"}))[0] == 200
    assert await told.count() == 1


async def test_what_would_not_be_allowed_is_refused_even_if_it_changed_nothing(api: Api) -> None:
    app, found = await api.app("Unchanged by others")
    key = await api.made("/management-keys", {"role": "agent"})
    agent = Api(api.service, key["key"])
    path = f"/environments/{found['production']['id']}"
    assert (await agent.call("PATCH", path, {}))[0] == 403
    assert (await agent.call("POST", f"{path}/resume"))[0] == 403
    assert (await api.call("PATCH", path, {}, {"If-Match": '"another"'}))[0] == 412
    assert (await agent.call("PATCH", f"/apps/{app['id']}", {}))[0] == 403
