"""Records as the worker gets them, around a payload."""

from typing import Any

from google.protobuf.message import Message

from schemas.record import Record
from schemas.signals import Encoding, Format, Signal

RECEIVED_NS = 1_790_000_000_123_456_789
INGEST_ID = bytes(range(16))
CHANNEL = 7


def record_of(signal: Signal, form: Format, value: bytes, **fields: Any) -> Record:
    """Make a record around a payload; `fields` replace what stands in its headers."""
    own: dict[str, Any] = {
        "signal": signal,
        "format": form,
        "encoding": Encoding.IDENTITY,
        "inflated_bytes": len(value),
        "channel_id": CHANNEL,
        "credential_id": "01JKEY",
        "ingest_id": INGEST_ID,
        "part": 0,
        "received_ns": RECEIVED_NS,
        "value": value,
    }
    return Record(**(own | fields))


def otlp(signal: Signal, request: Message) -> Record:
    """Make a record around an OTLP request."""
    return record_of(signal, Format.PROTOBUF, request.SerializeToString())
