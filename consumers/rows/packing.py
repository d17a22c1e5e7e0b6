"""Records to rows: `decode` reads a record, `pack` writes its rows. Pure; the one entry to this package."""

import struct
from typing import Any

from google.protobuf.message import DecodeError
from msgspec import Struct

from consumers.rows.encoder import Encoder
from consumers.rows.otlp import logs, metrics, spans, wire
from consumers.rows.sentry import envelopes, items_to_tables
from consumers.rows.sentry.envelopes import EventKey
from consumers.rows.tables import Rows
from gateway.protocols import otlp
from gateway.protocols.body import Codec, inflate
from gateway.protocols.sentry import envelope
from gateway.runtime.settings import Limits
from schemas.errors import PoisonRecord, Rejected
from schemas.record import Record
from schemas.signals import Format, Signal


class Decoded(Struct):
    """A record's payload, parsed.

    Attributes:
        record: The record itself.
        payload: An OTLP request of `wire.py`, or an envelope's `Content`.
        events: The keys that must be stored once: Sentry's events and transactions.
        limits: What values are cut to.
    """

    record: Record
    payload: Any
    events: list[EventKey]
    limits: Limits


# What the edge let in may be written longer than it came: with escapes, and the length of a payload.
_HEADER_MAX_BYTES = 64 * 1024
_PACK_OTLP = {Signal.TRACES: spans.pack, Signal.LOGS: logs.pack, Signal.METRICS: metrics.pack}


def decode(record: Record, limits: Limits) -> Decoded:
    """Inflate and parse a record's value.

    Raises:
        PoisonRecord: the value is not what the record's headers say.
    """
    try:
        data = inflate(record.value, Codec(record.encoding), record.inflated_bytes)
        if record.signal is Signal.SENTRY:
            content = envelopes.read(
                envelope.parse(data, header_max_bytes=_HEADER_MAX_BYTES), record, limits.event_max_bytes
            )
            return Decoded(record, content, [item.key for item in content.items if item.key], limits)
        if record.format is Format.JSON:
            data = otlp.decode(record.signal, record.format, data).SerializeToString()
        return Decoded(record, wire.parse(record.signal, data), [], limits)
    except (Rejected, DecodeError) as error:
        msg = f"The record's value cannot be read: {error}"
        raise PoisonRecord(msg, reason="malformed") from error


def pack(decoded: Decoded, into: Rows, fresh: set[EventKey]) -> None:
    """Add a record's rows to a batch, all of them or, if this raises, none.

    Args:
        decoded: What `decode` answered.
        into: The accumulator of the leaf that covers the record's receive time.
        fresh: Keys not stored before. A Sentry event whose key is not among them is left out, and a key is taken out
            with the event that is packed, so that the same event later in the batch is left out too.

    Raises:
        PoisonRecord: a value cannot be packed.
    """
    if into.encoder is None:
        into.encoder = Encoder(decoded.limits)
    encoder, record = into.encoder, decoded.record
    own = Rows(slug=into.slug)
    unseen = {key for key in decoded.events if key in fresh}
    try:
        if record.signal is Signal.SENTRY:
            items_to_tables.pack(decoded.payload, record, encoder, own, unseen)
        else:
            _PACK_OTLP[record.signal](decoded.payload, record, encoder, own)
    except (DecodeError, ValueError, struct.error) as error:
        msg = f"The record cannot be packed: {type(error).__name__}: {error}"
        raise PoisonRecord(msg, reason="unpackable") from error
    finally:
        encoder.notes.clear()
    into.merge(own)
    fresh.difference_update(decoded.events)
