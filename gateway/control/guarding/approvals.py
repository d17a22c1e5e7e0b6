"""The rules of approvals: who may not make a destructive call alone asks for it, and somebody who may decides."""

from collections.abc import Iterator
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import asdict

from gateway.control import channels, lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.credentials.credential_types import ApiKey
from gateway.control.environments import destruction, environments
from gateway.control.guarding.approval_types import (
    Action,
    Approval,
    ApprovalQuery,
    Asked,
    CreateApproval,
    Decide,
    State,
)
from gateway.control.lookup import found
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place, Where, allows, where
from gateway.control.service import Principal, Service
from gateway.control.types import Environment, Page
from gateway.runtime.ids import new_ulid
from schemas.errors import Conflict, Forbidden, Unprocessable

# Which field names what an action is about.
_TARGETS = {Action.DELETE_CHANNEL: "channel_id", Action.REVOKE_KEY: "key_id"}
_HELD = {Where.ALL: "all", Where.NON_PRODUCTION: "non_production", Where.OWN: "own"}


class _Placed(Approval, frozen=True, kw_only=True):
    """An approval, and of its environment what says who may decide."""

    tier: str | None
    owner: str | None
    is_production: bool

    def approval(self) -> Approval:
        """Answer what callers see of it."""
        return Approval(**{name: getattr(self, name) for name in Approval.__struct_fields__})

    def place(self) -> Place:
        """Answer where it is."""
        return Place(
            app_id=self.app_id,
            tier=self.tier,
            environment_id=self.environment_id,
            is_production=self.is_production,
            owner=self.owner,
        )


class Subject(Struct, frozen=True):
    """What a call is about: what it takes, and where; `environment_id` is None for a channel."""

    permission: Permission
    place: Place
    app_id: str
    environment_id: str | None


async def create(service: Service, principal: Principal, body: CreateApproval) -> Approval:
    """Ask for an approval of a destructive call that one's own roles do not allow.

    Once it is approved, make the call itself with `X-Approval`: this id.

    Raises:
        NotFound: the principal reaches nothing of this id.
        Conflict: the principal may make the call without, or nobody may.
        Unprocessable: a field is missing, or does not belong to the action.
    """
    subject = await subject_of(service, principal, body)
    if allows(principal.bindings, subject.permission, subject.place, principal.actor):
        raise Conflict("Your own roles allow this: make the call itself.", reason="not_needed")
    now = service.now()
    row = await service.store.one(
        Approval,
        "insert_approval",
        principal.org_id,
        new_ulid(service.clock()),
        body.action,
        subject.permission,
        subject.app_id,
        subject.environment_id,
        body.channel_id,
        body.key_id,
        body.retention_days,
        body.reason,
        principal.actor,
        now,
        now + timedelta(seconds=service.approvals.pending_seconds),
    )
    assert row is not None
    service.request.note(row.id, environment_id=row.environment_id, after=row)
    return row


async def listing(service: Service, principal: Principal, query: ApprovalQuery) -> Page[Approval]:
    """List the approvals that the principal asked for, and those that it may decide on."""
    rights = [*_rights(principal)]
    rows = await service.store.many(
        Approval,
        "approvals_page",
        principal.org_id,
        *bounds_of(query),
        service.now(),
        principal.actor,
        query.state,
        *([right[column] for right in rights] for column in range(4)),
    )
    return page_of(rows, query)


async def approval(service: Service, principal: Principal, approval_id: str) -> Approval:
    """Answer one approval.

    Raises:
        NotFound: there is none of this id where the principal reaches.
        Forbidden: the principal neither asked for it nor may decide on it.
    """
    row = await _seen(service, principal, approval_id)
    if row.requested_by != principal.actor:
        access.require(principal, row.permission, row.place())
    return row.approval()


async def approve(service: Service, principal: Principal, approval_id: str, body: Decide) -> Approval:
    """Allow the call, once, to the one who asked; takes the right to make it oneself.

    Raises:
        NotFound: there is no approval of this id where the principal reaches.
        Forbidden: the principal may not make the call, or asked for it.
        Conflict: it is decided already, or has expired.
    """
    return await _decide(service, principal, approval_id, body, is_approved=True)


