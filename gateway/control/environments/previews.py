"""The rules of previews: one ephemeral environment for a branch or pull request, by its ref."""

from collections.abc import Collection
from datetime import timedelta

from msgspec import UNSET, Struct
from msgspec.structs import replace

from gateway.control import lookup
from gateway.control.credentials import minting
from gateway.control.credentials.credential_types import PublicToken
from gateway.control.environments import environment_changes, environments, lifetimes
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, slugged
from gateway.control.types import App, CreateEnvironment, Environment, Preview, UpsertPreview
from gateway.identity.tokens import hint_of
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind
from schemas.errors import Unprocessable

_SLUG_MAX_LENGTH = 40


class _Slug(Struct, frozen=True):
    slug: str


async def upsert(service: Service, principal: Principal, app_id: str, ref: str, body: UpsertPreview) -> Preview:
    """Make the preview of a ref, with a token, or let it live on; made again after its end it is another one.

    Raises:
        NotFound: the principal reaches no such app.
        Conflict: the app has as many ephemeral environments as it may.
        Unprocessable: it would live longer than the settings allow or than its own maximum, or the channel belongs to
            another app.
        StreamUnavailable: the topic cannot be made; nothing was.
    """
    app = await lookup.app(service, principal, app_id)
    access.require(
        principal,
        Permission.PREVIEW,
        Place(app_id=app.id, tier="development", owner=principal.actor),
    )
    channel_id = await _channel_id(service, principal, app, body.channel_id)
    await service.store.run("lock_previews", app.id)
    current = await service.store.one(Environment, "preview_by_ref", app.id, ref)
    if current is not None:
        if current.expires_at is not None and current.expires_at > service.now():
            return Preview(environment=await _live_on(service, principal, current, body), token=None)
        # It has expired, and the reaper has not come yet.
        await service.store.run("delete_environment", principal.org_id, current.id, service.now())
    environment = await _make(service, principal, app, ref, body)
    return Preview(environment=environment, token=await _token(service, principal, environment, channel_id))


async def delete(service: Service, principal: Principal, app_id: str, ref: str) -> None:
    """Delete the preview of a ref; where there is none, nothing happens.

    Raises:
        NotFound: the principal reaches no such app.
    """
    app = await lookup.app(service, principal, app_id)
    current = await service.store.one(Environment, "preview_by_ref", app.id, ref)
    if current is None or not access.sees(principal, access.place_of(current)):
        access.require_somewhere(principal, Permission.PREVIEW)
        return
    access.require(principal, Permission.PREVIEW, access.place_of(current))
    await service.store.run("delete_environment", principal.org_id, current.id, service.now())
    service.request.note(current.id, environment_id=current.id, before=current)


def slug_of_ref(ref: str, taken: Collection[str]) -> str:
    """Make the slug of a ref's environment: `acme/shop#42` to `acme-shop-42`, with a suffix where it is taken."""
    base = slugged(ref) or "preview"
    slug, number = base, 1
    while slug in taken:
        number += 1
        suffix = f"-{number}"
        slug = base[: _SLUG_MAX_LENGTH - len(suffix)].rstrip("-") + suffix
    return slug


async def _live_on(service: Service, principal: Principal, current: Environment, body: UpsertPreview) -> Environment:
    access.require(principal, Permission.PREVIEW, access.place_of(current))
    expires_at = service.now() + timedelta(seconds=body.ttl_seconds)
    assert current.expires_at is not None
    expires_at = max(current.expires_at, expires_at)
    wanted = lifetimes.grown(service, current, expires_at, body.ttl_seconds, body.max_ttl_seconds)
    lifetimes.check(service, expires_at, wanted.max_expires_at, current.created_at)
    wanted = replace(wanted, name=body.name or current.name)
    return await environment_changes.store(service, principal, current, wanted)


async def _make(service: Service, principal: Principal, app: App, ref: str, body: UpsertPreview) -> Environment:
    # A suffix cuts the slug's end off, so others that begin like it count as taken too.
    prefix = slugged(ref)[: _SLUG_MAX_LENGTH // 2]
    taken = await service.store.many(_Slug, "slugs_like", app.id, prefix)
    wanted = CreateEnvironment(
        slug=slug_of_ref(ref, {each.slug for each in taken}),
        name=body.name or ref,
        expires_at=service.now() + timedelta(seconds=body.ttl_seconds),
        max_ttl_seconds=None if body.max_ttl_seconds is UNSET else body.max_ttl_seconds,
        source_ref=ref,
    )
    environment = environments.planned(service, principal, app.id, new_ulid(service.clock()), wanted)
    return await environments.add(service, environment)


async def _token(service: Service, principal: Principal, environment: Environment, channel_id: int) -> str:
    """Mint a public token for the preview's pages and tests."""
    text = minting.new_text(service, Kind.PUBLIC_TOKEN, hint_of(environment.slug))
    grant = minting.Grant(
        app_id=environment.app_id, environment_id=environment.id, channel_id=channel_id, name="preview"
    )
    await minting.insert(service, PublicToken, principal, text, grant)
    return text


async def _channel_id(service: Service, principal: Principal, app: App, channel_id: int | None) -> int:
    if channel_id is None:
        assert app.default_channel_id is not None  # an app is made with its default channel
        return app.default_channel_id
    channel = await lookup.channel(service, principal, channel_id)
    if channel.app_id != app.id:
        raise Unprocessable("Field `channelId`: this channel belongs to another app.")
    return channel.id
