"""Closing a worker's Kafka client in the middle of something."""

import asyncio

from consumers.source.client import close_client, new_client
from consumers.source.dealing import Dealer
from consumers.store.lease import Membership
from gateway.runtime.settings import Kafka, Settings


async def test_a_client_is_closed_while_a_fetch_waits_for_its_next_try(kafka_bootstrap: str) -> None:
    settings = Settings(kafka=Kafka(bootstrap=kafka_bootstrap))
    client = new_client(settings, Membership(group="closing", slot=1), Dealer())
    await client.start()
    await client.topics()  # opens a connection that stays
    # As a fetch waits whose broker did not answer.
    waiting = asyncio.create_task(asyncio.sleep(60))
    client._fetcher._pending_tasks.add(waiting)
    connections = list(client._client._conns.values())
    assert connections

    await close_client(client)

    assert waiting.cancelled()
    assert not any(connection.connected() for connection in connections)
