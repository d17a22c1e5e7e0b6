"""Sentry: whose a request is, and its body; each is looked at as early as it can be, and no more of it than needed."""

from msgspec import Struct

from gateway.edge.admission import Hold
from gateway.edge.exchange import Exchange
from gateway.edge.ingest import Ingest
from gateway.edge.reading import Reading
from gateway.identity.credentials import project_of, sentry_key, with_dsn
from gateway.protocols.beginning import Beginning
from gateway.protocols.body import Codec
from gateway.protocols.sentry import envelope
from gateway.protocols.sentry.envelope import Dsn
from schemas.errors import Malformed, PayloadTooLarge, RateLimited
from schemas.signals import Signal


class Taken(Struct):
    """A body as it was sent and decompressed, and whether it is an envelope already.

    `limit` is one that the request is over, and client reports are not.
    """

    is_envelope: bool
    body: bytes
    data: bytes
    codec: Codec
    limit: RateLimited | None


async def take(ingest: Ingest, exchange: Exchange, hold: Hold, *, is_envelope: bool) -> Taken:
    """Take a request: a key in it is checked before the body is read, one in an envelope's `dsn` with the first line.

    Client reports are never limited: they tell what was lost, and some SDKs add them to whatever they send. A request
    is read in spite of its limit only where it is an envelope, up to the size of an event, sent and decompressed.

    Raises:
        GatewayError: it belongs nowhere, is over a limit, or its body is not in order.
    """
    request, parameters = exchange.request, exchange.found.parameters
    channel = project_of(parameters.get("channel"))
    key = sentry_key(request.headers, request.query, parameters.get("key"))
    if not is_envelope:
        key = with_dsn(key, None)
    limit = None if key is None else await _resolve(ingest, exchange, hold, key, channel, is_envelope=is_envelope)
    codec = exchange.codec(lenient=True)
    reading = ingest.reading(exchange, hold)
    if key is None:
        beginning = Beginning(codec, envelope.HEADER_MAX_BYTES)
        await reading.until(beginning.is_enough)
        dsn = _dsn_of(beginning.data, channel)
        key = with_dsn(None, dsn and dsn.key)
        limit = await _resolve(ingest, exchange, hold, key, channel or (dsn and dsn.project), is_envelope=True)
    body, limit = await _read(ingest, exchange, reading, limit, is_envelope=is_envelope)
    data = _inflated(ingest, body, codec, hold, limit)
    if not is_envelope and body is not data:
        # It goes on as an envelope that is made of it.
        hold.shrink(len(body))
        body = data
    if is_envelope:
        dsn = _dsn_of(data, channel)
        with_dsn(key, dsn and dsn.key)
    return Taken(is_envelope, body, data, codec, limit)


async def _resolve(
    ingest: Ingest, exchange: Exchange, hold: Hold, key: str, channel: str | None, *, is_envelope: bool
) -> RateLimited | None:
    """Find out where a request belongs; a limit that it is over is answered where it may bring a client report."""
    limit = None
    try:
        await ingest.resolve(exchange, key, channel, Signal.SENTRY)
    except RateLimited as found:
        announced_bytes = exchange.request.content_length or 0
        if not is_envelope or announced_bytes > ingest.limits.event_max_bytes:
            raise
        limit = found
    assert exchange.resolution is not None
    hold.pass_to(exchange.resolution.environment_id)
    return limit


async def _read(
    ingest: Ingest, exchange: Exchange, reading: Reading, limit: RateLimited | None, *, is_envelope: bool
) -> tuple[bytes, RateLimited | None]:
    """Answer the body, and a limit that it is over; of a request over its limit not much is read."""
    max_bytes = ingest.limits.event_max_bytes
    if limit is not None:
        try:
            body = await reading.all(max_bytes)
        except PayloadTooLarge as error:
            raise limit from error
        exchange.body_bytes = len(body)
        return body, limit
    body = await reading.all()
    try:
        ingest.admit_body(exchange, body)
    except RateLimited as found:
        if not is_envelope or len(body) > max_bytes:
            raise
        return body, found
    return body, None


def _inflated(ingest: Ingest, body: bytes, codec: Codec, hold: Hold, limit: RateLimited | None) -> bytes:
    """Answer the body decompressed; of a request over its limit not much is decompressed."""
    if limit is None:
        return ingest.inflate(body, codec, hold, max_bytes=ingest.limits.envelope_inflated_max_bytes)
    try:
        return ingest.inflate(body, codec, hold, max_bytes=ingest.limits.event_max_bytes)
    except PayloadTooLarge as error:
        raise limit from error


def _dsn_of(data: bytes, channel: str | None) -> Dsn | None:
    """Answer the `dsn` of an envelope, which must not contradict the path."""
    dsn = envelope.dsn_of(data)
    if dsn is not None and channel is not None and dsn.project != channel:
        raise Malformed("The envelope's dsn names another project than the path.", reason="wrong_dsn")
    return dsn
