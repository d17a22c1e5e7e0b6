"""Attachments of an environment: pages of what there is, and the bytes of one, chunk by chunk."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from gateway.query.redaction import redact
from gateway.query.store import Reader
from schemas.attachments import Attachment, AttachmentPage, AttachmentsAsked, File
from schemas.errors import Conflict, NotFound, StoreTransient, Unprocessable

_PAGE_MAX_BYTES = 8 * 1024 * 1024
_ITEM_MAX = 2**31 - 1
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2300, 1, 1, tzinfo=UTC)
# The length of a value stands beside the reference to where it lies: none of the bytes is read.
_LIST = """
SELECT received_at, channel, replace(ingest_id::text, '-', ''), item, replace(event_id::text, '-', ''), item_type,
       attachment_type, filename, content_type, size_bytes, sum(octet_length(data)) >= size_bytes,
       max(headers::text), max(envelope_headers::text)
FROM attachments
WHERE environment = $1 AND received_at >= $2 AND received_at < $3 AND ($4::uuid IS NULL OR event_id = $4)
  AND ($5::timestamptz IS NULL OR (received_at, ingest_id, item) < ($5, $6, $7))
GROUP BY received_at, channel, ingest_id, item, event_id, item_type, attachment_type, filename, content_type, size_bytes
ORDER BY received_at DESC, ingest_id DESC, item DESC LIMIT $8
"""
_ONE = """
SELECT filename, size_bytes, sum(octet_length(data))::bigint, array_agg(chunk ORDER BY chunk) FROM attachments
WHERE environment = $1 AND ingest_id = $2 AND item = $3 GROUP BY filename, size_bytes
"""
_CHUNK = "SELECT data FROM attachments WHERE environment = $1 AND ingest_id = $2 AND item = $3 AND chunk = $4"


class _Key(NamedTuple):
    """What attachments are ordered by."""

    received_at: datetime
    ingest_id: UUID
    item: int


async def page(
    reader: Reader, org_id: str, environment: str, asked: AttachmentsAsked, *, is_redacted: bool
) -> AttachmentPage:
    """Answer a page of the attachments of an environment, the newest first.

    With `is_redacted` they are without their names, and without what their headers say.

    Raises:
        Unprocessable: `after` is no cursor of ours.
        StoreTransient: PostgreSQL cannot be reached, or does not answer in time.
    """
    after = _read(asked.after) if asked.after else None
    event_id = None if asked.event_id is None else UUID(bytes=asked.event_id)
    key = (None, None, None) if after is None else after
    arguments = (environment, asked.since, asked.until, event_id, *key, asked.limit + 1)
    async with reader.tenant(org_id) as tenant:
        rows, is_cut = await tenant.rows(_LIST, *arguments, max_bytes=_PAGE_MAX_BYTES)
    found = [_attachment(row) for row in rows]
    items = found[: asked.limit]
    last = items[-1] if is_cut or len(found) > asked.limit else None
    if is_redacted:
        items = [redact(each) for each in items]
    return AttachmentPage(items=items, next=last and _written(last))


async def file(reader: Reader, org_id: str, environment: str, ingest_id: bytes, item: int) -> File:
    """Find one attachment; its bytes are read when they are asked for, each chunk in a transaction of its own.

    A slow client holds no connection to PostgreSQL in between. What is gone by then ends the pieces with an error.

    Raises:
        NotFound: there is none.
        Conflict: not all of it is stored yet.
        StoreTransient: PostgreSQL cannot be reached, or does not answer in time.
    """
    where = (environment, UUID(bytes=ingest_id), item)
    async with reader.tenant(org_id) as tenant:
        rows, _ = await tenant.rows(_ONE, *where, max_bytes=_PAGE_MAX_BYTES)
    if not rows:
        raise NotFound(f"This environment has no attachment {ingest_id.hex()} {item}.")
    filename, size_bytes, stored_bytes, chunks = rows[0]
    if stored_bytes < size_bytes:
        raise Conflict(
            f"Of this attachment's {size_bytes} bytes {stored_bytes} are stored so far; try again shortly.",
            reason="incomplete",
        )
    pieces = _pieces(reader, org_id, where, chunks)
    return File(filename=filename or "attachment", size_bytes=size_bytes, pieces=pieces)


async def _pieces(reader: Reader, org_id: str, where: tuple[str, UUID, int], chunks: list[int]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        async with reader.tenant(org_id) as tenant:
            rows, _ = await tenant.rows(_CHUNK, *where, chunk, max_bytes=_PAGE_MAX_BYTES)
        if not rows:
            raise StoreTransient("The attachment was removed while it was read.")
        yield rows[0][0]


def _attachment(row: Sequence[Any]) -> Attachment:
    """Make an attachment of what `_LIST` selects, which has JSON as text."""
    fields = dict(zip(Attachment.__struct_fields__, row, strict=True))
    for name in ("headers", "envelope_headers"):
        fields[name] = None if fields[name] is None else Raw(fields[name].encode())
    return Attachment(**fields)


def _written(last: Attachment) -> str:
    key = _Key(last.received_at, UUID(last.ingest_id), last.item)
    return urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _read(cursor: str) -> _Key:
    try:
        key: Any = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=_Key)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _wrong() from error
    is_possible = key.received_at.tzinfo is UTC and _EARLIEST <= key.received_at < _LATEST
    if not is_possible or not 0 <= key.item <= _ITEM_MAX:
        raise _wrong()
    return key


def _wrong() -> Unprocessable:
    return Unprocessable("Field `after`: must be the `next` of an earlier page of this list.")
