"""An edge for each module of tests, and an app."""

import shutil
from collections.abc import Iterator

import pytest

from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World, running, seeded

# The script for CI is nothing but curl.
collect_ignore = [] if shutil.which("curl") else ["test_ci.py"]


@pytest.fixture(scope="module")
async def joining(database_url: str, kafka_bootstrap: str) -> tuple[dict[str, str], str]:
    """How processes join, and a management key; what expires is refused, and stays for as long as the tests look."""
    env, management_key = await seeded(database_url, kafka_bootstrap)
    return {**env, "AXONPUSH_REAPER_SETTLE_SECONDS": "1000000"}, management_key


@pytest.fixture(scope="module")
def world(joining: tuple[dict[str, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run an edge with the default settings."""
    env, management_key = joining
    with running(env, tmp_path_factory.mktemp("edge"), management_key) as world:
        yield world


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Make an app."""
    app = world.control.app()
    return Shop(app, app.key())
