"""The load generator: a process of its own that keeps connections busy with one kind of request and times the answers.

`python -m bench.load` reads a `Job` as JSON from standard input and writes a `Load` as JSON to standard output.
"""

import asyncio
import secrets
import sys
import time
from collections import Counter
from typing import cast

import msgspec
import uvloop
from msgspec import Struct

from bench.envelopes import EVENT_ID_PLACEHOLDER

_HEAD_END = b"\r\n\r\n"
# An answer that takes longer than this after the end of a run is not waited for.
_PATIENCE_SECONDS = 30


class Job(Struct, frozen=True):
    """What to send, and how long: until `seconds` have passed or `requests` were sent, whichever is first."""

    host: str
    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    connections: int
    seconds: float
    requests: int | None = None


class Load(Struct, frozen=True):
    """What came back: answers by HTTP status (0: none), and latencies from the first byte out to the last one in."""

    seconds: float
    statuses: dict[int, int]
    first_failure: str
    p50_ms: float
    p99_ms: float

    @property
    def accepted(self) -> int:
        """The number of requests that were answered 2xx."""
        return sum(count for status, count in self.statuses.items() if status // 100 == 2)  # noqa: PLR2004 (2xx)

    @property
    def failed(self) -> int:
        """The number of requests that were answered with anything else."""
        return sum(self.statuses.values()) - self.accepted


class _Run:
    """What the connections of one run share: the request, what is left to send, and what came back."""

    def __init__(self, job: Job) -> None:
        self.request = _request_of(job)
        self.id_offsets = _offsets_of(self.request, EVENT_ID_PLACEHOLDER)
        self.deadline = time.perf_counter() + job.seconds
        self.left = sys.maxsize if job.requests is None else job.requests
        self.statuses: Counter[int] = Counter()
        self.first_failure = ""
        self.latencies: list[float] = []

    def next_request(self) -> bytes | None:
        """Answer the bytes of one more request, or None when the run is over."""
        if self.left <= 0 or time.perf_counter() >= self.deadline:
            return None
        self.left -= 1
        if not self.id_offsets:
            return self.request
        request = bytearray(self.request)
        event_id = secrets.token_hex(16).encode()
        for offset in self.id_offsets:
            request[offset : offset + len(event_id)] = event_id
        return bytes(request)

    def answered(self, status: int, answer: bytes, seconds: float) -> None:
        """Count one answer."""
        self.statuses[status] += 1
        self.latencies.append(seconds)
        if status // 100 != 2 and not self.first_failure:  # noqa: PLR2004 (2xx)
            self.first_failure = answer.decode("utf-8", "replace")


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request in flight."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport
        self._received = b""
        self._sent_at = 0.0
        self._is_waiting = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from asyncio's
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        answer_end = head_end + len(_HEAD_END) + _content_length_of(head)
        if len(self._received) < answer_end:
            return
        self._is_waiting = False
        self._run.answered(int(head[9:12]), self._received[:answer_end], time.perf_counter() - self._sent_at)
        self._received = self._received[answer_end:]
        if b"connection: close" not in head:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done.done():
            return
        if self._is_waiting:
            cause = f"The connection was closed before the answer: {exc}."
            self._run.answered(0, cause.encode(), time.perf_counter() - self._sent_at)
        self.done.set_result(None)

    def _send(self) -> None:
        request = self._run.next_request()
        if request is None:
            self._transport.close()
            return
        self._is_waiting = True
        self._sent_at = time.perf_counter()
        self._transport.write(request)


async def drive(job: Job) -> Load:
    """Send what the job says over its connections and answer what came back.

    Raises:
        OSError: nobody listens at the job's address.
        TimeoutError: an answer did not come.
    """
    run = _Run(job)
    started_at = time.perf_counter()
    async with asyncio.timeout(job.seconds + _PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for _ in range(job.connections):
            group.create_task(_keep_busy(job, run))
    seconds = time.perf_counter() - started_at
    latencies = sorted(run.latencies)
    return Load(
        seconds=seconds,
        statuses=dict(run.statuses),
        first_failure=run.first_failure,
        p50_ms=_quantile(latencies, 0.50) * 1000,
        p99_ms=_quantile(latencies, 0.99) * 1000,
    )


async def _keep_busy(job: Job, run: _Run) -> None:
    """Keep one connection busy, and open it again when the server closed it."""
    loop = asyncio.get_running_loop()
    while run.left > 0 and time.perf_counter() < run.deadline:
        _, connection = await loop.create_connection(lambda: _Connection(run), job.host, job.port)
        await connection.done


def _request_of(job: Job) -> bytes:
    headers = {"host": f"{job.host}:{job.port}", "content-length": str(len(job.body)), **job.headers}
    lines = [f"POST {job.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + job.body


def _offsets_of(data: bytes, part: bytes) -> list[int]:
    offsets: list[int] = []
    offset = data.find(part)
    while offset >= 0:
        offsets.append(offset)
        offset = data.find(part, offset + len(part))
    return offsets


def _content_length_of(head: bytes) -> int:
    _, _, rest = head.partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


def _quantile(ordered: list[float], quantile: float) -> float:
    """Answer the value at a quantile of ordered values; 0 where there are none."""
    return ordered[int(quantile * (len(ordered) - 1))] if ordered else 0.0


def main() -> None:
    """Run the job that stands on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    result = uvloop.run(drive(job))
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
