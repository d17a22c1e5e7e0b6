"""Makes credentials: the text that is shown once, and the row that keeps only its digest."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict, astuple

from gateway.control.credentials.credential_types import ApiKey, PublicToken
from gateway.control.service import Principal, Service
from gateway.identity.tokens import SECRET_BYTES, digest, mint, parse
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind, MonthlyQuota, OverQuota, Rate
from schemas.signals import Signal

T = TypeVar("T", bound=Struct)
C = TypeVar("C", ApiKey, PublicToken)
_LAST_LENGTH = 4
# Public tokens have none of it.
_NO_OVERRIDE = {"allow_environment_override": False, "override_environments": None}
# In the order of the query `update_credential`.
_UPDATED = (
    *("environment_id", "name", "allow_environment_override", "override_environments", "scopes", "origins"),
    *("networks", "expires_at", "rate", "monthly_quota", "over_quota"),
)


class Grant(Struct, frozen=True, kw_only=True):
    """What a credential is for; the fields in the order of the query `insert_credential`, behind those of the text."""

    app_id: str | None = None
    environment_id: str | None = None
    channel_id: int | None = None
    member_id: str | None = None
    name: str
    allow_environment_override: bool = False
    override_environments: list[str] | None = None
    scopes: Sequence[Signal] = tuple(Signal)
    origins: list[str] = []
    networks: list[str] = []
    expires_at: datetime | None = None
    rate: Rate | None = None
    monthly_quota: MonthlyQuota | None = None
    over_quota: OverQuota = OverQuota.REJECT
    rotated_from: str | None = None


def new_text(service: Service, kind: Kind, hint: str) -> str:
    """Make the text of a new credential, with 256 random bits."""
    return mint(kind, hint, new_ulid(service.clock()), secrets.token_bytes(SECRET_BYTES))


async def insert(service: Service, row_type: type[T], principal: Principal, text: str, grant: Grant) -> T:
    """Store a credential under its text's id and answer its row."""
    parsed = parse(text)
    assert parsed is not None
    version = service.peppers.current
    row = await service.store.one(
        row_type,
        "insert_credential",
        principal.org_id,
        parsed.id,
        parsed.kind.value,
        digest(text, service.peppers.by_version[version]),
        version,
        text.split("_")[1],
        text[-_LAST_LENGTH:],
        principal.actor,
        *astuple(grant),
    )
    assert row is not None
    return row


async def update(service: Service, principal: Principal, wanted: C) -> C:
    """Store a key or a token as it is to be from now on, and answer its row."""
    fields = {**_NO_OVERRIDE, **asdict(wanted)}
    row = await service.store.one(
        type(wanted), "update_credential", principal.org_id, wanted.id, *(fields[name] for name in _UPDATED)
    )
    assert row is not None
    return row
