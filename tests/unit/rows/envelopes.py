"""Sentry envelopes of a few items, for tests that look at one rule."""

import json
from typing import Any

from schemas.record import Record
from schemas.signals import Format, Signal
from tests.unit.rows.records import record_of

EVENT_ID = "0123456789abcdef0123456789abcdef"


def item(kind: str, payload: Any, **headers: Any) -> bytes:
    """Write an item; a payload that is not bytes is written as JSON."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return json.dumps({"type": kind, "length": len(data), **headers}).encode() + b"\n" + data + b"\n"


def envelope(*items: bytes, **headers: Any) -> Record:
    """Make a record around an envelope."""
    return record_of(Signal.SENTRY, Format.ENVELOPE, json.dumps(headers).encode() + b"\n" + b"".join(items))
