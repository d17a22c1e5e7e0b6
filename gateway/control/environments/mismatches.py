"""What is shown of one environment beside its fields: how many of its events say that they are of another one."""

from datetime import datetime, timedelta

from msgspec import UnsetType
from msgspec.structs import asdict

from gateway.control import lookup
from gateway.control.service import Principal, Service
from gateway.control.types import Answer, Environment

_WINDOW = timedelta(days=1)


class Mismatches(Answer, frozen=True, kw_only=True):
    """Events of the last 24 hours that name another environment than the one they were sent to; `lastAt` in minutes."""

    events: int
    last_at: datetime | None


class EnvironmentShown(Environment, frozen=True, kw_only=True):
    """An environment, and what its latest events say of themselves; its entity tag does not change with them."""

    mismatches: Mismatches | UnsetType


async def shown(service: Service, principal: Principal, environment_id: str) -> EnvironmentShown:
    """Answer one environment, and how many of its latest events say that they are of another one.

    Raises:
        NotFound: the principal reaches no such environment.
    """
    environment = await lookup.environment(service, principal, environment_id)
    counted = await service.store.one(Mismatches, "mismatches", environment.id, service.now() - _WINDOW)
    assert counted is not None
    return EnvironmentShown(**asdict(environment), mismatches=counted)
