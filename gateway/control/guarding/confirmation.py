"""Destructive calls: where it is asked for, the first call says what it would destroy, the second one confirms."""

import secrets
from datetime import timedelta

import msgspec
from msgspec import Struct

from gateway.control.calling.requests import Request
from gateway.control.service import Principal, Service
from gateway.control.types import Answer
from schemas.errors import ConfirmationRequired

_CHALLENGE_BYTES = 24
_CHALLENGE_LIFE = timedelta(minutes=5)


class Impact(Answer, frozen=True, kw_only=True):
    """What a call would destroy."""

    events: int
    bytes: int
    keys: int


class _Taken(Struct, frozen=True):
    id: str


async def stored(service: Service, environment_ids: list[str]) -> Impact:
    """Answer what environments hold: stored events, bytes on disk, keys and tokens."""
    impact = await service.store.one(Impact, "stored", environment_ids)
    assert impact is not None
    return impact


async def confirm(
    service: Service, principal: Principal, *, slug: str, impact: Impact, why: str = "This destroys something for good."
) -> None:
    """Return where the call carries the slug and a challenge that was issued for this same call; use the challenge up.

    `why` says to people why they are asked.

    Raises:
        ConfirmationRequired: it does not.
    """
    request = service.request
    if request.confirm == slug and request.challenge and await _take(service, principal, request.challenge):
        return
    if request.confirm is None and request.challenge is None:
        reason = why
    elif request.confirm != slug:
        reason = f"X-Confirm must be {slug!r}."
    else:
        reason = "The challenge was used up, has expired, or was issued for another call."
    message = f"{reason} To go on, repeat the call with X-Confirm: {slug} and X-Confirm-Challenge: the challenge."
    raise ConfirmationRequired(message, members={"impact": msgspec.to_builtins(impact), "confirm": slug})


async def challenged(
    service: Service, principal: Principal, request: Request, error: ConfirmationRequired
) -> ConfirmationRequired:
    """Answer the error with a challenge for the same call. It is issued outside of the transaction that was undone."""
    challenge = secrets.token_urlsafe(_CHALLENGE_BYTES)
    await service.store.run(
        "issue_challenge",
        challenge,
        principal.org_id,
        principal.actor,
        request.fingerprint,
        service.now() + _CHALLENGE_LIFE,
    )
    return ConfirmationRequired(error.message, members={**error.members, "challenge": challenge})


async def _take(service: Service, principal: Principal, challenge: str) -> bool:
    taken = await service.store.one(
        _Taken,
        "take_challenge",
        challenge.replace("\x00", ""),
        principal.org_id,
        principal.actor,
        service.request.fingerprint,
        service.now(),
    )
    return taken is not None
