"""Records to rows: `decode` reads a record, `pack` writes its rows. Pure; the one entry to this package."""

from typing import Any

from google.protobuf.message import DecodeError
from msgspec import Struct

from consumers.rows import logs, metrics, spans, wire
from consumers.rows.encoder import Encoder
from consumers.rows.tables import Rows
from gateway.protocols.body import Codec, inflate
from gateway.runtime.settings import Limits
from schemas.errors import PoisonRecord, Rejected
from schemas.record import Record
from schemas.signals import Signal

# Channel, item type and event id (16 bytes): what names a Sentry event or transaction that is stored once.
EventKey = tuple[int, str, bytes]


class Decoded(Struct):
    """A record's payload, parsed.

    Attributes:
        record: The record itself.
        payload: An OTLP request of `wire.py`, or an envelope.
        events: The keys that must be stored once: Sentry's events and transactions.
        limits: What values are cut to.
    """

    record: Record
    payload: Any
    events: list[EventKey]
    limits: Limits


_PACK = {Signal.TRACES: spans.pack, Signal.LOGS: logs.pack, Signal.METRICS: metrics.pack}


def decode(record: Record, limits: Limits) -> Decoded:
    """Inflate and parse a record's value.

    Raises:
        PoisonRecord: the value is not what the record's headers say.
    """
    try:
        data = inflate(record.value, Codec(record.encoding), record.inflated_bytes)
        payload = wire.parse(record.signal, data)
    except (Rejected, DecodeError) as error:
        msg = f"The record's value cannot be read: {error}"
        raise PoisonRecord(msg, reason="malformed") from error
    return Decoded(record, payload, [], limits)


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
    encoder = into.encoder
    own = Rows()
    try:
        _PACK[decoded.record.signal](decoded.payload, decoded.record, encoder, own)
    except (MemoryError, PoisonRecord):
        raise
    except Exception as error:
        # Whatever it was: one record must not stop its environment, and the dead letter keeps its bytes.
        msg = f"The record cannot be packed: {type(error).__name__}: {error}"
        raise PoisonRecord(msg, reason="unpackable") from error
    finally:
        encoder.notes.clear()
    into.merge(own)
