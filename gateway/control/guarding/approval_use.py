"""Guarded calls: made with an approval where the caller's own roles do not allow them, or told how to ask for one."""

from collections.abc import Sequence
from typing import cast

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import asdict, replace

from gateway.control.calling.call import Call
from gateway.control.calling.requests import Note
from gateway.control.guarding import approvals, audit
from gateway.control.guarding.approval_types import Action, Approval, Asked, State
from gateway.control.roles.permissions import Base, Binding, Permission, Scope, allows
from gateway.control.service import Principal, Service
from gateway.control.types import UpdateEnvironment
from schemas.errors import Forbidden, GatewayError

_NOT_GOOD = {
    State.PENDING: "nobody has decided on it yet",
    State.REJECTED: "it was rejected",
    State.USED: "it was used up",
    State.EXPIRED: "it has expired",
}


async def run(service: Service, principal: Principal, call: Call, arguments: Sequence[object]) -> Struct | None:
    """Run a call in its transaction; with an approval, as if the caller's roles allowed this one thing.

    The approval is used up by a call that succeeds, and only by it: one that asks for a confirmation leaves it good.

    Raises:
        Forbidden: the caller may not do this; where an approval could be asked for, `members` says with what.
        GatewayError: what the rule raises.
    """
    asked = _asked(call, arguments)
    approval_id = service.request.approval
    if approval_id is None:
        try:
            return await call.run(service, principal, *arguments)
        except Forbidden as error:
            if asked is not None and await _may_ask(service, principal, asked):
                error.members = {"approval": msgspec.to_builtins(asked)}
                error.message += " Or ask for an approval: POST /approvals with what `approval` says, and a reason."
            raise
    approval = await _good(service, principal, approval_id, asked)
    answer = await call.run(service, _with(principal, approval), *arguments)
    used = await service.store.one(Approval, "use_approval", principal.org_id, approval.id, service.now())
    note = Note(approval.id, approval.environment_id, before=approval, after=used)
    await audit.append(service, principal, "approval.use", note)
    return answer


def _asked(call: Call, arguments: Sequence[object]) -> Asked | None:
    """Answer what an approval of a call would be asked with; None where the call is about more than one can be for."""
    target = cast("str", arguments[0])
    match call.approval:
        case Action.LOWER_RETENTION:
            body = cast("UpdateEnvironment", arguments[1])
            given = {name: value for name, value in asdict(body).items() if value is not UNSET}
            if given.keys() != {"retention_days"}:
                return None
            return Asked(action=Action.LOWER_RETENTION, environment_id=target, **given)
        case Action.DELETE_CHANNEL:
            is_number = target.isascii() and target.isdigit()
            return Asked(action=Action.DELETE_CHANNEL, channel_id=int(target)) if is_number else None
        case Action.REVOKE_KEY:
            return Asked(action=Action.REVOKE_KEY, key_id=target)
        case action:
            assert action is not None  # other calls do not come here
            return Asked(action=action, environment_id=target)


async def _may_ask(service: Service, principal: Principal, asked: Asked) -> bool:
    """Say whether asking would be of any use: the call can be made by somebody, and not by the principal."""
    try:
        subject = await approvals.subject_of(service, principal, asked)
    except GatewayError:
        return False
    return not allows(principal.bindings, subject.permission, subject.place, principal.actor)


async def _good(service: Service, principal: Principal, approval_id: str, asked: Asked | None) -> Approval:
    """Find an approval that is good for this call, and hold it until the call has ended.

    Raises:
        Forbidden: it is not; the message says why.
    """
    approval_id = approval_id.replace("\x00", "")
    await service.store.run("hold_approval", principal.org_id, approval_id)
    approval = await service.store.one(
        Approval, "own_approval", principal.org_id, approval_id, service.now(), principal.actor
    )
    if approval is None:
        raise _refused("you have asked for none of this id")
    if asked is None or not _covers(approval, asked):
        raise _refused("it is for another call")
    if approval.state is not State.APPROVED:
        raise _refused(_NOT_GOOD[approval.state])
    return approval


def _covers(approval: Approval, asked: Asked) -> bool:
    """Say whether what was approved is what is asked for now, or more."""
    if (approval.action, approval.channel_id, approval.key_id) != (asked.action, asked.channel_id, asked.key_id):
        return False
    is_there = asked.environment_id in (None, approval.environment_id)
    return is_there and (approval.retention_days or 0) <= (asked.retention_days or 0)


def _with(principal: Principal, approval: Approval) -> Principal:
    """Lend a principal the one right that the call takes; that it sees what the call is about, it needs on its own."""
    without = frozenset(Permission) - {approval.permission}
    if approval.environment_id is None:
        lent = Binding(Base.ADMIN, Scope.APP, approval.app_id, without)
    else:
        lent = Binding(Base.ADMIN, Scope.ENVIRONMENT, approval.environment_id, without)
    return replace(principal, bindings=(*principal.bindings, lent))


def _refused(why: str) -> Forbidden:
    return Forbidden(
        f"This approval (X-Approval) is not good for this call: {why}. Ask for another one with POST /approvals.",
        reason="approval_refused",
    )
