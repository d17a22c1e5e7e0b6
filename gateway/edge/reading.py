"""Reading a request's body from its connection, within its size and its time."""

import asyncio
from io import BytesIO

from aiohttp.web import BaseRequest

from gateway.edge.admission import Hold
from schemas.errors import Malformed, PayloadTooLarge, RequestTimeout


async def read_body(request: BaseRequest, hold: Hold, *, max_bytes: int, timeout_seconds: int) -> bytes:
    """Answer the body as it was sent, still compressed.

    Raises:
        PayloadTooLarge: it is announced or turns out to be larger than `max_bytes`.
        RequestTimeout: it did not arrive in time.
        Malformed: its framing is wrong, or the client went away before its end.
        Overloaded: the process has too much in hand.
    """
    announced_bytes = request.content_length
    if announced_bytes is not None and announced_bytes > max_bytes:
        raise _too_large(max_bytes)
    content = request.content
    if content.is_eof():
        # It came with the headers, as most do.
        body = content.read_nowait()
        if len(body) > max_bytes:
            raise _too_large(max_bytes)
        hold.grow(len(body))
        return body
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    pieces = BytesIO()  # hands out its buffer without a copy, which join() would make
    size_bytes = 0
    try:
        async with asyncio.timeout(timeout_seconds):
            while piece := await content.readany():
                size_bytes += len(piece)
                if size_bytes > max_bytes:
                    raise _too_large(max_bytes)
                hold.grow(len(piece))
                pieces.write(piece)
    except TimeoutError as error:
        raise RequestTimeout(f"The body did not arrive within {timeout_seconds} s.") from error
    except (ConnectionError, ValueError) as error:
        raise Malformed(f"The body ended early or its framing is wrong, after {size_bytes} bytes.") from error
    return pieces.getvalue()


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {max_bytes} bytes.")
