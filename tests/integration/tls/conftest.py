"""A broker and fronts of a database that take nothing but TLS, started once for the tests here."""

from collections.abc import AsyncGenerator, Generator

import pytest

from gateway.local.datadir import DataDir
from tests.acceptance.background import Background
from tests.integration.tls import broker
from tests.integration.tls.certificates import Certificates, make
from tests.integration.tls.database import Front


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make the certificates."""
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
async def listeners(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> AsyncGenerator[broker.Listeners]:
    """Start the broker."""
    data = DataDir(tmp_path_factory.mktemp("broker"))
    async with data.locked(print) as held:
        child, listeners = await broker.start(data, held, certificates)
        yield listeners
        await child.stop()


@pytest.fixture(scope="module")
def fronts(database_url: str, certificates: Certificates) -> Generator[tuple[Front, Front]]:
    """Put two fronts before a fresh database; the second one asks for a client's certificate."""
    background = Background()
    made = Front(database_url, certificates), Front(database_url, certificates, asks_for_certificate=True)
    for front in made:
        background.run(front.up())
    yield made
    for front in made:
        background.run(front.down())
    background.close()


@pytest.fixture(scope="module")
def front(fronts: tuple[Front, Front]) -> Front:
    """The front that takes every client."""
    return fronts[0]


@pytest.fixture(scope="module")
def asking_front(fronts: tuple[Front, Front]) -> Front:
    """The front that asks for a client's certificate."""
    return fronts[1]
