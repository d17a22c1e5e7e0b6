"""The rules of API keys (ak_)."""

from collections.abc import Sequence

from msgspec import UNSET, Struct
from msgspec.structs import asdict, replace

from gateway.control import lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.credentials import minting, rights, rotation
from gateway.control.credentials.credential_types import (
    ApiKey,
    ApiKeyQuery,
    CreateApiKey,
    MintedApiKey,
    RevokedApiKey,
    RevokeQuery,
    Rotate,
    UpdateApiKey,
)
from gateway.control.guarding import confirmation
from gateway.control.guarding.confirmation import Impact
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.types import App, Environment, Page
from gateway.identity.tokens import hint_of
from schemas.environment import Kind
from schemas.errors import Conflict, Unprocessable


class _Count(Struct, frozen=True):
    keys: int


async def create(service: Service, principal: Principal, body: CreateApiKey) -> MintedApiKey:
    """Make a key for an environment of an app, for the default one where none is named.

    Raises:
        NotFound: the organization has no such app or environment.
        Unprocessable: the environment belongs to another app, or a right or a limit is impossible.
    """
    app = await lookup.app(service, principal, body.app_id)
    environment = await _environment_of(service, principal, app, body.environment_id)
    access.require(principal, Permission.KEYS, access.place_of(environment))
    if body.allow_environment_override:
        await _check_override(service, principal, environment, body.override_environments)
    check_expiry(service, body.expires_at)
    text = minting.new_text(service, Kind.API_KEY, hint_of(environment.slug))
    given = rights.rights_of(body)
    given["environment_id"] = environment.id
    row = await minting.insert(service, ApiKey, principal, text, minting.Grant(**given))
    service.request.note(row.id, environment_id=row.environment_id, after=row)
    return MintedApiKey(**asdict(row), key=text)


async def listing(service: Service, principal: Principal, query: ApiKeyQuery) -> Page[ApiKey]:
    """List the keys of the environments that the principal reaches, or those of one app or environment."""
    access.require_somewhere(principal, Permission.SEE_KEYS)
    rows = await service.store.many(
        ApiKey,
        "api_keys_page",
        principal.org_id,
        *bounds_of(query),
        *access.reach(principal, Permission.SEE_KEYS),
        query.app_id,
        query.environment_id,
    )
    return page_of(rows, query)


async def update(service: Service, principal: Principal, key_id: str, body: UpdateApiKey) -> ApiKey:
    """Change what a key is for; what is not given stays.

    Raises:
        NotFound: the organization has no such key or environment.
        Conflict: the key is revoked.
        Unprocessable: the environment belongs to another app, or a right or a limit is impossible.
    """
    key, environment = await lookup.credential(service, principal, ApiKey, "api_key_to_change", key_id)
    access.require(principal, Permission.KEYS, access.place_of(environment))
    service.request.check_match(key)
    if key.revoked_at is not None:
        raise Conflict("This key is revoked and can no longer be changed; make another one.", reason="revoked")
    wanted = replace(key, **rights.rights_of(body))
    if body.environment_id is not UNSET:
        app = await lookup.app(service, principal, key.app_id)
        environment = await _environment_of(service, principal, app, body.environment_id)
        access.require(principal, Permission.KEYS, access.place_of(environment))
    if wanted.allow_environment_override and _overrides(wanted) != _overrides(key):
        await _check_override(service, principal, environment, wanted.override_environments)
    if body.expires_at is not UNSET:
        check_expiry(service, body.expires_at)
    if wanted == key:
        return key
    changed = await minting.update(service, principal, wanted)
    service.request.note(key_id, environment_id=changed.environment_id, before=key, after=changed)
    return changed


async def rotate(service: Service, principal: Principal, key_id: str, body: Rotate) -> MintedApiKey:
    """Make a key of the same rights that takes the place of another one, which goes on being good for a while.

    Raises:
        NotFound: the principal reaches no such key.
        Conflict: it is revoked, has expired, or was rotated already.
    """
    key, environment = await lookup.credential(service, principal, ApiKey, "api_key_to_change", key_id)
    access.require(principal, Permission.KEYS, access.place_of(environment))
    if key.allow_environment_override:
        await _check_override(service, principal, environment, key.override_environments)
    row, text = await rotation.succeed(service, principal, key, environment, body)
    return MintedApiKey(**asdict(row), key=text)


async def revoke(
    service: Service,
    principal: Principal,
    key_id: str,
    query: RevokeQuery,  # noqa: ARG001 (the waiting begins when this is committed: `acknowledgement.await_edges`)
) -> RevokedApiKey:
    """End a key for good; a second time changes nothing. With `wait`, say which edge processes have applied it.

    Raises:
        NotFound: the principal reaches no such key.
        ConfirmationRequired: it is the last live key of an environment that asks for confirmation, which then takes
            nothing from servers any more; browsers' tokens are not counted.
    """
    key, environment = await lookup.credential(service, principal, ApiKey, "api_key_to_change", key_id)
    access.require(principal, Permission.REVOKE, access.place_of(environment))
    if key.revoked_at is not None:
        return RevokedApiKey(**asdict(key))
    if environment.require_confirmation_for_destructive and await _is_last(service, principal, key):
        await confirmation.confirm(service, principal, slug=environment.slug, impact=Impact(events=0, bytes=0, keys=1))
    row = await service.store.one(ApiKey, "revoke_credential", principal.org_id, key_id, Kind.API_KEY.value)
    assert row is not None
    service.request.note(key_id, environment_id=key.environment_id, before=key, after=row)
    return RevokedApiKey(**asdict(row))


async def _is_last(service: Service, principal: Principal, key: ApiKey) -> bool:
    """Say whether a key that may live is the last one of its environment; other revocations there wait for this one."""
    ends = [each for each in (key.expires_at, key.retire_at) if each is not None]
    if any(each <= service.now() for each in ends):
        return False
    await service.store.one(Environment, "environment_to_change", principal.org_id, key.environment_id)
    others = await service.store.one(_Count, "other_live_keys", key.environment_id, key.id, service.now())
    return others is not None and not others.keys


def _overrides(key: ApiKey) -> tuple[bool, list[str] | None]:
    return key.allow_environment_override, key.override_environments


async def _check_override(
    service: Service, principal: Principal, own: Environment, slugs: Sequence[str] | None
) -> None:
    """Check that the principal may let a key reach the environments that it could name, all of the app without a list.

    Raises:
        Forbidden: it may not.
    """
    everywhere = Place(app_id=own.app_id)
    places = {each.slug: access.place_of(each) for each in await _siblings(service, own)} if slugs else {}
    # An environment that is made later is whoever's it is: only who may in the whole app can name it beforehand.
    wanted = [everywhere] if slugs is None else [places.get(slug, everywhere) for slug in slugs]
    for place in (access.place_of(own), *wanted):
        access.require(principal, Permission.OVERRIDE, place)


async def _siblings(service: Service, own: Environment) -> list[Environment]:
    return await service.store.many(Environment, "environments_of_app", own.app_id)


async def _environment_of(service: Service, principal: Principal, app: App, environment_id: str | None) -> Environment:
    """Find the environment that a key is for, the app's default one where none is named."""
    wanted = environment_id or app.default_environment_id
    assert wanted is not None  # an app is made with its default environment
    environment = await lookup.environment(service, principal, wanted)
    if environment.app_id != app.id:
        raise Unprocessable("Field `environmentId`: this environment belongs to another app than the key.")
    return environment
