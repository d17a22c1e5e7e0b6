"""The rules of public tokens (pt_): one channel, one environment, never another."""

from msgspec import UNSET
from msgspec.structs import asdict, replace

from gateway.control import lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.credentials import minting, rights, rotation
from gateway.control.credentials.credential_types import (
    CreatePublicToken,
    MintedPublicToken,
    PublicToken,
    PublicTokenQuery,
    RevokedPublicToken,
    RevokeQuery,
    Rotate,
    UpdatePublicToken,
)
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.types import Page
from gateway.identity.tokens import hint_of
from schemas.environment import Kind
from schemas.errors import Conflict, Unprocessable


async def create(service: Service, principal: Principal, body: CreatePublicToken) -> MintedPublicToken:
    """Make a token for a channel and an environment of one app.

    Raises:
        NotFound: the organization has no such channel or environment.
        Unprocessable: the two belong to different apps, or a right or a limit is impossible.
    """
    channel = await lookup.channel(service, principal, body.channel_id)
    environment = await lookup.environment(service, principal, body.environment_id)
    if environment.app_id != channel.app_id:
        raise Unprocessable("Field `environmentId`: this environment belongs to another app than the channel.")
    access.require(principal, Permission.KEYS, access.place_of(environment))
    check_expiry(service, body.expires_at)
    text = minting.new_text(service, Kind.PUBLIC_TOKEN, hint_of(environment.slug))
    grant = minting.Grant(**rights.rights_of(body), app_id=channel.app_id)
    row = await minting.insert(service, PublicToken, principal, text, grant)
    service.request.note(row.id, environment_id=row.environment_id, after=row)
    return MintedPublicToken(**asdict(row), token=text)


async def listing(service: Service, principal: Principal, query: PublicTokenQuery) -> Page[PublicToken]:
    """List the tokens of the environments that the principal reaches, or of one app, environment or channel."""
    access.require_somewhere(principal, Permission.SEE_KEYS)
    rows = await service.store.many(
        PublicToken,
        "public_tokens_page",
        principal.org_id,
        *bounds_of(query),
        *access.reach(principal, Permission.SEE_KEYS),
        query.app_id,
        query.environment_id,
        query.channel_id,
    )
    return page_of(rows, query)


async def update(service: Service, principal: Principal, token_id: str, body: UpdatePublicToken) -> PublicToken:
    """Change what a token may do; what is not given stays.

    Raises:
        NotFound: the principal reaches no such token.
        Conflict: it is revoked.
        PreconditionFailed: it was changed meanwhile.
        Unprocessable: the expiry is over, or a right or a limit is impossible.
    """
    token, environment = await lookup.credential(service, principal, PublicToken, "public_token_to_change", token_id)
    access.require(principal, Permission.KEYS, access.place_of(environment))
    service.request.check_match(token)
    if token.revoked_at is not None:
        raise Conflict("This token is revoked and can no longer be changed; make another one.", reason="revoked")
    if body.expires_at is not UNSET:
        check_expiry(service, body.expires_at)
    wanted = replace(token, **rights.rights_of(body))
    if wanted == token:
        return token
    changed = await minting.update(service, principal, wanted)
    service.request.note(token_id, environment_id=changed.environment_id, before=token, after=changed)
    return changed


async def rotate(service: Service, principal: Principal, token_id: str, body: Rotate) -> MintedPublicToken:
    """Make a token of the same rights that takes the place of another one, which goes on being good for a while.

    Raises:
        NotFound: the principal reaches no such token.
        Conflict: it is revoked, has expired, or was rotated already.
    """
    token, environment = await lookup.credential(service, principal, PublicToken, "public_token_to_change", token_id)
    access.require(principal, Permission.KEYS, access.place_of(environment))
    row, text = await rotation.succeed(service, principal, token, environment, body)
    return MintedPublicToken(**asdict(row), token=text)


async def revoke(
    service: Service,
    principal: Principal,
    token_id: str,
    query: RevokeQuery,  # noqa: ARG001 (the waiting begins when this is committed: `acknowledgement.await_edges`)
) -> RevokedPublicToken:
    """End a token for good; a second time changes nothing. With `wait`, say which edge processes have applied it.

    Raises:
        NotFound: the principal reaches no such token.
    """
    token, environment = await lookup.credential(service, principal, PublicToken, "public_token_to_change", token_id)
    access.require(principal, Permission.REVOKE, access.place_of(environment))
    if token.revoked_at is not None:
        return RevokedPublicToken(**asdict(token))
    row = await service.store.one(PublicToken, "revoke_credential", principal.org_id, token_id, Kind.PUBLIC_TOKEN.value)
    assert row is not None
    service.request.note(token_id, environment_id=token.environment_id, before=token, after=row)
    return RevokedPublicToken(**asdict(row))
