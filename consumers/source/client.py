"""The Kafka client of a worker, with every default that matters said."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from consumers.source.dealing import Dealer
from consumers.store.lease import Membership
from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.settings import Settings

CLOSE_TIMEOUT_SECONDS = 5
# How long a poll, and a fetch at the broker, waits for records.
POLL_MS = 200

# JoinGroup waits for members that are gone as long as a session lasts, and the client cuts it off after this.
_REQUEST_TIMEOUT_MS = 12_000


def new_client(settings: Settings, place: Membership, dealer: Dealer) -> Any:  # noqa: ANN401 (aiokafka has no types)
    """Make a client that is not connected yet.

    Offsets are not Kafka's business here: nothing is committed by itself, and where none is known nothing is guessed. A
    rebalance lasts as long as a session may be silent, for members that are gone are waited for.

    Raises:
        ConfigError: a setting is wrong.
    """
    session_timeout_ms = settings.worker.session_timeout_ms
    return AIOKafkaConsumer(
        **kafka_options(settings.kafka),
        client_id=f"axonpush-worker-{place.slot}",
        group_id=place.group,
        group_instance_id=f"slot-{place.slot}",
        enable_auto_commit=False,
        auto_offset_reset="none",
        partition_assignment_strategy=(dealer,),
        session_timeout_ms=session_timeout_ms,
        rebalance_timeout_ms=session_timeout_ms,
        heartbeat_interval_ms=1_000,
        request_timeout_ms=max(_REQUEST_TIMEOUT_MS, 2 * session_timeout_ms),
        metadata_max_age_ms=30_000,
        fetch_max_bytes=settings.worker.batch_max_bytes,
        fetch_max_wait_ms=POLL_MS,
        check_crcs=True,
    )


async def close_client(client: Any) -> None:  # noqa: ANN401 (aiokafka has no types)
    """Close a client within a bound, whatever it complains of.

    Its `stop` cancels what it does, and lets the cancellation of a fetch that waits for its next try out, as after an
    outage. That is not the caller's own, and ends `stop` before it has closed the connections.
    """
    stopping = asyncio.create_task(client.stop())
    await asyncio.wait([stopping], timeout=CLOSE_TIMEOUT_SECONDS)
    stopping.cancel()
    (failure,) = await asyncio.gather(stopping, return_exceptions=True)
    if isinstance(failure, asyncio.CancelledError):
        await client._client.close()  # noqa: SLF001 (the one way to its connections)
    elif failure is not None and not isinstance(failure, KafkaError):
        raise failure
