"""Kafka and PostgreSQL of one machine, started together and stopped in order."""

import secrets
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from msgspec import Struct

from gateway.local import kafka, postgres
from gateway.local.child import Child
from gateway.local.datadir import DataDir, read_json, write_private_json
from gateway.local.display import Display
from gateway.local.errors import LocalError
from gateway.local.together import together

_PASSWORD = "postgres_password"  # noqa: S105 (a name, not a secret)


class Servers(Struct, frozen=True):
    """What runs: where it is reached, and the children to watch. What was not wanted is empty."""

    database_url: str
    kafka_bootstrap: str
    children: tuple[Child, ...]


@asynccontextmanager
async def running(
    data: DataDir,
    held: int,
    *,
    wants_postgres: bool = True,
    wants_kafka: bool = True,
    record_max_bytes: int,
    display: Display,
) -> AsyncGenerator[Servers]:
    """Start what is wanted, both at once, and stop it at the end: Kafka before PostgreSQL.

    Args:
        data: the data directory.
        held: the descriptor that holds it.
        wants_postgres: whether PostgreSQL is to be started.
        wants_kafka: whether Kafka is to be started.
        record_max_bytes: the largest record that a topic may allow.
        display: is told what happens.

    Raises:
        LocalError: something that a server needs is missing, or a server does not start.
    """
    starts: dict[str, Coroutine[Any, Any, tuple[Child, str]]] = {}
    if wants_postgres:
        starts["PostgreSQL"] = postgres.start(data, held, _password(data), display.say)
    if wants_kafka:
        starts["Kafka"] = kafka.start(data, held, record_max_bytes, display)
    async with AsyncExitStack() as stack:
        started = dict(zip(starts, await together(stack, list(starts.values()), lambda pair: pair[0]), strict=True))
        addresses = {name: address for name, (_, address) in started.items()}
        children = tuple(child for child, _ in started.values())
        yield Servers(addresses.get("PostgreSQL", ""), addresses.get("Kafka", ""), children)


def _password(data: DataDir) -> str:
    """Answer the database's password, made with the data and kept beside it.

    Raises:
        LocalError: there is data, and its password is gone.
    """
    kept = read_json(data.secrets_file)
    if _PASSWORD not in kept:
        if postgres.has_data(data):
            raise LocalError(
                f"{data.secrets_file} does not hold the password of the database in {data.postgres} any more. Restore "
                f"that file, or delete {data.path} to start anew."
            )
        kept[_PASSWORD] = secrets.token_hex(24)
        write_private_json(data.secrets_file, kept)
    return kept[_PASSWORD]
