"""Idempotency keys: a POST that is repeated with the same key changes nothing more, and is answered as it was.

An answer may hold a key that is shown once. It is kept sealed under a pepper and the client's own idempotency key, of
which only a digest is stored: a dump of the database opens none. The reaper forgets it after a day.
"""

import hashlib
import hmac
import re
from datetime import datetime

import msgspec
from msgspec import Struct

from gateway.control.service import Principal, Service
from gateway.protocols.replies import Reply
from schemas.errors import Conflict, Malformed, Unprocessable

_FORM = re.compile(r"[\x21-\x7e]{1,255}")


class _Claim(Struct, frozen=True):
    """An idempotency key as it is stored."""

    request: bytes
    pepper_version: int
    answer: bytes | None
    created_at: datetime


def check(key: str) -> None:
    """Check the form of an idempotency key.

    Raises:
        Malformed: it is empty, too long, or has blanks or other than ASCII characters.
    """
    if not _FORM.fullmatch(key):
        raise Malformed("Idempotency-Key takes 1 to 255 visible ASCII characters, without blanks.")


async def claim(service: Service, principal: Principal, key: str) -> Reply | None:
    """Answer what the same call was answered, or None and keep the key: `keep` has to follow in this transaction.

    Raises:
        Unprocessable: the key was used for another call.
        Conflict: the answer can no longer be read.
    """
    owner = (principal.org_id, principal.actor, _digest(key))
    version = service.peppers.current
    fresh = await service.store.one(_Claim, "claim_answer", *owner, service.request.fingerprint, version, service.now())
    if fresh is not None:
        return None
    kept = await service.store.one(_Claim, "kept_answer", *owner)
    assert kept is not None
    if kept.request != service.request.fingerprint:
        raise Unprocessable(
            "This Idempotency-Key was used for another call; take a new one.", reason="idempotency_key_reused"
        )
    if kept.answer is None or kept.pepper_version not in service.peppers.by_version:
        raise Conflict("The answer to the first call with this Idempotency-Key can no longer be read.")
    return msgspec.msgpack.decode(_sealed(service, principal, key, kept, kept.answer), type=Reply)


async def keep(service: Service, principal: Principal, key: str, reply: Reply) -> None:
    """Keep the answer to a call whose key was claimed in this transaction."""
    owner = (principal.org_id, principal.actor, _digest(key))
    claimed = await service.store.one(_Claim, "kept_answer", *owner)
    assert claimed is not None
    answer = _sealed(service, principal, key, claimed, msgspec.msgpack.encode(reply))
    await service.store.run("keep_answer", *owner, answer)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _sealed(service: Service, principal: Principal, key: str, claimed: _Claim, data: bytes) -> bytes:
    """Seal data, or open what was sealed: XOR with a keyed stream (SHAKE-256) that is used this once."""
    pepper = service.peppers.by_version[claimed.pepper_version]
    context = f"idempotency {principal.org_id} {principal.actor} {claimed.created_at.isoformat()} {key}"
    stream = hashlib.shake_256(hmac.digest(pepper, context.encode(), "sha256")).digest(len(data))
    return bytes(one ^ other for one, other in zip(data, stream, strict=True))
