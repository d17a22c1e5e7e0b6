"""The rules of reading what is stored of an environment: who sees it, and whether whole or redacted."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import Meta, field

from gateway.control import lookup
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, allows
from gateway.control.service import Principal, Service
from gateway.control.types import Input, Moment, TraceId
from schemas.errors import Unprocessable
from schemas.stored import EventKind, EventPage, EventsAsked, Order, StoredTrace

_DEFAULT_TIME = timedelta(days=1)
# Nothing was received before, and further ahead PostgreSQL's times and Python's end at different years.
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


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
    is_redacted = await _is_redacted(service, principal, environment_id)
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
    is_redacted = await _is_redacted(service, principal, environment_id)
    return await service.archive.trace(
        principal.org_id, environment_id, bytes.fromhex(trace_id), is_redacted=is_redacted
    )


async def _is_redacted(service: Service, principal: Principal, environment_id: str) -> bool:
    """Check that a principal may read events of an environment, and tell whether they are masked for it."""
    place = access.place_of(await lookup.environment(service, principal, environment_id))
    access.require(principal, Permission.READ_EVENTS, place)
    return not allows(principal.bindings, Permission.READ_EVENTS_WHOLE, place, principal.actor)


def _asked(service: Service, query: EventQuery) -> EventsAsked:
    until = min(max(query.until or service.now(), _EARLIEST), _LATEST)
    since = min(max(query.since or until - _DEFAULT_TIME, _EARLIEST), _LATEST)
    if query.since is not None and since >= until:
        raise Unprocessable("Field `from`: must lie before `to`, which is now where it is not given.")
    return EventsAsked(
        kinds=tuple(EventKind) if query.kind is None else (query.kind,),
        since=since,
        until=until,
        trace_id=None if query.trace_id is None else bytes.fromhex(query.trace_id),
        order=query.order,
        after=query.after,
        limit=query.limit,
    )
