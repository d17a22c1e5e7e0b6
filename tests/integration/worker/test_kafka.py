"""Kafka under a running worker: not there at the start, and the worker waits for it."""

import msgspec

from gateway.runtime.settings import Kafka
from tests.integration.worker.world import World


async def test_without_kafka_a_worker_waits_and_ends_when_told_to(world: World) -> None:
    # Nothing listens on port 1.
    worker = await world.start(msgspec.structs.replace(world.settings, kafka=Kafka(bootstrap="127.0.0.1:1")))

    async def is_waiting() -> bool:
        return worker.log.count("Kafka cannot be reached") >= 2

    await world.until(is_waiting)
    assert await worker.stop() == 0


async def test_a_wrong_setting_ends_the_worker_with_a_sentence(world: World) -> None:
    wrong = Kafka(bootstrap="127.0.0.1:1", security_protocol="SSL", tls_ca_file="gone.pem")
    worker = await world.start(msgspec.structs.replace(world.settings, kafka=wrong))
    assert await worker.ended() == 1
    assert "A file of kafka.tls_* cannot be read" in worker.log
