"""The rules of management keys (mk_): they act for a member, or through bindings of their own."""

from msgspec.structs import asdict

from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.credentials import minting
from gateway.control.lookup import found
from gateway.control.roles import access, administrators, roles
from gateway.control.roles.access_types import CreateManagementKey, ManagementKey, Member, MintedManagementKey
from gateway.control.roles.permissions import Binding, Permission, may_grant
from gateway.control.roles.roles import Holder
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.types import Page, PageQuery
from gateway.identity.tokens import hint_of
from schemas.environment import Kind
from schemas.errors import Forbidden, Unprocessable


async def create(service: Service, principal: Principal, body: CreateManagementKey) -> MintedManagementKey:
    """Make a key for a member, or one with a role somewhere.

    Raises:
        NotFound: the organization has no such member, app or environment.
        Forbidden: the caller does not hold what would be given.
        Unprocessable: neither or both of `memberId` and `role`, or what a field names does not exist.
    """
    access.require(principal, Permission.ACCESS)
    check_expiry(service, body.expires_at)
    if (body.member_id is None) == (body.role is None):
        raise Unprocessable("Field `role`: give either this or `memberId`.")
    if body.member_id is not None:
        row = await service.store.one(Member, "member_by_id", principal.org_id, body.member_id)
        found(row, "member", body.member_id)
        await _check_not_more(service, principal, body.member_id)
    text = minting.new_text(service, Kind.MANAGEMENT_KEY, hint_of(body.role or "member"))
    grant = minting.Grant(member_id=body.member_id, name=body.name, expires_at=body.expires_at)
    key = await minting.insert(service, ManagementKey, principal, text, grant)
    if body.role is not None:
        holder = Holder(None, key.id)
        await roles.give(service, principal, holder, role_slug=body.role, scope=body.scope, target=body.target)
    service.request.note(key.id, after=key)
    return MintedManagementKey(**asdict(key), key=text)


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[ManagementKey]:
    """List the management keys."""
    access.require(principal, Permission.ACCESS)
    rows = await service.store.many(ManagementKey, "management_keys_page", principal.org_id, *bounds_of(query))
    return page_of(rows, query)


async def management_key(service: Service, principal: Principal, key_id: str) -> ManagementKey:
    """Answer one management key.

    Raises:
        NotFound: the organization has none of this id.
    """
    access.require(principal, Permission.ACCESS)
    row = await service.store.one(ManagementKey, "management_key_by_id", principal.org_id, key_id)
    return found(row, "management key", key_id)


async def revoke(service: Service, principal: Principal, key_id: str) -> ManagementKey:
    """End a key for good; a second time changes nothing.

    Raises:
        NotFound: the organization has no such key.
        Conflict: nobody would be left who administers the organization.
    """
    access.require(principal, Permission.ACCESS)
    async with administrators.kept(service, principal):
        row = await service.store.one(ManagementKey, "management_key_to_change", principal.org_id, key_id)
        current = found(row, "management key", key_id)
        if current.revoked_at is not None:
            return current
        kind = Kind.MANAGEMENT_KEY.value
        revoked = await service.store.one(ManagementKey, "revoke_credential", principal.org_id, key_id, kind)
    assert revoked is not None
    service.request.note(key_id, before=current, after=revoked)
    return revoked


async def _check_not_more(service: Service, principal: Principal, member_id: str) -> None:
    """Check that a key for a member does not open more than its maker holds.

    Raises:
        Forbidden: it would.
    """
    for binding in await service.store.many(Binding, "bindings_of", principal.org_id, None, member_id):
        if not may_grant(principal.bindings, binding):
            raise Forbidden("Nobody gives a role that holds more than their own.")
