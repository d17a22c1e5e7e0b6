"""Reading a request's body from its connection, within its size and its time."""

import asyncio
import contextlib
from collections.abc import Callable
from io import BytesIO

from aiohttp import HttpVersion11, StreamReader
from aiohttp.web import BaseRequest
from msgspec import Struct

from gateway.edge.admission import Hold
from schemas.errors import Malformed, PayloadTooLarge, RequestTimeout, UnsupportedTransfer

# An answer that did not wait for its body: how much of that is read and forgotten, so that the client finds the answer
# and not a reset; how long after its last piece; and how much of it is worth reading for to keep the connection.
_DRAINED_MAX_BYTES = 128 * 1024 * 1024
_DRAINED_MAX_SECONDS = 30.0
_PAUSE_MAX_SECONDS = 2.0
_SHORT_MAX_BYTES = 1024 * 1024
_CHUNKED = "chunked"


class Pace(Struct, frozen=True):
    """How long a body may take: `timeout_seconds`, and a second more for `bytes_per_second` that have arrived.

    Whoever keeps to that rate is never cut off, and whoever sends less is before long, whatever size was announced.
    """

    timeout_seconds: int
    bytes_per_second: int


class Reading:
    """The body of one request on its way, as it was sent, still compressed."""

    def __init__(self, request: BaseRequest, hold: Hold, *, max_bytes: int, pace: Pace) -> None:
        self._request = request
        self._hold = hold
        self._max_bytes = max_bytes
        self._pace = pace
        self._began = asyncio.get_running_loop().time()
        self._pieces = BytesIO()  # hands out its buffer without a copy, which join() would make
        self._size_bytes = 0

    async def until(self, is_enough: Callable[[bytes], bool]) -> None:
        """Read until a function that is given each piece says that it is enough, or to the body's end.

        Raises:
            PayloadTooLarge, RequestTimeout, Malformed, Overloaded: see `all`.
        """
        self._check_announced(self._max_bytes)
        await self._read(self._max_bytes, is_enough)

    async def all(self, max_bytes: int | None = None) -> bytes:
        """Read the rest, and answer all of it.

        Args:
            max_bytes: The most that it may be, where that is not what it was made with.

        Raises:
            PayloadTooLarge: it is announced or turns out to be larger.
            RequestTimeout: it does not arrive in time.
            Malformed: its framing is wrong, or the client went away before its end.
            Overloaded: the process has too much in hand.
        """
        max_bytes = self._max_bytes if max_bytes is None else max_bytes
        self._check_announced(max_bytes)
        content = self._request.content
        if not self._size_bytes and content.is_eof():
            # It came with the headers, as most do.
            body = content.read_nowait()
            if len(body) > max_bytes:
                raise _too_large(max_bytes)
            self._hold.grow(len(body))
            return body
        await self._read(max_bytes, lambda _: False)
        return self._pieces.getvalue()

    def _check_announced(self, max_bytes: int) -> None:
        announced_bytes = self._request.content_length
        if max(announced_bytes or 0, self._size_bytes) > max_bytes:
            raise _too_large(max_bytes)

    async def _read(self, max_bytes: int, is_enough: Callable[[bytes], bool]) -> None:
        content = self._request.content
        if not self._size_bytes and not content.is_eof():
            await self._continue()
        try:
            async with asyncio.timeout_at(self._ends_at()) as ending:
                while piece := await content.readany():
                    self._size_bytes += len(piece)
                    if self._size_bytes > max_bytes:
                        raise _too_large(max_bytes)
                    self._hold.grow(len(piece))
                    self._pieces.write(piece)
                    if is_enough(piece):
                        return
                    ending.reschedule(self._ends_at())
        except TimeoutError as error:
            raise RequestTimeout(
                f"The body did not arrive in time: it has {self._pace.timeout_seconds} s, and one more for each "
                f"{self._pace.bytes_per_second} bytes; {self._size_bytes} bytes came."
            ) from error
        except (OSError, ValueError) as error:
            raise Malformed(f"The body ended early or its framing is wrong, after {self._size_bytes} bytes.") from error

    async def _continue(self) -> None:
        """Tell a client to go on that waits for it; one of HTTP/1.0 must not be told (RFC 9110 10.1.1)."""
        request = self._request
        if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0

    def _ends_at(self) -> float:
        return self._began + self._pace.timeout_seconds + self._size_bytes / self._pace.bytes_per_second


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {max_bytes} bytes.")


def check_framing(request: BaseRequest) -> None:
    """Return if a body is framed in a way that is spoken here.

    Raises:
        UnsupportedTransfer: it is in another transfer coding than chunks (RFC 9112 6.1).
    """
    coding = request.headers.get("Transfer-Encoding", _CHUNKED)
    if coding.strip().lower() != _CHUNKED:
        raise UnsupportedTransfer("Transfer-Encoding may only be chunked. Compress with Content-Encoding instead.")


def ends_connection(request: BaseRequest) -> bool:
    """Tell whether a request is the last one of its connection, for how its body came or has not come.

    What is left of a body that was answered early is read if it is short and on its way. Of HTTP/1.0 chunks were never
    meant, and what follows them may be somebody else's (RFC 9112 6.1).
    """
    if request.version < HttpVersion11 and "Transfer-Encoding" in request.headers:
        return True
    if request.content.is_eof():
        return False
    announced_bytes = request.content_length
    return announced_bytes is None or announced_bytes > _SHORT_MAX_BYTES or "Expect" in request.headers


async def drain(content: StreamReader) -> None:
    """Read what else comes of a body that was answered, and forget it."""
    left_bytes = _DRAINED_MAX_BYTES
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + _DRAINED_MAX_SECONDS
    with contextlib.suppress(OSError, ValueError):
        while left_bytes > 0:
            async with asyncio.timeout_at(min(ends_at, loop.time() + _PAUSE_MAX_SECONDS)):
                piece = await content.readany()
            if not piece:
                return
            left_bytes -= len(piece)
