"""What the tests of the worker share: environments with topics, numbered records, worker processes, the ledger."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ingest_id, new_ulid
from gateway.runtime.postgres import Connection
from gateway.runtime.settings import Database, Kafka, Log, Settings, Worker
from schemas.record import Record, headers_of
from schemas.signals import Encoding, Format, Signal
from schemas.topics import topic_of

_ROOT = Path(__file__).parents[3]
_PATIENCE_SECONDS = 40


def span_request(name: str) -> bytes:
    """An OTLP request of one span."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    attribute = resource_spans.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", "ledger"
    span = resource_spans.scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.name = b"t" * 16, b"s" * 8, name
    span.start_time_unix_nano = span.end_time_unix_nano = now_ns()
    return request.SerializeToString()


def record_of_bytes(value: bytes, *, received_ns: int | None = None, ingest_id: bytes | None = None) -> Record:
    """A record of OTLP spans."""
    return Record(
        signal=Signal.TRACES,
        format=Format.PROTOBUF,
        encoding=Encoding.IDENTITY,
        inflated_bytes=len(value),
        channel_id=1,
        credential_id="01ARZ3NDEKTSV4RRFFQ69G5FAV",
        ingest_id=ingest_id or new_ingest_id(now_ns()),
        part=0,
        received_ns=now_ns() if received_ns is None else received_ns,
        value=value,
    )


async def add_environment(connection: Connection, environment: str, slug: str, partitions: int) -> None:
    """Make the row of an environment, of the one app that these tests have."""
    await connection.execute("INSERT INTO orgs (id, slug, name) VALUES ('o', 'o', 'o') ON CONFLICT DO NOTHING")
    await connection.execute(
        "INSERT INTO apps (id, org_id, slug, name) VALUES ('a', 'o', 'shop', 'Shop') ON CONFLICT DO NOTHING"
    )
    await connection.execute(
        "INSERT INTO environments (id, app_id, slug, name, color, partitions) VALUES ($1, 'a', $2, $2, '#000000', $3)",
        environment,
        slug,
        partitions,
    )


class Process:
    """One running worker."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def ready(self) -> None:
        """Wait until it reads what it is assigned."""
        assert self._process.stdout is not None
        async with asyncio.timeout(_PATIENCE_SECONDS):
            line = await self._process.stdout.readline()
        assert line == b"ready\n", self.log

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        await self._process.wait()

    async def ended(self) -> int:
        """Wait for its end and answer the exit code."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await self._process.wait()

    async def stop(self) -> int:
        """Ask it to stop and answer the exit code."""
        if self.is_running:
            self.send(signal.SIGTERM)
        return await self.ended()


class World:
    """One database, one broker, and a lane of its own."""

    def __init__(self, database_url: str, bootstrap: str, folder: Path, connection: Connection) -> None:
        self._folder = folder
        self._connection = connection
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
        self._processes: list[Process] = []
        self._topics: list[str] = []
        self.settings = Settings(
            database=Database(url=database_url),
            kafka=Kafka(bootstrap=bootstrap),
            # A lane of its own: the members of another test's group are not waited for.
            worker=Worker(batch_wait_ms=20, excluded_environments=(f"none-{secrets.token_hex(4)}",)),
            log=Log(level="INFO"),
        )

    @property
    def sql(self) -> Connection:
        """A connection to look and to meddle."""
        return self._connection

    async def open(self) -> None:
        """Connect to Kafka."""
        await self._admin.start()
        await self._producer.start()

    async def close(self) -> None:
        """End everything that still runs."""
        for process in self._processes:
            if process.is_running:
                await process.kill()
        await self._producer.stop()
        await self._admin.delete_topics(self._topics)
        await self._admin.close()

    async def environment(self, slug: str, partitions: int = 1) -> str:
        """Make an environment and its topic, as the control plane does: the topic first."""
        environment = new_ulid(now_ns())
        await self._admin.create_topics([NewTopic(topic_of(environment), partitions, 1)])
        self._topics.append(topic_of(environment))
        await add_environment(self._connection, environment, slug, partitions)
        return environment

    async def produce(self, environment: str, records: Iterable[Record], partition: int | None = None) -> None:
        """Put records on a topic and wait for the acknowledgement of all."""
        sent = [
            await self._producer.send(topic_of(environment), r.value, headers=headers_of(r), partition=partition)
            for r in records
        ]
        await asyncio.gather(*sent)

    async def produce_raw(
        self, environment: str, value: bytes | None, headers: Sequence[tuple[str, bytes]], partition: int = 0
    ) -> None:
        """Put any bytes on a topic."""
        await self._producer.send_and_wait(topic_of(environment), value, b"key", headers=headers, partition=partition)

    async def produce_numbers(self, environment: str, numbers: Iterable[int], partition: int | None = None) -> None:
        """Put one span a number on a topic."""
        await self.produce(environment, [record_of_bytes(span_request(str(n))) for n in numbers], partition)

    async def lose(self, environment: str, *, partition: int, before_offset: int) -> None:
        """Make Kafka forget what stands before an offset, as retention would."""
        where = TopicPartition(topic_of(environment), partition)
        await self._admin.delete_records({where: RecordsToDelete(before_offset)})

    async def start(self, settings: Settings | None = None) -> Process:
        """Start a worker."""
        log = self._folder / f"worker-{len(self._processes)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.integration.worker.process",
                msgspec.json.encode(settings or self.settings).decode(),
                cwd=_ROOT,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
            )
        running = Process(process, log)
        self._processes.append(running)
        return running

    @asynccontextmanager
    async def worker(self, settings: Settings | None = None) -> AsyncGenerator[Process]:
        """A worker that is ready, for as long as the block lasts."""
        process = await self.start(settings)
        await process.ready()
        yield process
        assert await process.stop() == 0, process.log

    async def ledger(self, environment: str) -> dict[str, int]:
        """How often each span is stored."""
        rows = await self._connection.fetch(
            "SELECT name, count(*) FROM spans WHERE environment = $1 GROUP BY name", environment
        )
        return {row[0]: row[1] for row in rows}

    async def stored(self, environment: str, numbers: Iterable[int]) -> None:
        """Wait until these numbers are stored, each once, and nothing else is."""
        expected = {str(number): 1 for number in numbers}
        await self.until(lambda: self._has(environment, len(expected)))
        assert await self.ledger(environment) == expected

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = _PATIENCE_SECONDS) -> None:
        """Wait for a condition.

        Raises:
            TimeoutError: it did not come about; the workers' logs say why.
        """
        try:
            async with asyncio.timeout(seconds):
                # What is waited for happens in other processes.
                while not await condition():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            logs = "\n".join(process.log[-4000:] for process in self._processes)
            raise TimeoutError(logs) from None

    async def _has(self, environment: str, count: int) -> bool:
        """Tell whether at least so many spans are stored."""
        query = "SELECT count(*) FROM spans WHERE environment = $1"
        return await self._connection.fetchval(query, environment) >= count
