"""Edge processes in front of a database and a broker, and the apps that tests make through them."""

import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway import assembly
from gateway.control.seed import SeedSecrets
from gateway.runtime.settings import Database as DatabaseSettings
from gateway.runtime.settings import Directory, Kafka, Settings
from tests.acceptance.database import Database
from tests.acceptance.processes import Process, start_edge
from tests.acceptance.stack import Control
from tests.acceptance.topics import Topics


class World:
    """What a module of tests shares."""

    def __init__(self, env: Mapping[str, str], folder: Path, management_key: str, url: str) -> None:
        self.env = env
        self.folder = folder
        self.url = url
        self.control = Control(url, management_key)
        self.database = Database(env["AXONPUSH_DATABASE_URL"])
        self.topics = Topics(env["AXONPUSH_KAFKA_BOOTSTRAP"])

    @contextmanager
    def edge(self, **settings: object) -> Generator[tuple[Process, str]]:
        """Run one more edge with some settings (`limits_body_max_bytes=1000`), and answer it with its URL."""
        variables = {f"AXONPUSH_{name.upper()}": str(value) for name, value in settings.items()}
        process, url = start_edge({**self.env, **variables}, self.folder)
        try:
            yield process, url
        finally:
            assert process.stop() == 0, process.log


@contextmanager
def running(env: Mapping[str, str], folder: Path, management_key: str) -> Generator[World]:
    """Run an edge with the default settings."""
    process, url = start_edge(env, folder)
    world = World(env, folder, management_key, url)
    try:
        yield world
    finally:
        world.database.close()
        world.topics.close()
        assert process.stop() == 0, process.log


async def seeded(database_url: str, kafka_bootstrap: str) -> tuple[dict[str, str], str]:
    """Seed a database; answer how processes join, and a management key."""
    peppers = f"1:{secrets.token_hex(32)}"
    settings = Settings(
        database=DatabaseSettings(url=database_url),
        kafka=Kafka(bootstrap=kafka_bootstrap),
        directory=Directory(peppers=peppers),
    )
    made = await assembly.seed_local(settings, SeedSecrets())
    env = {
        "AXONPUSH_DATABASE_URL": database_url,
        "AXONPUSH_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "AXONPUSH_DIRECTORY_PEPPERS": peppers,
    }
    return env, made.secrets.management_key
