"""The control plane over real PostgreSQL and Kafka, seeded, and a second organization beside it."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from aiohttp.test_utils import RawTestServer
from msgspec import Struct

from gateway.control.credentials import management_keys
from gateway.control.roles.access_types import CreateManagementKey
from gateway.control.seed import Seeded, SeedSecrets, seed
from gateway.control.service import Service, system
from gateway.control.store import Store
from gateway.identity.tokens import Peppers
from gateway.query.archive import Archive
from gateway.runtime import clock, postgres
from gateway.runtime.ids import new_ulid
from gateway.runtime.settings import Database, Kafka
from gateway.stream.topics import KafkaTopics
from tests.integration.control.api import Api, answered
from tests.integration.control.cli import Cli
from tests.integration.query.archive import Archive as StoredEvents


class _Row(Struct, frozen=True):
    id: str


@pytest.fixture(scope="module")
async def service(database_url: str, kafka_bootstrap: str) -> AsyncIterator[Service]:
    """The parts of the control plane over a fresh database."""
    pool = await postgres.open_pool(Database(url=database_url))
    topics = KafkaTopics(Kafka(bootstrap=kafka_bootstrap))
    peppers = Peppers(current=1, by_version={1: b"p" * 32})
    yield Service(store=Store(pool), topics=topics, peppers=peppers, clock=clock.now_ns, archive=Archive(pool))
    await topics.close()
    await pool.close()


@pytest.fixture(scope="module")
async def seeded(service: Service) -> Seeded:
    """What a first start made."""
    return await seed(service, secrets=SeedSecrets())


@pytest.fixture(scope="module")
async def api(service: Service, seeded: Seeded) -> Api:
    """The administrator of the default organization."""
    return Api(service, seeded.secrets.management_key)


@pytest.fixture(scope="module")
async def other(service: Service) -> Api:
    """The administrator of another organization."""
    org = await service.store.one(_Row, "insert_org", new_ulid(service.clock()), "other", "Other")
    assert org is not None
    key = await management_keys.create(service, system(org.id), CreateManagementKey(role="admin"))
    return Api(service, key.key)


@pytest.fixture(scope="module")
async def url(service: Service) -> AsyncIterator[str]:
    """URL of a server that does nothing but serve the calls."""
    server = RawTestServer(partial(answered, service))
    await server.start_server()
    yield str(server.make_url("/"))
    await server.close()


@pytest.fixture
def cli(url: str, seeded: Seeded, tmp_path: Path) -> Cli:
    """The command line of an administrator."""
    return Cli(url, seeded.secrets.management_key, tmp_path)


@pytest.fixture(scope="module")
async def archive(service: Service, database_url: str) -> AsyncIterator[StoredEvents]:
    """Store events in the database of the service."""
    del service
    connection = await postgres.connect(Database(url=database_url))
    yield StoredEvents(connection)
    await connection.close()
