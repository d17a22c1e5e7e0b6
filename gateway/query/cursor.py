"""Where a page of events ends: the key of its last event, written as an opaque text; pure."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from schemas.errors import Unprocessable

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2300, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """What events are ordered by: receipt, then kind, request, and place in the table, which no insertion changes."""

    received_at: datetime
    kind: int
    ingest_id: UUID
    place: tuple[int, int]


def write(key: Key) -> str:
    """Write a key as a cursor."""
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def read(cursor: str) -> Key:
    """Read a cursor.

    Raises:
        Unprocessable: it is none of ours.
    """
    try:
        key = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Key)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong() from error
    block, offset = key.place
    is_possible = key.received_at.tzinfo is UTC and _EARLIEST <= key.received_at < _LATEST
    if not is_possible or not (0 <= block < 1 << 32 and 0 <= offset < 1 << 16):
        raise _wrong()
    return key


def _wrong() -> Unprocessable:
    return Unprocessable("Field `after`: must be the `next` of an earlier page of this list.")
