"""The rules of API keys (ak_)."""

from msgspec import UNSET
from msgspec.structs import asdict, replace

from gateway.control import lookup, minting
from gateway.control.paging import bounds_of, page_of
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.types import ApiKey, ApiKeyQuery, App, CreateApiKey, Environment, MintedApiKey, Page, UpdateApiKey
from gateway.identity.tokens import hint_of
from schemas.environment import Kind
from schemas.errors import Conflict, NotFound, Unprocessable


async def create(service: Service, principal: Principal, body: CreateApiKey) -> MintedApiKey:
    """Make a key for an environment of an app, for the default one where none is named.

    Raises:
        NotFound: the organization has no such app or environment.
        Unprocessable: the environment belongs to another app, or the expiry is over.
    """
    app = await lookup.app(service, principal, body.app_id)
    environment = await _environment_of(service, principal, app, body.environment_id)
    check_expiry(service, body.expires_at)
    text = minting.new_text(service, Kind.API_KEY, hint_of(environment.slug))
    grant = minting.Grant(
        app_id=app.id,
        environment_id=environment.id,
        name=body.name,
        allow_environment_override=body.allow_environment_override,
        override_environments=body.override_environments,
        expires_at=body.expires_at,
    )
    row = await minting.insert(service, ApiKey, principal.org_id, text, grant)
    return MintedApiKey(**asdict(row), key=text)


async def listing(service: Service, principal: Principal, query: ApiKeyQuery) -> Page[ApiKey]:
    """List the organization's keys, or those of one app or environment."""
    rows = await service.store.many(
        ApiKey, "api_keys_page", principal.org_id, *bounds_of(query), query.app_id, query.environment_id
    )
    return page_of(rows, query)


async def update(service: Service, principal: Principal, key_id: str, body: UpdateApiKey) -> ApiKey:
    """Change what a key is for; what is not given stays.

    Raises:
        NotFound: the organization has no such key or environment.
        Conflict: the key is revoked.
        Unprocessable: the environment belongs to another app, or the expiry is over.
    """
    given = {name: value for name, value in asdict(body).items() if value is not UNSET}
    if body.environment_id is not UNSET:
        key = await lookup.api_key(service, principal, key_id)
        app = await lookup.app(service, principal, key.app_id)
        await _environment_of(service, principal, app, body.environment_id)
    if body.expires_at is not UNSET:
        check_expiry(service, body.expires_at)
    async with service.store.transaction() as queries:
        key = await queries.one(ApiKey, "api_key_to_update", principal.org_id, key_id)
        if key is None:
            raise NotFound(f"There is no API key {key_id!r}.")
        if key.revoked_at is not None:
            raise Conflict("This key is revoked and can no longer be changed; make another one.", reason="revoked")
        wanted = replace(key, **given)
        changed = await queries.one(
            ApiKey,
            "update_api_key",
            principal.org_id,
            key_id,
            wanted.environment_id,
            wanted.name,
            wanted.allow_environment_override,
            wanted.override_environments,
            wanted.expires_at,
        )
    assert changed is not None
    return changed


async def revoke(service: Service, principal: Principal, key_id: str) -> ApiKey:
    """End a key for good; a second time changes nothing.

    Raises:
        NotFound: the organization has no such key.
    """
    row = await service.store.one(ApiKey, "revoke_credential", principal.org_id, key_id, Kind.API_KEY.value)
    if row is None:
        raise NotFound(f"There is no API key {key_id!r}.")
    return row


async def _environment_of(service: Service, principal: Principal, app: App, environment_id: str | None) -> Environment:
    """Find the environment that a key is for, the app's default one where none is named."""
    wanted = environment_id or app.default_environment_id
    assert wanted is not None  # an app is made with its default environment
    environment = await lookup.environment(service, principal, wanted)
    if environment.app_id != app.id:
        raise Unprocessable("Field `environmentId`: this environment belongs to another app than the key.")
    return environment
