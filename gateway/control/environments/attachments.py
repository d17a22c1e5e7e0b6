"""The rules of reading attachments: who sees that there are some, and who may have their bytes."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, field

from gateway.control import lookup
from gateway.control.environments import stored
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from gateway.control.types import Input, Moment
from schemas.attachments import AttachmentPage, AttachmentsAsked, File

IngestId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{32}$(?!\n)", description="32 hexadecimal digits.")]
ItemNumber = Annotated[str, Meta(pattern=r"^[0-9]{1,9}$(?!\n)", description="The number of an item in its envelope.")]
_DEFAULT_TIME = timedelta(days=30)


class AttachmentQuery(Input, frozen=True, kw_only=True):
    """Query of GET /environments/{id}/attachments; without a time those of the last thirty days."""

    event_id: IngestId | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


async def listing(
    service: Service, principal: Principal, environment_id: str, query: AttachmentQuery
) -> AttachmentPage:
    """List the attachments of an environment, the newest first, by time of receipt, `from` on and before `to`.

    Items of other types that are as large, such as profiles, are among them. Whoever may not see all of an event does
    not see the names of files.

    Raises:
        NotFound: the principal reaches no such environment.
        Forbidden: it may not read events here.
        Unprocessable: the time is empty, or `after` is no cursor.
    """
    is_redacted = await stored.is_redacted(service, principal, environment_id)
    return await service.archive.attachments(
        principal.org_id, environment_id, _asked(service, query), is_redacted=is_redacted
    )


async def file(service: Service, principal: Principal, environment_id: str, ingest_id: str, item: str) -> File:
    """Answer the bytes of an attachment, as they came.

    Raises:
        NotFound: the principal reaches no such environment, or there is no such attachment.
        Forbidden: it may not see all of an event here.
        Conflict: not all of it is stored yet.
    """
    environment = await lookup.environment(service, principal, environment_id)
    access.require(principal, Permission.READ_EVENTS_WHOLE, access.place_of(environment))
    return await service.archive.attachment(principal.org_id, environment.id, bytes.fromhex(ingest_id), int(item))


def _asked(service: Service, query: AttachmentQuery) -> AttachmentsAsked:
    since, until = stored.time_asked(service, query.since, query.until, _DEFAULT_TIME)
    return AttachmentsAsked(
        since=since,
        until=until,
        event_id=None if query.event_id is None else bytes.fromhex(query.event_id),
        after=query.after,
        limit=query.limit,
    )
