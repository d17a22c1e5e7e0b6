"""Client connections: how many there may be, how long a request's head may take, and what broken HTTP is told."""

import asyncio
import contextlib
import logging
import random
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import HttpProcessingError, RawRequestMessage
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from gateway.edge import http2
from gateway.edge.exchange import CROSS_ORIGIN, SERVER_NAME
from gateway.protocols.replies import anyones_error
from gateway.runtime import metrics
from gateway.runtime.settings import Limits, Server
from schemas.errors import GatewayError, HeadTooLarge, Malformed

_log = logging.getLogger(__name__)

# How long HTTP/2 is answered before the connection ends.
_REFUSAL_SECONDS = 2.0
# aiohttp has no class of its own for it.
_TOO_MANY_HEADERS = "Too many headers"
# What hangs after all patience is cancelled, which takes no time unless it resists.
_CANCEL_SECONDS = 0.1
# Connections that were opened together, as after a restart, must not all end together.
_AGE_JITTER = 0.1


class Connection(RequestHandler):
    """aiohttp's connection with a deadline for the head of a request, and an age."""

    __slots__ = (
        "_answered_count",
        "_body",
        "_edge",
        "_has_begun",
        "_has_ended",
        "_head_deadline",
        "_old_at",
        "_refusal",
    )

    def __init__(self, edge: "HttpServer", **options: Any) -> None:  # noqa: ANN401 (aiohttp's own options)
        super().__init__(edge, **options)
        self._edge = edge
        self._head_deadline: asyncio.TimerHandle | None = None
        self._has_begun = False
        self._has_ended = False
        self._answered_count = 0
        self._body: StreamReader | None = None
        self._refusal: http2.Refusal | None = None
        jitter = random.uniform(1 - _AGE_JITTER, 1 + _AGE_JITTER)  # noqa: S311 (spreads connections, no secret)
        self._old_at = self._loop.time() + edge.connection_max_age_seconds * jitter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or close it at once where there are too many."""
        super().connection_made(transport)
        metrics.CONNECTIONS.inc()
        self._edge.open_connections.add(self)
        if len(self._edge.connections) > self._edge.connections_max_count:
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget a connection."""
        self._stop_deadline()
        metrics.CONNECTIONS.dec()
        super().connection_lost(exc)
        self._edge.open_connections.discard(self)
        if not self._edge.open_connections:
            self._edge.has_none.set()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those that end no head start its deadline."""
        if not self._has_begun:
            self._begin(data)
        if self._refusal is not None:
            if self.transport is not None:
                self.transport.write(self._refusal.answer(data))
            return
        requests_before = self._request_count
        super().data_received(data)
        if self._messages:
            self._take(*self._messages[-1])
        is_head_unfinished = not self.has_request() and self._request_count == requests_before
        if not is_head_unfinished:
            self._stop_deadline()
        elif self._head_deadline is None:
            self._head_deadline = self._loop.call_later(self._edge.header_timeout_seconds, self._end_head)

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] (aiohttp forgets what it may answer)
        """Take that the client sends no more: what it has sent to its end is answered, and nothing else waited for."""
        is_waiting = self._answered_count < self._request_count
        self._has_ended = is_waiting and self._body is not None and self._body.is_eof()
        return self._has_ended

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, and count it."""
        finished = await super().finish_response(request, resp, start_time)
        self._answered_count += 1
        return finished

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 (aiohttp's signature)
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 (aiohttp's signature; it may quote the client's bytes)
    ) -> web.StreamResponse:
        """Answer HTTP that cannot be read: the path, and so the protocol, is not known yet."""
        if status >= web.HTTPInternalServerError.status_code:
            _log.error("A request failed.", exc_info=exc)
            error = GatewayError("An error of ours; it has been logged.")
        else:
            error = self._edge.head_error(exc)
        reply = anyones_error(error)
        headers = {**dict(reply.headers), **CROSS_ORIGIN, "Server": SERVER_NAME}
        response = web.Response(status=reply.status, reason=reply.reason, headers=headers, body=reply.body)
        response.force_close()
        return response

    def is_ending(self) -> bool:
        """Tell whether the connection should end with its next answer.

        It is old, and a load balancer is to place it anew; or the client sends no more, and has no other request here.
        """
        return self._loop.time() > self._old_at or (self._has_ended and not self._messages)

    def has_request(self) -> bool:
        """Tell whether a request is being read or answered."""
        return bool(self._request_in_progress or self._messages)

    def _begin(self, data: bytes) -> None:
        """Look at the first bytes: HTTP/2 is refused, for as long as it takes to read why."""
        self._has_begun = True
        if data.startswith(http2.METHOD):
            self._refusal = http2.Refusal(self._edge.public_url)
            self._loop.call_later(_REFUSAL_SECONDS, self.force_close)

    def _end_head(self) -> None:
        """Close a connection whose head has not come; a request that was about to begin has."""
        self._head_deadline = None
        if not self.has_request():
            self.force_close()

    def _take(self, message: object, body: StreamReader) -> None:
        """Remember the body of the newest request; where that breaks off tell whoever reads it.

        aiohttp keeps the error for after the answer, which would wait for the body.
        """
        if isinstance(message, RawRequestMessage):
            self._body = body
        elif self._body is not None and not self._body.is_eof():
            self._body.set_exception(ValueError("The framing of the body is wrong."))
            self.close()

    def _stop_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


class HttpServer(web.Server):
    """aiohttp's low-level server over such connections."""

    def __init__(self, handler: Any, server: Server, limits: Limits) -> None:  # noqa: ANN401 (aiohttp's handler type is private)
        super().__init__(handler)
        # aiohttp's own list keeps a connection until its task has ended too.
        self.open_connections: set[Connection] = set()
        self.has_none = asyncio.Event()
        self.connections_max_count = limits.connections_max_count
        self._limits = limits
        self.header_timeout_seconds = server.header_timeout_seconds
        self.connection_max_age_seconds = server.connection_max_age_seconds
        self.public_url = server.public_url.rstrip("/")
        self._options: dict[str, Any] = {
            "auto_decompress": False,
            "access_log": None,
            "keepalive_timeout": server.keepalive_timeout_seconds,
            "lingering_time": 0,  # `reading.drain` has done it
            "max_line_size": limits.line_max_bytes,
            "max_field_size": limits.line_max_bytes,
            "max_headers": limits.headers_max_count,
            "read_bufsize": 256 * 1024,
        }

    def head_error(self, cause: BaseException | None) -> GatewayError:
        """Say why the beginning of a request cannot be read."""
        match cause:
            case LineTooLong():
                return HeadTooLarge(f"A line of the request's head is longer than {self._limits.line_max_bytes} bytes.")
            case HttpProcessingError(message=text) if text.startswith(_TOO_MANY_HEADERS):
                return HeadTooLarge(f"The request has more than {self._limits.headers_max_count} header lines.")
            case _:
                return Malformed(
                    "The request cannot be read: it is no HTTP/1.1, or a header or chunk of it is malformed."
                )

    def __call__(self) -> RequestHandler:
        """Make the protocol of a new connection."""
        return Connection(self, loop=self._loop, **self._options)

    async def finish(self, timeout_seconds: int) -> None:
        """Close idle connections now, and the others after their answer, or at the latest when the time is over.

        aiohttp's own shutdown reads nothing more from the first moment, so a body on its way would never be answered.
        """
        for connection in list(self.open_connections):
            if not connection.has_request():
                connection.force_close()
        self.has_none.clear()
        if self.open_connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self.has_none.wait()
        await self.shutdown(_CANCEL_SECONDS)
