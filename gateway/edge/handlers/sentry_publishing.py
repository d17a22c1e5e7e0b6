"""Sentry: what is kept of an envelope goes to Kafka as it was sent, written anew, or in parts."""

from gateway.edge.admission import Hold
from gateway.edge.exchange import Exchange
from gateway.edge.handlers.sentry_taking import Taken
from gateway.edge.ingest import Ingest
from gateway.protocols.body import Codec
from gateway.protocols.sentry import envelope, split
from gateway.protocols.sentry.envelope import Envelope
from schemas.environment import Resolution
from schemas.signals import Format, Signal


async def publish(
    ingest: Ingest,
    exchange: Exchange,
    resolution: Resolution,
    hold: Hold,
    taken: Taken,
    *,
    kept: Envelope,
    is_all: bool,
) -> bytes:
    """Publish what is kept of an envelope, and answer its ingest id.

    Args:
        ingest: What publishes.
        exchange: The request.
        resolution: Where it belongs.
        hold: What it holds of the process's memory.
        taken: The body that the envelope came in. Where it goes in parts it is let go: `kept` holds all that matters.
        kept: The envelope without what limits left out.
        is_all: Nothing was left out.

    Raises:
        StreamUnavailable, Overloaded, PayloadTooLarge: see `Ingest.publish`.
    """
    is_as_sent = taken.is_envelope and is_all
    if is_as_sent:
        is_large = ingest.is_larger_than_a_record(taken.body, taken.data, taken.codec)
    else:
        is_large = split.is_large(kept, ingest.sizes)
    if is_large:
        _let_go(taken, hold)
        parts = split.split(kept, ingest.sizes, whole_max_bytes=ingest.limits.event_max_bytes)
        return await ingest.publish_parts(exchange, resolution, Signal.SENTRY, Format.ENVELOPE, parts)
    if not is_as_sent:
        taken.data, taken.codec = envelope.render(kept.headers, kept.items), Codec.IDENTITY
    return await ingest.publish(
        exchange,
        resolution,
        Signal.SENTRY,
        Format.ENVELOPE,
        body=taken.body,
        data=taken.data,
        codec=taken.codec,
    )


def _let_go(taken: Taken, hold: Hold) -> None:
    """Forget a body, sent and decompressed; the items of an envelope are views of the latter, which stays with them."""
    hold.shrink(0 if taken.body is taken.data else len(taken.body))
    hold.shrink(0 if taken.is_envelope else len(taken.data))
    taken.body = taken.data = b""