async def reject(service: Service, principal: Principal, approval_id: str, body: Decide) -> Approval:
    """Refuse the call; raises as `approve`."""
    return await _decide(service, principal, approval_id, body, is_approved=False)


async def subject_of(service: Service, principal: Principal, asked: Asked) -> Subject:
    """Find what a call would be about, and check that it could be made by somebody; raises as `create`."""
    _check_fields(asked)
    match asked.action:
        case Action.DELETE_CHANNEL:
            channel = await lookup.channel(service, principal, asked.channel_id or 0)
            channels.check_deletable(await lookup.app(service, principal, channel.app_id), channel)
            each = await service.store.many(Environment, "environments_of_app", channel.app_id)
            return Subject(Permission.WIPE, channels.place_of(channel, each), channel.app_id, None)
        case Action.REVOKE_KEY:
            _, environment = await lookup.credential(service, principal, ApiKey, "api_key_by_id", asked.key_id or "")
            permission = Permission.REVOKE
        case _:
            environment = await lookup.environment(service, principal, asked.environment_id or "")
            permission = environments.manages(environment)
    if asked.action is Action.WIPE_ENVIRONMENT:
        permission = Permission.WIPE
    if asked.action is Action.DELETE_ENVIRONMENT:
        destruction.check_deletable(await lookup.app(service, principal, environment.app_id), environment)
    if asked.retention_days is not None and asked.retention_days >= environment.retention_days:
        raise Unprocessable(f"Field `retentionDays`: must be lower than the {environment.retention_days} of now.")
    return Subject(permission, access.place_of(environment), environment.app_id, environment.id)


def _check_fields(asked: Asked) -> None:
    wanted = {_TARGETS.get(asked.action, "environment_id")}
    if asked.action is Action.LOWER_RETENTION:
        wanted.add("retention_days")
    given = {name for name, value in asdict(asked).items() if value is not None and name not in ("action", "reason")}
    if given != wanted:
        encoded = dict(zip(Asked.__struct_fields__, Asked.__struct_encode_fields__, strict=True))
        fields = " and ".join(encoded[name] for name in sorted(wanted))
        raise Unprocessable(f"Field `{encoded[min(given ^ wanted)]}`: {asked.action} takes {fields}, and no other.")


async def _decide(
    service: Service, principal: Principal, approval_id: str, body: Decide, *, is_approved: bool
) -> Approval:
    await service.store.run("hold_approval", principal.org_id, approval_id)
    row = await _seen(service, principal, approval_id)
    if row.requested_by == principal.actor:
        raise Forbidden("Nobody decides on what they asked for themselves.", reason="own_request")
    access.require(principal, row.permission, row.place())
    if row.state is not State.PENDING:
        raise Conflict(f"This approval is {row.state} already; it has to be asked for anew.", reason=f"is_{row.state}")
    now = service.now()
    until = now + timedelta(seconds=service.approvals.use_seconds) if is_approved else row.expires_at
    decided = await service.store.one(
        Approval,
        "decide_approval",
        principal.org_id,
        approval_id,
        is_approved,
        principal.actor,
        now,
        body.reason,
        until,
    )
    assert decided is not None
    service.request.note(approval_id, environment_id=row.environment_id, before=row.approval(), after=decided)
    return decided


async def _seen(service: Service, principal: Principal, approval_id: str) -> _Placed:
    """Find an approval that the principal asked for, or whose environment or app it sees."""
    row = await service.store.one(_Placed, "approval_by_id", principal.org_id, approval_id, service.now())
    is_seen = row is not None and (row.requested_by == principal.actor or access.sees(principal, row.place()))
    return found(row if is_seen else None, "approval", approval_id)


def _rights(principal: Principal) -> Iterator[tuple[str, str, str, str]]:
    """Give what a principal may do where, as the query of the list takes it."""
    for binding in principal.bindings:
        for permission in Permission:
            held = where(binding, permission)
            if held is not Where.NOWHERE:
                yield permission, binding.scope, binding.target, _HELD[held]
