"""The rules of an environment's limits, and what was sent to it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import UNSET, Struct

from gateway.control import lookup
from gateway.control.credentials import rights
from gateway.control.environments.limit_types import Outcome, Policy, Step, UpdatePolicy, Usage, UsageQuery, Used
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from schemas.errors import Unprocessable

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = timedelta(days=1)
_STEPS = {Step.MINUTE: timedelta(minutes=1), Step.HOUR: timedelta(hours=1), Step.DAY: _DAY}
_ROWS_MAX_COUNT = 10_000


class _Used(Struct, frozen=True):
    at: datetime
    credential_id: str
    requests: int
    items: int
    bytes: int


class _Refused(Struct, frozen=True):
    at: datetime
    credential_id: str
    reason: str
    requests: int


async def policy(service: Service, principal: Principal, environment_id: str) -> Policy:
    """Answer the limits of an environment.

    Raises:
        NotFound: the principal reaches no such environment.
    """
    await lookup.environment(service, principal, environment_id)
    return await _policy(service, principal, environment_id)


async def update_policy(service: Service, principal: Principal, environment_id: str, body: UpdatePolicy) -> Policy:
    """Change the limits of an environment; they hold on every edge process within a second.

    Raises:
        NotFound: the principal reaches no such environment.
        PreconditionFailed: they were changed meanwhile.
        Unprocessable: a burst has no rate, or a category is none.
    """
    environment = await lookup.environment_to_change(service, principal, environment_id)
    permission = Permission.PREVIEW if environment.is_ephemeral else Permission.ENVIRONMENT
    access.require(principal, permission, access.place_of(environment))
    current = await _policy(service, principal, environment_id)
    service.request.check_match(current)
    wanted = Policy(
        environment_id=environment_id,
        rate=current.rate if body.rate is UNSET else body.rate and rights.rate_of(body.rate),
        monthly_quota=current.monthly_quota
        if body.monthly_quota is UNSET
        else body.monthly_quota and rights.quota_of(body.monthly_quota),
        over_quota=current.over_quota if body.over_quota is UNSET else body.over_quota,
        categories=current.categories if body.categories is UNSET else rights.categories_of(body.categories or {}),
    )
    if wanted == current:
        return current
    changed = await service.store.one(
        Policy,
        "update_policy",
        principal.org_id,
        environment_id,
        wanted.rate,
        wanted.monthly_quota,
        wanted.over_quota,
        wanted.categories,
    )
    assert changed is not None
    service.request.note(environment_id, environment_id=environment_id, before=current, after=changed)
    return changed


async def usage(service: Service, principal: Principal, environment_id: str, query: UsageQuery) -> Usage:
    """Answer what each key and token sent to an environment, step by step; up to some seconds ago.

    Raises:
        NotFound: the principal reaches no such environment.
        Unprocessable: the time is empty, or holds more than can be answered at once.
    """
    await lookup.environment(service, principal, environment_id)
    step = _STEPS[query.step]
    now = service.now()
    until = min(query.until or now, now + _DAY)
    if until < _EPOCH + _DAY:
        raise Unprocessable("Field `to`: nothing was counted as long ago as that.")
    since = _floor(max(query.since or until - _DAY, _EPOCH), step)
    if until <= since:
        raise Unprocessable("Field `to`: must lie behind `from`, and not far ahead.")
    asked = (environment_id, since, until, step, _ROWS_MAX_COUNT + 1)
    used = await service.store.many(_Used, "usage_of", *asked)
    refused = await service.store.many(_Refused, "refusals_of", *asked)
    outcomes = await service.store.many(Outcome, "outcomes_of", *asked)
    items = _merged(used, refused)
    if max(len(used), len(refused), len(outcomes)) > _ROWS_MAX_COUNT:
        raise Unprocessable(f"Field `step`: that is more than {_ROWS_MAX_COUNT} rows; take a longer step or less time.")
    return Usage(environment_id=environment_id, since=since, until=until, step=query.step, items=items, sentry=outcomes)


def _merged(used: Iterable[_Used], refused: Iterable[_Refused]) -> list[Used]:
    rejected: dict[tuple[datetime, str], dict[str, int]] = {}
    for each in refused:
        rejected.setdefault((each.at, each.credential_id), {})[each.reason] = each.requests
    taken = {(each.at, each.credential_id): each for each in used}
    items: list[Used] = []
    for at, credential_id in sorted({*taken, *rejected}):
        one = taken.get((at, credential_id)) or _Used(at, credential_id, 0, 0, 0)
        items.append(
            Used(
                at=at,
                credential_id=credential_id,
                requests=one.requests,
                items=one.items,
                bytes=one.bytes,
                rejected=rejected.get((at, credential_id), {}),
            )
        )
    return items


async def _policy(service: Service, principal: Principal, environment_id: str) -> Policy:
    found = await service.store.one(Policy, "policy_of", principal.org_id, environment_id)
    return lookup.found(found, "environment", environment_id)


def _floor(moment: datetime, step: timedelta) -> datetime:
    return moment - (moment - _EPOCH) % step
