"""The control plane over HTTP: hands a request to whoever answers its calls."""

from collections.abc import Mapping
from typing import Protocol

from gateway.edge.admission import CONTROL_PLANE
from gateway.edge.exchange import Exchange
from gateway.edge.ingest import Ingest
from gateway.identity.credentials import control_key
from gateway.protocols.replies import Reply, problem
from schemas.errors import GatewayError


class Calls(Protocol):
    """Answers calls to the control plane, its errors included."""

    async def __call__(
        self,
        method: str,
        path: str,
        *,
        authorization: str | None,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Reply:
        """Answer one call; `path` is still percent-encoded, `authorization` a key."""
        ...


async def answer(ingest: Ingest, calls: Calls, exchange: Exchange) -> Reply:
    """Hand a request over; its body has the limits of every other.

    Raises:
        GatewayError: see `refuse`.
    """
    request = exchange.request
    key = control_key(request.headers)
    with ingest.admission.request(CONTROL_PLANE) as hold:
        body = await ingest.read(exchange, hold)
        return await calls(
            request.method,
            exchange.found.path,
            authorization=key,
            query=request.query,
            headers=request.headers,
            body=body,
        )


def refuse(exchange: Exchange, error: GatewayError) -> Reply:  # noqa: ARG001 (the signature of every family)
    """Tell an error as a problem body (RFC 9457)."""
    return problem(error)
