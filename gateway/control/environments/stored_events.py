"""The rules of reading what is stored of an environment: who sees it, and whether whole or redacted."""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, field

from gateway.control.environments import stored
from gateway.control.service import Principal, Service
from gateway.control.types import Input, Moment, TraceId
from schemas.stored import EventKind, EventPage, EventsAsked, Order, StoredTrace

_DEFAULT_TIME = timedelta(days=1)


class EventQuery(Input, frozen=True, kw_only=True):
    """Query of GET /environments/{id}/events; without `kind` all of them, without a time the last day."""

    kind: EventKind | None = None
    since: Moment | None = field(name="from", default=None)
    until: Moment | None = field(name="to", default=None)
    trace_id: TraceId | None = None
    order: Order = Order.OLDEST
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


async def listing(service: Service, principal: Principal, environment_id: str, query: EventQuery) -> EventPage:
    """List what is stored of an environment, by time of receipt, `from` on and before `to`.

    Whoever may not see all of it is shown names, times, counts and types; bodies, values of attributes, and what a user
    or a request brought are masked.

    Raises:
        NotFound: the principal reaches no such environment.
        Forbidden: it may not read events here.
        Unprocessable: the time is empty, or `after` is no cursor.
    """
    is_redacted = await stored.is_redacted(service, principal, environment_id)
    return await service.archive.events(
        principal.org_id, environment_id, _asked(service, query), is_redacted=is_redacted
    )


async def trace(service: Service, principal: Principal, environment_id: str, trace_id: str) -> StoredTrace:
    """Show the spans that are stored of a trace in an environment, in the order of their tree.

    A span whose parent is not stored, as where the root is missing, stands below a root that stands in. Whoever may not
    see all of a span is shown what they see of events. A trace of which nothing is stored has no spans.

    Raises:
        NotFound: the principal reaches no such environment.
        Forbidden: it may not read events here.
    """
    is_redacted = await stored.is_redacted(service, principal, environment_id)
    return await service.archive.trace(
        principal.org_id, environment_id, bytes.fromhex(trace_id), is_redacted=is_redacted
    )


def _asked(service: Service, query: EventQuery) -> EventsAsked:
    since, until = stored.time_asked(service, query.since, query.until, _DEFAULT_TIME)
    return EventsAsked(
        kinds=tuple(EventKind) if query.kind is None else (query.kind,),
        since=since,
        until=until,
        trace_id=None if query.trace_id is None else bytes.fromhex(query.trace_id),
        order=query.order,
        after=query.after,
        limit=query.limit,
    )
