"""Publishing to Kafka: records gather in one open batch a topic; a request goes on when its batch is acknowledged."""

import asyncio
import itertools
import logging
from collections.abc import Collection
from typing import Any, TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from gateway.runtime import metrics
from gateway.runtime.budget import Budget
from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.settings import Kafka, Limits
from schemas.errors import PayloadTooLarge, StreamUnavailable
from schemas.record import Record, headers_of
from schemas.topics import topic_of

# aiokafka types its producer only in part.
Producer: TypeAlias = Any

_log = logging.getLogger(__name__)

_NS_PER_MS = 1_000_000
# What a record weighs beside its value: headers, and Kafka's own framing.
_RECORD_OVERHEAD_BYTES = 512
_CHECK_TIMEOUT_SECONDS = 2.0
_METADATA_MAX_AGE_MS = 60_000


class _Batch:
    """Records of one topic on their way, and the requests that wait for them."""

    __slots__ = ("bytes", "records", "timer", "waiters")

    def __init__(self) -> None:
        self.records: list[tuple[int, bytes, list[tuple[str, bytes]]]] = []
        self.waiters: list[asyncio.Future[None]] = []
        self.bytes = 0
        self.timer: asyncio.TimerHandle | None = None

    def settle(self, error: StreamUnavailable | None) -> None:
        """Let the requests go on, each with an exception of its own: a shared one would gather every traceback."""
        for waiter in self.waiters:
            if waiter.done():
                continue
            if error is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(StreamUnavailable(error.message, reason=error.reason))


