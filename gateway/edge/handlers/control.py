"""The control plane over HTTP: finds out who asks before a body is read, and hands the call to whoever answers it."""

import re
from collections.abc import Mapping
from typing import Protocol

from gateway.edge.admission import CONTROL_PLANE, Hold
from gateway.edge.exchange import Exchange
from gateway.edge.ingest import Ingest
from gateway.identity.credentials import Headers, control_key, single
from gateway.protocols.replies import Reply, anyones_error, problem
from schemas.errors import NO_SUCH_PATH, GatewayError, UnsupportedMedia

_JSON = "application/json"
_IS_JSON = re.compile(r"application/(?:[^/\s]+\+)?json")
_SHOWN_MAX_CHARACTERS = 80


class Begun(Protocol):
    """A call that was found, and whose caller is known."""

    @property
    def takes_body(self) -> bool:
        """Whether the call reads a body; of any other none is read."""
        ...

    async def answer(self, *, query: Mapping[str, str], headers: Headers, body: bytes) -> Reply:
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
        # Of what has no body the content type says nothing.
        body = await _read(ingest, exchange, hold) if begun.takes_body and request.body_exists else b""
        return await begun.answer(query=request.query, headers=request.headers, body=body)


async def _read(ingest: Ingest, exchange: Exchange, hold: Hold) -> bytes:
    headers = exchange.request.headers
    content_type = single(headers, "Content-Type") or _JSON
    if not _IS_JSON.fullmatch(content_type.partition(";")[0].strip().lower()):
        raise UnsupportedMedia(
            f"The body of a call is JSON, and Content-Type says {content_type[:_SHOWN_MAX_CHARACTERS]!r}. "
            f"Add the header Content-Type: {_JSON}."
        )
    codec = exchange.codec(lenient=False)
    max_bytes = ingest.limits.control_body_max_bytes
    body = await ingest.reading(exchange, hold).all(max_bytes)
    return ingest.inflate(body, codec, hold, max_bytes=max_bytes)


def refuse(exchange: Exchange, error: GatewayError) -> Reply:
    """Tell an error as a problem body (RFC 9457); what is posted to where nothing stands may be an exporter's."""
    is_anyones = error.reason == NO_SUCH_PATH and exchange.request.method == "POST"
    return anyones_error(error) if is_anyones else problem(error)
