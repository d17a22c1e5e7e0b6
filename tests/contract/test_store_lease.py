"""What the worker may rely on from its lease: no two live workers of a group have one slot."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from consumers.store.lease import Lease, Membership
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from gateway.runtime.postgres import Connection, connect
from gateway.runtime.settings import Database, Settings, Worker
from schemas.errors import AssignmentLost, StoreTransient
from tests.integration.worker.world import add_environment


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database=Database(url=database_url), worker=Worker(slots_max_count=3))


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator[Connection]:
    connection = await connect(Database(url=database_url))
    yield connection
    await connection.close()


def lease_of(settings: Settings, owner: str | None = None) -> Lease:
    return Lease(settings, owner=owner or new_ulid(now_ns()))


async def cut(sql: Connection, owner: str) -> None:
    """End a lease's session as a failing server would."""
    await sql.execute(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE application_name = $1",
        f"axonpush-worker {owner}",
    )


async def test_the_lowest_free_slot_is_taken_and_freed(settings: Settings) -> None:
    first, second, third = lease_of(settings), lease_of(settings), lease_of(settings)
    assert (await first.take()).slot == 0
    assert (await second.take()).slot == 1
    await first.close()
    assert (await third.take()).slot == 0
    await second.close()
    await third.close()


async def test_while_all_slots_are_taken_a_worker_waits(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    one = msgspec.structs.replace(settings, worker=Worker(slots_max_count=1))
    holder, waiter = lease_of(one), lease_of(one)
    await holder.take()
    waiting = asyncio.create_task(waiter.take())
    # What is waited for is a line of the log.
    while "All 1 slots" not in caplog.text:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await holder.close()
    assert (await waiting).slot == 0
    await waiter.close()


async def test_lanes_have_groups_and_slots_of_their_own(settings: Settings) -> None:
    lanes = [
        Worker(),
        Worker(environments=("b", "a")),
        Worker(excluded_environments=("a",)),
    ]
    leases = [lease_of(msgspec.structs.replace(settings, worker=lane)) for lane in lanes]
    places = [await lease.take() for lease in leases]
    assert [place.slot for place in places] == [0, 0, 0]
    assert len({place.group for place in places}) == 3
    assert places[1].group.endswith(" only a,b")
    assert places[2].group.endswith(" except a")
    for lease in leases:
        await lease.close()


async def test_a_lease_whose_session_was_cut_takes_the_same_slot_again(settings: Settings, sql: Connection) -> None:
    owner = new_ulid(now_ns())
    lease, other = lease_of(settings, owner), lease_of(settings)
    place = await lease.take()
    await cut(sql, owner)
    await _environments(lease)
    assert await other.take() == Membership(place.group, 1)
    await lease.close()
    await other.close()


async def test_a_lease_whose_slot_was_taken_meanwhile_ends(settings: Settings, sql: Connection) -> None:
    owner = new_ulid(now_ns())
    lease, thief = lease_of(settings, owner), lease_of(settings)
    place = await lease.take()
    await cut(sql, owner)
    assert await thief.take() == place
    with pytest.raises(AssignmentLost, match="took slot 0"):
        await _environments(lease)
    await lease.close()
    await thief.close()


async def test_the_directory_holds_live_environments_of_the_lane_and_tells_news(
    settings: Settings, sql: Connection
) -> None:
    lease = lease_of(msgspec.structs.replace(settings, worker=Worker(excluded_environments=("qa",))))
    await lease.take()
    ids = {slug: new_ulid(now_ns()) for slug in ("production", "qa", "gone")}
    for slug, environment in ids.items():
        await add_environment(sql, environment, slug, 1)
    await sql.execute("UPDATE environments SET deleted_at = now() WHERE slug = 'gone'")
    await sql.execute("UPDATE environments SET wiped_before_ns = 7 WHERE slug = 'production'")
    async with asyncio.timeout(5):
        await lease.news.wait()
    assert await lease.environments() == {ids["production"]: 7}
    await lease.close()


async def _environments(lease: Lease) -> dict[str, int]:
    """Ask until the driver has seen the end of the session that was cut."""
    try:
        return await lease.environments()
    except StoreTransient:
        return await lease.environments()