class KafkaPublisher:
    """`Publisher` over one idempotent aiokafka producer with acks=all.

    Batches are built here and not by the client: one acknowledgement wakes all requests of a batch, a batch goes to one
    partition chosen in turn, and bytes in hand are bounded, those of each topic too (the client itself bounds nothing).
    """

    def __init__(self, kafka: Kafka, limits: Limits) -> None:
        self._kafka = kafka
        self._in_flight = Budget(limits, of_what="records that wait for Kafka")
        self._producer: Producer = None
        self._open: dict[str, _Batch] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._turn = itertools.count()
        self._expected: set[str] = set()
        self._replacing = asyncio.Lock()

    async def start(self) -> None:
        """Connect.

        Raises:
            StreamUnavailable: Kafka cannot be reached.
            ConfigError: a setting of Kafka is wrong.
        """
        self._producer = await self._new_producer()

    async def close(self) -> None:
        """Send what is open, wait for what is in flight, disconnect."""
        for topic in list(self._open):
            self._flush(topic)
        if self._deliveries:
            await asyncio.wait(self._deliveries)
        if self._producer is not None:
            await _stop(self._producer)

    def expect(self, environment_ids: Collection[str]) -> None:
        """See `Publisher.expect`."""
        topics = {topic_of(environment_id) for environment_id in environment_ids}
        if topics != self._expected:
            # Those that are gone go from the client too: it would ask for them, and complain, once a minute for ever.
            self._producer.client.set_topics(topics)
        self._expected = topics

    async def check(self) -> None:
        """Ask the brokers for metadata.

        Raises:
            StreamUnavailable: no broker answers.
        """
        try:
            async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
                answered = self._producer is not None and await self._producer.client.force_metadata_update()
        except (KafkaError, TimeoutError) as error:
            raise StreamUnavailable("Kafka does not answer.") from error
        if not answered:
            raise StreamUnavailable("Kafka does not answer.")

    def check_size(self, record: Record) -> None:
        """See `Publisher.check_size`."""
        max_bytes = self._kafka.value_max_bytes
        if len(record.value) > max_bytes:
            raise PayloadTooLarge(f"The payload has {len(record.value)} bytes; a record takes at most {max_bytes}.")

    async def publish(self, environment_id: str, record: Record) -> None:
        """See `Publisher.publish`."""
        self.check_size(record)
        size_bytes = len(record.value) + _RECORD_OVERHEAD_BYTES
        entry = (record.received_ns // _NS_PER_MS, record.value, headers_of(record))
        topic = topic_of(environment_id)
        self._in_flight.take(topic, size_bytes)
        batch = self._open.get(topic)
        if batch is not None and batch.bytes + size_bytes > self._kafka.batch_max_bytes:
            self._flush(topic)
            batch = None
        loop = asyncio.get_running_loop()
        if batch is None:
            batch = self._open[topic] = _Batch()
            batch.timer = loop.call_later(self._kafka.linger_ms / 1000, self._flush, topic)
        waiter: asyncio.Future[None] = loop.create_future()
        batch.waiters.append(waiter)
        batch.records.append(entry)
        batch.bytes += size_bytes
        await waiter

    def _flush(self, topic: str) -> None:
        """Hand the open batch of a topic over to its delivery."""
        batch = self._open.pop(topic)
        if batch.timer is not None:
            batch.timer.cancel()
        task = asyncio.create_task(self._deliver(topic, batch))
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, topic: str, batch: _Batch) -> None:
        """Send one batch and let its requests go on."""
        # However this ends: what was not acknowledged is not told to have been.
        error: StreamUnavailable | None = StreamUnavailable("The records were not published.")
        try:
            async with asyncio.timeout(self._kafka.publish_timeout_seconds):
                await self._send(topic, batch)
            error = None
            metrics.PUBLISHED_BYTES.inc(batch.bytes)
            metrics.PUBLISHED_BATCHES.inc()
        except TimeoutError:
            error = StreamUnavailable(
                f"Kafka did not acknowledge within {self._kafka.publish_timeout_seconds} s.", reason="stream_timeout"
            )
        except StreamUnavailable as failure:
            error = failure
        except KafkaError as failure:
            _log.warning("A batch of %d records was refused: %r", len(batch.records), failure)
            error = StreamUnavailable(f"Kafka refused the records: {type(failure).__name__}.")
        finally:
            self._in_flight.give_back(topic, batch.bytes)
            if error is not None:
                metrics.PUBLISH_FAILURES.inc()
            batch.settle(error)

    async def _send(self, topic: str, batch: _Batch) -> None:
        """Send one batch, a second time with a new producer if the first one is of no use any more.

        After a failure that it does not retry, an idempotent producer's sequence numbers no longer match the broker's
        and the partition keeps failing (aiokafka's issue 1017). The repeat carries the same ingest ids: the store keeps
        one.
        """
        for attempt in itertools.count():
            producer = self._producer
            if producer is None:
                raise StreamUnavailable("Kafka is not connected.")
            try:
                partitions: list[int] = sorted(await producer.partitions_for(topic))
                builder = producer.create_batch()
                for timestamp_ms, value, headers in batch.records:
                    builder.append(timestamp=timestamp_ms, key=None, value=value, headers=headers)
                partition = partitions[next(self._turn) % len(partitions)]
                await (await producer.send_batch(builder, topic, partition=partition))
            except KafkaError:
                await self._replace(producer)
                if attempt:
                    raise
            else:
                return

    async def _replace(self, failed: Producer) -> None:
        """Put a new producer in the place of one that failed, once however many batches saw it fail."""
        async with self._replacing:
            if self._producer is not failed:
                return
            replacement = await self._new_producer()
            replacement.client.set_topics(self._expected)
            self._producer = replacement
            metrics.PRODUCERS_REPLACED.inc()
        stopping = asyncio.create_task(_stop(failed))
        self._deliveries.add(stopping)
        stopping.add_done_callback(self._deliveries.discard)

    async def _new_producer(self) -> Producer:
        """Connect a producer; the client's own limits never bind, since sizes are checked here."""
        producer: Producer = AIOKafkaProducer(
            **kafka_options(self._kafka),
            acks="all",
            enable_idempotence=True,
            max_batch_size=self._kafka.message_max_bytes,
            max_request_size=self._kafka.message_max_bytes,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            request_timeout_ms=self._kafka.publish_timeout_seconds * 1000,
        )
        try:
            async with asyncio.timeout(self._kafka.publish_timeout_seconds):
                await producer.start()
        except (KafkaError, TimeoutError, OSError) as error:
            await _stop(producer)
            raise StreamUnavailable(f"Kafka at {self._kafka.bootstrap} cannot be reached: {error!r}.") from error
        return producer


async def _stop(producer: Producer) -> None:
    """Stop a producer within a bound: its own stop waits for what a dead broker will never acknowledge."""
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_SECONDS):
            await producer.stop()
    except (KafkaError, TimeoutError):
        _log.warning("A producer did not stop in time; it is left behind.")
