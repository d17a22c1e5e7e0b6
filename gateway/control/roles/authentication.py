"""Who asks the control plane: only the holder of a management key may, but for what every key may know of itself."""

from datetime import datetime

from msgspec import Struct

from gateway.control.roles.permissions import Binding
from gateway.control.service import Principal, Service
from gateway.identity.tokens import parse, verify
from schemas.environment import Kind
from schemas.errors import Forbidden, Unauthenticated

_BEARER = "bearer "


class _Credential(Struct, frozen=True, rename="camel"):
    id: str
    kind: Kind
    org_id: str
    member_id: str | None
    digest: bytes
    pepper_version: int
    expires_at: datetime | None
    retire_at: datetime | None
    revoked_at: datetime | None


async def authenticate(service: Service, authorization: str | None, *, takes_any_key: bool = False) -> Principal:
    """Answer who asks.

    Args:
        service: the parts of the control plane.
        authorization: `Bearer mk_…` or the bare key.
        takes_any_key: whether a key of another kind will do; it has no bindings.

    Raises:
        Unauthenticated: no key, or none that is live.
        Forbidden: a live key of another kind.
        DirectoryUnavailable: the key cannot be looked up now.
    """
    text = (authorization or "").strip()
    if text[: len(_BEARER)].lower() == _BEARER:
        text = text[len(_BEARER) :].strip()
    if not text:
        raise Unauthenticated(
            "No key was sent. Send a management key: Authorization: Bearer mk_…", reason="no_credential"
        )
    parsed = parse(text)
    known = parsed and await service.store.one(_Credential, "credential_by_id", parsed.id)
    if not known or not _is_live(service, text, known):
        raise Unauthenticated("This key is not known, or it was revoked or has expired.", reason="bad_credential")
    if known.kind is not Kind.MANAGEMENT_KEY and not takes_any_key:
        raise Forbidden(f"This call takes a management key (mk_…), not a key that begins with {known.kind.value}_.")
    bindings = await service.store.many(Binding, "bindings_of", known.org_id, known.id, known.member_id)
    actor = f"member:{known.member_id}" if known.member_id else f"key:{known.id}"
    return Principal(org_id=known.org_id, actor=actor, bindings=tuple(bindings), credential_id=known.id)


def _is_live(service: Service, text: str, known: _Credential) -> bool:
    return (
        verify(text, known.digest, known.pepper_version, service.peppers)
        and known.revoked_at is None
        and all(end is None or end > service.now() for end in (known.expires_at, known.retire_at))
    )
