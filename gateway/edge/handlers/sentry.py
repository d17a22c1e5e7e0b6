"""Sentry: `/api/<channel>/envelope/` and `/store/`."""

from gateway.edge.exchange import Exchange
from gateway.edge.ingest import Ingest
from gateway.edge.routes import STORE
from gateway.identity.credentials import sentry_key, with_dsn
from gateway.protocols import envelope, sentry_store
from gateway.protocols.body import Codec, codec_of
from gateway.protocols.replies import Reply, sentry_error, sentry_success
from schemas.errors import GatewayError, Malformed
from schemas.signals import Format, Signal


async def answer(ingest: Ingest, exchange: Exchange) -> Reply:
    """Take a request: a key in the request is checked before the body is read, one in the envelope's `dsn` after.

    Raises:
        GatewayError: see `refuse`.
    """
    request = exchange.request
    channel = exchange.found.parameters["channel"]
    key = sentry_key(request.headers, request.query)
    if key is not None:
        await ingest.resolve(exchange, key, channel, Signal.SENTRY)
    codec = codec_of(request.headers.get("Content-Encoding"), lenient=True)
    with ingest.admission.request() as hold:
        body = await ingest.read(exchange, hold)
        data = ingest.inflate(body, codec, hold, max_bytes=ingest.limits.envelope_inflated_max_bytes)
        if exchange.found.route is STORE:
            data = sentry_store.to_envelope(
                data, request.headers.get("Content-Type", ""), max_bytes=ingest.limits.envelope_inflated_max_bytes
            )
            codec = Codec.IDENTITY
        dsn = envelope.dsn_of(data)
        if dsn is not None and dsn.project != channel:
            raise Malformed("The envelope's dsn names another project than the path.", reason="wrong_dsn")
        key = with_dsn(key, dsn.key if dsn else None)
        resolution = exchange.resolution or await ingest.resolve(exchange, key, channel, Signal.SENTRY)
        parsed = envelope.parse(data)
        envelope.check_sizes(parsed, event_max_bytes=ingest.limits.event_max_bytes)
        event_id = envelope.event_id_of(parsed)
        if parsed.items:
            ingest_id = await ingest.publish(
                exchange, resolution, Signal.SENTRY, Format.ENVELOPE, body=body, data=data, codec=codec
            )
            if envelope.needs_event_id(parsed):
                # The worker takes the ingest id too where an event has none.
                event_id = event_id or ingest_id.hex()
    ingest.accept(exchange, resolution, Signal.SENTRY, len(parsed.items))
    return sentry_success(event_id)


def refuse(exchange: Exchange, error: GatewayError) -> Reply:  # noqa: ARG001 (the signature of every family)
    """Tell an error as `{"detail", "causes"}`, and in `x-sentry-error`."""
    return sentry_error(error)
