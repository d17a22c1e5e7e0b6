"""Reading a request's body from its connection, within its size and its time."""

import asyncio
from collections.abc import Callable
from io import BytesIO

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest
from msgspec import Struct

from gateway.edge.admission import Hold
from schemas.errors import Malformed, PayloadTooLarge, RequestTimeout


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
            max_bytes: The most that it may be, where that is less than what it was made with.

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
        except (ConnectionError, ValueError) as error:
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
