"""The control plane over HTTP: finds out who asks before a body is read, and hands the call to whoever answers it."""

from collections.abc import Mapping
from typing import Protocol

from gateway.edge.admission import CONTROL_PLANE
from gateway.edge.exchange import Exchange
from gateway.edge.ingest import Ingest
from gateway.identity.credentials import control_key
from gateway.protocols.replies import Reply, problem
from schemas.errors import GatewayError


class Begun(Protocol):
    """A call that was found, and whose caller is known."""

    @property
    def takes_body(self) -> bool:
        """Whether the call reads a body; of any other none is read."""
        ...

    async def answer(self, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> Reply:
        """Run the call and answer it; whatever is wrong is a GatewayError."""
        ...


class Calls(Protocol):
    """Finds the calls to the control plane."""

    async def __call__(self, method: str, path: str, *, authorization: str | None) -> Reply | Begun:
        """Find a call and who makes it, or answer at once what needs no key.

        `path` is still percent-encoded, `authorization` a key; whatever is wrong is a GatewayError.
        """
        ...


async def answer(ingest: Ingest, calls: Calls, exchange: Exchange) -> Reply:
    """Answer a call; a body is read only where the call has one, and only once it is known who makes it.

    Raises:
        GatewayError: see `refuse`.
    """
    request = exchange.request
    begun = await calls(request.method, exchange.found.path, authorization=control_key(request.headers))
    if isinstance(begun, Reply):
        return begun
    with ingest.admission.request(CONTROL_PLANE) as hold:
        body = b""
        if begun.takes_body:
            body = await ingest.reading(exchange, hold).all(ingest.limits.control_body_max_bytes)
        return await begun.answer(query=request.query, headers=request.headers, body=body)


def refuse(exchange: Exchange, error: GatewayError) -> Reply:  # noqa: ARG001 (the signature of every family)
    """Tell an error as a problem body (RFC 9457)."""
    return problem(error)
