"""Decompression bombs against a running edge: each is refused, and none takes more memory than about the limit."""

import secrets
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import brotli
import pytest
from isal import isal_zlib

from gateway.runtime.settings import Limits
from tests.acceptance.processes import Process
from tests.integration.edge.forms import PROTOBUF, SENTRY
from tests.integration.edge.world import World

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
GIB = 1024 * MIB
LIMIT_BYTES = Limits().otlp_inflated_max_bytes
# A field that no request has, and whose one value is all of the rest: a parser would copy it.
HEAD = b"\x7a" + bytes([0xF0, 0xFF, 0xFF, 0xFF, 0x03])


class Brotli:
    """brotli's compressor, with the names of the others."""

    def __init__(self) -> None:
        self._compressor = brotli.Compressor(quality=1)

    def compress(self, data: bytes) -> bytes:
        """Compress a piece."""
        return self._compressor.process(data)

    def flush(self) -> bytes:
        """End the stream."""
        return self._compressor.finish()


COMPRESSORS: dict[str, Callable[[], object]] = {
    "gzip": lambda: isal_zlib.compressobj(1, wbits=31),
    "deflate": lambda: isal_zlib.compressobj(1, wbits=15),
    "br": Brotli,
    "zstd": lambda: zstd.ZstdCompressor(level=1),
}


def bomb(codec: str) -> bytes:
    """Compress a gibibyte that is nearly all zeros."""
    compressor = COMPRESSORS[codec]()
    zeros = bytes(8 * MIB)
    pieces = [compressor.compress(HEAD)]  # pyright: ignore[reportAttributeAccessIssue]
    pieces += [compressor.compress(zeros) for _ in range(GIB // len(zeros))]  # pyright: ignore[reportAttributeAccessIssue]
    return b"".join([*pieces, compressor.flush()])  # pyright: ignore[reportAttributeAccessIssue]


@contextmanager
def watched(process: Process) -> Generator[list[int]]:
    """Look at a process's resident memory all the time; the list is bytes at the start, and the most since."""
    family = process.family()
    seen = [sum(each.memory_info().rss for each in family)] * 2
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            seen[1] = max(seen[1], sum(each.memory_info().rss for each in family))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


@pytest.mark.clause("OTLP 14b")
def test_a_gibibyte_in_any_codec_costs_no_more_than_the_limit(world: World) -> None:
    app = world.control.app()
    key = app.key()
    grown: dict[str, int] = {}
    with world.edge() as (process, url):
        assert PROTOBUF.send(url, key, app.channel).status == 200
        for codec in COMPRESSORS:
            body = bomb(codec)
            assert len(body) < Limits().body_max_bytes
            with watched(process) as seen:
                answer = PROTOBUF.send(url, key, app.channel, body=body, more={"Content-Encoding": codec})
            PROTOBUF.check_error(answer, 413, f"more than {LIMIT_BYTES} bytes once decompressed")
            grown[codec] = seen[1] - seen[0]
    # The buffer itself; where it grew out of the heap glibc keeps a part of up to 32 MiB for the next request
    # (`gateway.runtime.memory`), and the libraries have buffers of their own.
    assert all(each_bytes < LIMIT_BYTES + 40 * MIB for each_bytes in grown.values()), grown


@pytest.mark.clause("Sentry b2")
def test_a_large_attachment_is_held_once(world: World) -> None:
    app = world.control.app()
    key = app.key()
    size_bytes = 99 * MIB
    head = b'{}\n{"type":"attachment","length":%d,"filename":"core"}\n' % size_bytes
    body = head + secrets.token_bytes(MIB) * (size_bytes // MIB)
    with world.edge() as (process, url):
        assert SENTRY.send(url, key, app.channel).status == 200
        with watched(process) as seen:
            answer = SENTRY.send(url, key, app.channel, body=body)
    assert answer.status == 200, answer
    # A buffer that grows has an eighth more, and some records of a mebibyte are on their way to Kafka.
    assert seen[1] - seen[0] < size_bytes * 9 // 8 + 70 * MIB
