"""What the calls share that read what is stored of an environment: who sees it whole, and of which time."""

from datetime import UTC, datetime, timedelta

from gateway.control import lookup
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, allows
from gateway.control.service import Principal, Service
from schemas.errors import Unprocessable

# Nothing was received before, and further ahead PostgreSQL's times and Python's end at different years.
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


async def is_redacted(service: Service, principal: Principal, environment_id: str) -> bool:
    """Check that a principal may read events of an environment, and tell whether they are masked for it.

    Raises:
        NotFound: the principal reaches no such environment.
        Forbidden: it may not read events here.
    """
    place = access.place_of(await lookup.environment(service, principal, environment_id))
    access.require(principal, Permission.READ_EVENTS, place)
    return not allows(principal.bindings, Permission.READ_EVENTS_WHOLE, place, principal.actor)


def time_asked(
    service: Service, since: datetime | None, until: datetime | None, usual: timedelta
) -> tuple[datetime, datetime]:
    """Answer the time that a query asks for: until now and as long as usual, where it does not say.

    Raises:
        Unprocessable: the time is empty.
    """
    end = min(max(until or service.now(), _EARLIEST), _LATEST)
    start = min(max(since or end - usual, _EARLIEST), _LATEST)
    if since is not None and start >= end:
        raise Unprocessable("Field `from`: must lie before `to`, which is now where it is not given.")
    return start, end
