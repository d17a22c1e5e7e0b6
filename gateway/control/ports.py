"""What the control plane asks of parts that it does not import; the assembly gives them."""

from typing import Protocol

from schemas.attachments import AttachmentPage, AttachmentsAsked, File
from schemas.stored import EventPage, EventsAsked, RejectionPage, RejectionsAsked, StoredTrace


class Archive(Protocol):
    """Where stored events are read; only those of the organization, whatever environment is named."""

    async def events(self, org_id: str, environment_id: str, asked: EventsAsked, *, is_redacted: bool) -> EventPage:
        """Answer a page; raise Unprocessable for a wrong cursor, StoreTransient where PostgreSQL does not answer."""
        ...

    async def trace(self, org_id: str, environment_id: str, trace_id: bytes, *, is_redacted: bool) -> StoredTrace:
        """Answer the spans of a trace; raise StoreTransient where PostgreSQL does not answer."""
        ...

    async def attachments(
        self, org_id: str, environment_id: str, asked: AttachmentsAsked, *, is_redacted: bool
    ) -> AttachmentPage:
        """Answer a page; raises as `events`."""
        ...

    async def attachment(self, org_id: str, environment_id: str, ingest_id: bytes, item: int) -> File:
        """Answer one attachment; raise NotFound, Conflict where it is incomplete, StoreTransient."""
        ...

    async def rejections(self, org_id: str, environment_id: str, asked: RejectionsAsked) -> RejectionPage:
        """Answer a page of refused requests; raise StoreTransient where PostgreSQL does not answer."""
        ...
