"""The rules of reading which requests were refused, and why."""

from typing import Annotated

from msgspec import Meta

from gateway.control import lookup
from gateway.control.service import Principal, Service
from gateway.control.types import Id, Input
from schemas.stored import RejectionPage, RejectionsAsked

Reason = Annotated[
    str, Meta(pattern=r"^[a-z0-9_]{1,64}$(?!\n)", description="A stable word: wrong_origin, for example.")
]


class RejectionQuery(Input, frozen=True, kw_only=True):
    """Query of GET /environments/{id}/rejections."""

    reason: Reason | None = None
    credential_id: Id | None = None
    after: Annotated[
        str, Meta(pattern=r"^[0-9A-Z]{0,26}$(?!\n)", description="The `next` of an earlier page of this list.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


async def listing(service: Service, principal: Principal, environment_id: str, query: RejectionQuery) -> RejectionPage:
    """List the last refused requests of an environment's keys, the newest first: when, where, which key, and why.

    The last thousand are kept, never what was sent. Dry runs are not among them.

    Raises:
        NotFound: the principal reaches no such environment.
    """
    environment = await lookup.environment(service, principal, environment_id)
    asked = RejectionsAsked(
        reason=query.reason, credential_id=query.credential_id, after=query.after or None, limit=query.limit
    )
    return await service.archive.rejections(principal.org_id, environment.id, asked)
