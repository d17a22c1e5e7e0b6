"""How a call that changes something runs: one transaction for the change, its audit entry and its idempotency key."""

from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from gateway.control.calling import idempotency
from gateway.control.calling.requests import Journal, Request
from gateway.control.guarding import audit, confirmation
from gateway.control.service import Principal, Service
from gateway.protocols.replies import Reply
from schemas.errors import ConfirmationRequired

Rule = Callable[[Service], Awaitable[Reply]]


class Change(Struct, frozen=True):
    """What a call does, by its name in the audit log, and what its request says."""

    action: str
    request: Request
    idempotency_key: str | None = None


async def run(service: Service, principal: Principal, change: Change, rule: Rule) -> Reply:
    """Run a rule in a transaction, and answer what it, or the same call before, answered.

    A rule that notes nothing has changed nothing, and leaves no entry.

    Raises:
        ConfirmationRequired: the call destroys something and was not confirmed; carries a new challenge.
        GatewayError: what the rule raises; nothing was changed.
    """
    journal = Journal()
    request = replace(change.request, journal=journal)
    key = change.idempotency_key
    if key is not None:
        idempotency.check(key)
    try:
        async with service.store.transaction() as queries:
            inner = replace(service, store=queries, request=request)
            kept = None if key is None else await idempotency.claim(inner, principal, key)
            if kept is not None:
                return kept
            reply = await rule(inner)
            if key is not None:
                await idempotency.keep(inner, principal, key, reply)
            if journal.note is not None:
                await audit.append(inner, principal, change.action, journal.note)
            return reply
    except ConfirmationRequired as error:
        raise await confirmation.challenged(service, principal, request, error) from None
