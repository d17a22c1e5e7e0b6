"""Rotation: a new key or token takes the place of one that goes on being good for a while."""

from datetime import timedelta
from typing import Any, TypeVar

from msgspec.structs import asdict

from gateway.control.credentials import minting
from gateway.control.credentials.credential_types import ApiKey, PublicToken, Rotate
from gateway.control.service import Principal, Service
from gateway.control.types import Environment
from gateway.identity.tokens import hint_of
from schemas.environment import Kind
from schemas.errors import Conflict

C = TypeVar("C", ApiKey, PublicToken)


async def succeed(
    service: Service, principal: Principal, old: C, environment: Environment, body: Rotate
) -> tuple[C, str]:
    """Make the successor of a credential, whose row is locked, and let the credential end; answer row and text.

    Raises:
        Conflict: the credential is revoked, has expired, or has a successor already.
    """
    now = service.now()
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
        raise Conflict("This one is revoked or has expired, and cannot be rotated; make another one.", reason="revoked")
    if old.retire_at is not None:
        raise Conflict("This one was rotated already; rotate the one that took its place.", reason="rotated")
    kind = Kind.API_KEY if isinstance(old, ApiKey) else Kind.PUBLIC_TOKEN
    text = minting.new_text(service, kind, hint_of(environment.slug))
    fields = asdict(old)
    rights: dict[str, Any] = {name: fields[name] for name in minting.Grant.__struct_fields__ if name in fields}
    rights["rotated_from"] = old.id
    await service.store.run(
        "retire_credential", principal.org_id, old.id, now + timedelta(seconds=body.overlap_seconds)
    )
    row = await minting.insert(service, type(old), principal, text, minting.Grant(**rights))
    await service.store.run("take_over_quota", old.id, row.id, now)
    service.request.note(row.id, environment_id=row.environment_id, after=row)
    return row, text
