"""What is stored, for whoever decides who may see it: the read side's one entry for the control plane."""

from gateway.query import attachments, events, trace
from gateway.query.store import Reader
from gateway.runtime.postgres import Pool
from schemas.attachments import AttachmentPage, AttachmentsAsked, File
from schemas.stored import EventPage, EventsAsked, RejectionPage, RejectionsAsked, StoredTrace


class Archive:
    """Reads over a pool, for one organization at a time."""

    def __init__(self, pool: Pool) -> None:
        self._reader = Reader(pool)

    async def events(self, org_id: str, environment_id: str, asked: EventsAsked, *, is_redacted: bool) -> EventPage:
        """Answer a page of events; see `gateway.query.events.read`."""
        return await events.read(self._reader, org_id, environment_id, asked, is_redacted=is_redacted)

    async def trace(self, org_id: str, environment_id: str, trace_id: bytes, *, is_redacted: bool) -> StoredTrace:
        """Answer the spans of a trace; see `gateway.query.trace.read`."""
        return await trace.read(self._reader, org_id, environment_id, trace_id, is_redacted=is_redacted)

    async def attachments(
        self, org_id: str, environment_id: str, asked: AttachmentsAsked, *, is_redacted: bool
    ) -> AttachmentPage:
        """Answer a page of attachments; see `gateway.query.attachments.page`."""
        return await attachments.page(self._reader, org_id, environment_id, asked, is_redacted=is_redacted)

    async def attachment(self, org_id: str, environment_id: str, ingest_id: bytes, item: int) -> File:
        """Answer one attachment; see `gateway.query.attachments.file`."""
        return await attachments.file(self._reader, org_id, environment_id, ingest_id, item)

    async def rejections(self, org_id: str, environment_id: str, asked: RejectionsAsked) -> RejectionPage:
        """Answer a page of the requests that were refused, the newest first; up to some seconds ago."""
        async with self._reader.tenant(org_id) as tenant:
            found = await tenant.rejections(environment_id, asked)
        items = found[: asked.limit]
        return RejectionPage(items=items, next=items[-1].id if len(found) > asked.limit else None)
