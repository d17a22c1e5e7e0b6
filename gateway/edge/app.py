"""The edge: every request comes in here, is handed to its family's handler, and leaves with an answer in its form."""

import contextlib
import logging

from aiohttp import web

from gateway.edge.connection import Connection, HttpServer
from gateway.edge.exchange import Exchange
from gateway.edge.handlers import control, operations, otlp, sentry
from gateway.edge.ingest import Ingest
from gateway.edge.readiness import Readiness
from gateway.edge.reading import check_framing, drain, ends_connection
from gateway.edge.routes import CONTROL, Family, check_method, find
from gateway.protocols.replies import Reply
from gateway.runtime import metrics
from gateway.runtime.settings import Settings
from schemas.errors import GatewayError

_log = logging.getLogger(__name__)

_REFUSE = {
    Family.OTLP: otlp.refuse,
    Family.SENTRY: sentry.refuse,
    Family.OPERATIONS: control.refuse,
    Family.CONTROL: control.refuse,
}


class Edge:
    """Hands requests to their handlers; an answer closes its connection when that is old or the process stops."""

    def __init__(self, ingest: Ingest, calls: control.Calls, readiness: Readiness) -> None:
        self._ingest = ingest
        self._calls = calls
        self.readiness = readiness

    def server(self, settings: Settings) -> HttpServer:
        """Make the protocol factory to listen with."""
        return HttpServer(self.handle, settings.server, settings.limits)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; nothing escapes but a client that went away."""
        response = await self._response(Exchange(request, find(request.raw_path, request.headers, request.method)))
        connection = request.protocol
        is_ending = isinstance(connection, Connection) and connection.is_ending()
        if is_ending or self.readiness.is_stopping or ends_connection(request):
            response.force_close()
        if not request.content.is_eof():
            # It is sent first, and then the client may finish sending, or it would find a reset and no answer.
            with contextlib.suppress(OSError):
                await response.prepare(request)
                await response.write_eof()
                await drain(request.content)
        return response

    async def _response(self, exchange: Exchange) -> web.Response:
        request = exchange.request
        try:
            check_framing(request)
            if request.method == "OPTIONS" and exchange.has_preflight():
                return exchange.preflight()
            if exchange.found.route is not CONTROL:
                check_method(exchange.found, request.method)
            reply = await self._answer(exchange)
        except GatewayError as error:
            reply = self._refuse(exchange, error)
        except Exception:  # noqa: BLE001 (whatever our bug is, the client gets an answer in its form)
            _log.exception("A request failed on %s.", exchange.found.route.name)
            reply = self._refuse(exchange, GatewayError("An error of ours; it has been logged."))
        metrics.REQUESTS.labels(exchange.found.route.name, str(reply.status)).inc()
        return exchange.answer(reply)

    async def _answer(self, exchange: Exchange) -> Reply:
        match exchange.found.route.family:
            case Family.OTLP:
                exchange.read_query()
                return await otlp.answer(self._ingest, exchange)
            case Family.SENTRY:
                exchange.read_query()
                return await sentry.answer(self._ingest, exchange)
            case Family.OPERATIONS:
                return await operations.answer(exchange, self.readiness)
            case Family.CONTROL:
                return await control.answer(self._ingest, self._calls, exchange)

    def _refuse(self, exchange: Exchange, error: GatewayError) -> Reply:
        metrics.REJECTIONS.labels(error.reason).inc()
        reply = _REFUSE[exchange.found.route.family](exchange, error)
        self._ingest.refuse(exchange, error, reply.status)
        return reply
