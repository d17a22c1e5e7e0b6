"""Who asks: what a key is, where it belongs, what it may do, and what is left of its quotas; for keys of any kind."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from gateway.control import lookup
from gateway.control.roles.permissions import Scope
from gateway.control.service import Principal, Service
from gateway.control.types import Answer
from schemas.environment import Ingest, Kind, MonthlyQuota
from schemas.signals import Signal


class OwnApp(Answer, frozen=True, kw_only=True):
    """The app of a key."""

    id: str
    slug: str


class OwnEnvironment(Answer, frozen=True, kw_only=True):
    """The environment of a key; one that expired or was deleted says so, and takes no events."""

    id: str
    slug: str
    is_production: bool
    ingest: Ingest
    source_ref: str | None
    expires_at: datetime | None
    deleted_at: datetime | None


class QuotaLeft(Answer, frozen=True, kw_only=True):
    """What is left of the quota of a key or its environment this month (UTC), to some seconds; null: no limit."""

    of: Literal["key", "environment"]
    requests: int | None
    bytes: int | None


class OwnRole(Answer, frozen=True, kw_only=True):
    """A role of a management key, or of its member, and where; `target` is null for the organization."""

    role: str
    scope: Scope
    target: str | None


class Whoami(Answer, frozen=True, kw_only=True):
    """The key that asks.

    `kind` is its prefix. `overrideTargets` are the slugs that a request may name in X-Axonpush-Environment, its own
    environment among them. `channelId` is where events go that name none. `roles` are a management key's.
    """

    id: str
    kind: Kind
    name: str
    org_id: str
    member_id: str | None
    app: OwnApp | None
    environment: OwnEnvironment | None
    channel_id: int | None
    scopes: list[Signal]
    allow_environment_override: bool
    override_targets: list[str]
    origins: list[str]
    networks: list[str]
    expires_at: datetime | None
    quotas_left: list[QuotaLeft]
    roles: list[OwnRole]


class _Holder(Struct, frozen=True, rename="camel"):
    key_id: str
    kind: Kind
    name: str
    org_id: str
    member_id: str | None
    app_id: str | None
    app_slug: str | None
    environment_id: str | None
    environment_slug: str | None
    is_production: bool | None
    ingest: Ingest | None
    source_ref: str | None
    environment_expires_at: datetime | None
    environment_deleted_at: datetime | None
    channel_id: int | None
    scopes: list[Signal]
    allow_environment_override: bool
    override_environments: list[str] | None
    origins: list[str]
    networks: list[str]
    expires_at: datetime | None


class _Slug(Struct, frozen=True):
    slug: str


class _Quota(Struct, frozen=True, rename="camel"):
    of: Literal["key", "environment"]
    monthly_quota: MonthlyQuota
    used_requests: int
    used_bytes: int


async def whoami(service: Service, principal: Principal) -> Whoami:
    """Answer who asks: the environment of its key, scopes, expiry, what it may override, and what quotas leave."""
    found = await service.store.one(_Holder, "holder", principal.credential_id)
    holder = lookup.found(found, "key", principal.credential_id)
    quotas = await service.store.many(_Quota, "quotas", holder.key_id, holder.environment_id, service.now())
    return Whoami(
        id=holder.key_id,
        kind=holder.kind,
        name=holder.name,
        org_id=holder.org_id,
        member_id=holder.member_id,
        app=OwnApp(id=holder.app_id, slug=holder.app_slug) if holder.app_id and holder.app_slug else None,
        environment=_environment(holder),
        channel_id=holder.channel_id,
        scopes=holder.scopes,
        allow_environment_override=holder.allow_environment_override,
        override_targets=await _override_targets(service, holder),
        origins=holder.origins,
        networks=holder.networks,
        expires_at=holder.expires_at,
        quotas_left=[_left(quota) for quota in quotas],
        roles=await service.store.many(OwnRole, "bindings_shown", holder.org_id, holder.key_id, holder.member_id),
    )


def _environment(holder: _Holder) -> OwnEnvironment | None:
    if holder.environment_id is None:
        return None
    assert holder.environment_slug is not None
    assert holder.ingest is not None
    return OwnEnvironment(
        id=holder.environment_id,
        slug=holder.environment_slug,
        is_production=bool(holder.is_production),
        ingest=holder.ingest,
        source_ref=holder.source_ref,
        expires_at=holder.environment_expires_at,
        deleted_at=holder.environment_deleted_at,
    )


async def _override_targets(service: Service, holder: _Holder) -> list[str]:
    if not holder.allow_environment_override:
        return []
    targets = await service.store.many(
        _Slug, "override_targets", holder.app_id, service.now(), holder.override_environments, holder.environment_id
    )
    return [target.slug for target in targets]


def _left(quota: _Quota) -> QuotaLeft:
    monthly = quota.monthly_quota
    return QuotaLeft(
        of=quota.of,
        requests=None if monthly.requests is None else max(0, monthly.requests - quota.used_requests),
        bytes=None if monthly.bytes is None else max(0, monthly.bytes - quota.used_bytes),
    )
