"""Requests whose key stands only in their body: it is looked at as soon as it is there, a stranger's rest is not."""

import gzip
import json
import secrets
import socket
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import brotli
import pytest

from gateway.runtime.settings import Limits
from tests.acceptance.sending import send
from tests.acceptance.stack import App
from tests.integration.edge.forms import envelope
from tests.integration.edge.test_bombs import zstd
from tests.integration.edge.world import World


def brotli_packed(body: bytes) -> bytes:
    return brotli.compress(body, quality=1)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli_packed,
    "zstd": zstd.compress,
}
CODECS = pytest.mark.parametrize("codec", PACKED)
SIZE_BYTES = Limits().large_body_max_bytes
REST = b'{"type":"attachment"}\n' + secrets.token_bytes(2_000_000)


class Tunnel:
    """An app, and a way to send only the beginning of an envelope."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app: App = world.control.app()
        self.key = self.app.key()

    def dsn(self, key: str | None = None, channel: int | None = None) -> str:
        """Write a dsn."""
        return f"https://{key or self.key}@host/{self.app.channel if channel is None else channel}"

    def begin(self, codec: str, beginning: bytes, *, is_chunked: bool = False) -> int:
        """Send the beginning of a body that is never sent to its end, and answer the status."""
        size = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % SIZE_BYTES
        head = b"POST /api/%d/envelope/ HTTP/1.1\r\nHost: x\r\nContent-Encoding: %b\r\n%b\r\n\r\n" % (
            *(self.app.channel, codec.encode(), size),
        )
        body = b"%x\r\n%b\r\n" % (len(beginning), beginning) if is_chunked else beginning
        parts = urlsplit(self.world.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
            connection.sendall(head + body)
            return int(connection.recv(65536).split()[1])


@pytest.fixture(scope="module")
def tunnel(world: World) -> Tunnel:
    return Tunnel(world)


def beginning_of(codec: str, line: bytes) -> bytes:
    """Pack an envelope that begins with a line, and answer less than half of it."""
    packed = PACKED[codec](line + b"\n" + REST)
    return packed[: len(packed) // 4]


@CODECS
@pytest.mark.parametrize("is_chunked", [False, True], ids=["announced", "chunked"])
def test_who_may_not_send_is_refused_before_the_rest_is_there(tunnel: Tunnel, codec: str, is_chunked: bool) -> None:
    for headers, status in (
        ({}, 401),
        ({"dsn": tunnel.dsn("ak_" + "x" * 30)}, 403),
        ({"dsn": tunnel.dsn(channel=tunnel.app.channel + 1)}, 400),
        ({"dsn": tunnel.dsn("k" * 9000)}, 401),
    ):
        beginning = beginning_of(codec, json.dumps(headers).encode())
        assert tunnel.begin(codec, beginning, is_chunked=is_chunked) == status, headers


@CODECS
def test_no_line_within_what_a_line_may_have_is_no_key(tunnel: Tunnel, codec: str) -> None:
    assert tunnel.begin(codec, beginning_of(codec, secrets.token_bytes(300_000).replace(b"\n", b" "))) == 401


@pytest.mark.parametrize("beginning", [b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 70_000, b"no gzip at all"])
def test_a_compressed_body_that_comes_to_nothing_is_not_read_on(tunnel: Tunnel, beginning: bytes) -> None:
    """Its first member has a name without an end, or it is none."""
    assert tunnel.begin("gzip", beginning) in (400, 401)


@CODECS
def test_a_key_in_the_envelope_may_arrive_byte_by_byte(tunnel: Tunnel, codec: str) -> None:
    packed = PACKED[codec](envelope(dsn=tunnel.dsn()))
    pieces: Iterator[bytes] = (packed[at : at + 1] for at in range(len(packed)))
    url = f"{tunnel.world.url}/api/{tunnel.app.channel}/envelope/"
    answer = send(url, headers={"Content-Encoding": codec}, body=pieces)
    assert answer.status == 200, answer


def test_a_key_in_an_envelope_of_several_gzip_members(tunnel: Tunnel) -> None:
    whole = envelope(dsn=tunnel.dsn())
    body = b"".join(gzip.compress(each, mtime=0) for each in (b"", whole[:5], whole[5:30], whole[30:]))
    url = f"{tunnel.world.url}/api/{tunnel.app.channel}/envelope/"
    answer = send(url, headers={"Content-Encoding": "gzip"}, body=body)
    assert answer.status == 200, answer
