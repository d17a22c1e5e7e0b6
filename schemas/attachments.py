"""Attachments as the read side answers them: files that came with Sentry events, and other items of their size."""

from collections.abc import AsyncIterator
from datetime import datetime

from msgspec import Raw, Struct


class AttachmentsAsked(Struct, frozen=True, kw_only=True):
    """Which attachments of an environment are asked for: received from `since` on and before `until`.

    `event_id` has 16 bytes, None does not matter. `after` is the `next` of an earlier answer, empty for the first.
    """

    since: datetime
    until: datetime
    event_id: bytes | None
    after: str
    limit: int


class Attachment(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of an envelope, by the id of its request and its number in it.

    `type` is that of the item: `attachment`, or of an item that is too large to stand among events (`profile`). As long
    as pieces of it are on their way, it is not `complete`, and has not all of its `sizeBytes` yet. `headers` and
    `envelopeHeaders` are what the headers of the item and of its envelope say beside that; the first piece brings them.
    """

    received_at: datetime
    channel_id: int
    ingest_id: str
    item: int
    event_id: str | None
    type: str
    attachment_type: str | None
    filename: str | None
    content_type: str | None
    size_bytes: int
    complete: bool
    headers: Raw | None
    envelope_headers: Raw | None


class AttachmentPage(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of the attachments that were asked for, the newest first; `next` is the `after` of the part behind it."""

    items: list[Attachment]
    next: str | None


class File(Struct, frozen=True, kw_only=True):
    """The bytes of an attachment, in pieces that are read one by one."""

    filename: str
    size_bytes: int
    pieces: AsyncIterator[bytes]
