"""The rules of roles and of their bindings: who may do what where."""

from typing import NamedTuple

from msgspec import Struct

from gateway.control import lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.lookup import found
from gateway.control.roles import access, administrators
from gateway.control.roles.access_types import (
    CreateRole,
    CreateRoleBinding,
    ManagementKey,
    Member,
    Role,
    RoleBinding,
    RoleBindingQuery,
)
from gateway.control.roles.permissions import Binding, Permission, Scope, may_grant
from gateway.control.service import Principal, Service
from gateway.control.types import Page, PageQuery
from gateway.runtime.ids import new_ulid
from schemas.errors import Conflict, Forbidden, Unprocessable


class _Count(Struct, frozen=True):
    bindings: int


class _Tier(Struct, frozen=True):
    slug: str


class Holder(NamedTuple):
    """Who gets a role: a member, or a management key that acts for itself."""

    member_id: str | None
    key_id: str | None


async def create(service: Service, principal: Principal, body: CreateRole) -> Role:
    """Make a custom role: a base role without some permissions.

    Raises:
        Conflict: there is a role of this slug.
    """
    access.require(principal, Permission.ACCESS)
    without = sorted(set(body.without))
    row = await service.store.one(Role, "insert_role", principal.org_id, body.slug, body.name, body.base, without)
    if row is None:
        raise Conflict(f"Field `slug`: a role {body.slug!r} exists already.", reason="slug_taken")
    service.request.note(row.slug, after=row)
    return row


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[Role]:
    """List the roles, the built-in ones first; they are few and fit on one page."""
    access.require(principal, Permission.ACCESS)
    del query
    return Page(items=await service.store.many(Role, "roles_of", principal.org_id), next=None)


async def role(service: Service, principal: Principal, slug: str) -> Role:
    """Answer one role by its slug.

    Raises:
        NotFound: the organization has none.
    """
    access.require(principal, Permission.ACCESS)
    return found(await service.store.one(Role, "role_by_slug", principal.org_id, slug), "role", slug)


async def delete(service: Service, principal: Principal, slug: str) -> None:
    """Delete a custom role that nobody has.

    Raises:
        NotFound: the organization has no such role.
        Conflict: it is built in, or somebody has it.
    """
    current = await role(service, principal, slug)
    if current.is_built_in:
        raise Conflict("A built-in role is not deleted.", reason="built_in")
    await service.store.run("lock_access", principal.org_id)
    used = await service.store.one(_Count, "bindings_with_role", principal.org_id, slug)
    if used is not None and used.bindings:
        raise Conflict(f"{used.bindings} bindings give this role; delete them first.", reason="in_use")
    await service.store.run("delete_role", principal.org_id, slug)
    service.request.note(slug, before=current)


async def bind(service: Service, principal: Principal, body: CreateRoleBinding) -> RoleBinding:
    """Give a member or a management key a role somewhere.

    Raises:
        Forbidden: the caller does not hold what would be given.
        Conflict: they have it already.
        Unprocessable: a field names what does not exist, or is missing.
    """
    access.require(principal, Permission.ACCESS)
    holder = await _holder(service, principal, body)
    row = await give(service, principal, holder, role_slug=body.role, scope=body.scope, target=body.target)
    service.request.note(row.id, environment_id=row.target if row.scope is Scope.ENVIRONMENT else None, after=row)
    return row


async def bindings(service: Service, principal: Principal, query: RoleBindingQuery) -> Page[RoleBinding]:
    """List who has which role where."""
    access.require(principal, Permission.ACCESS)
    rows = await service.store.many(
        RoleBinding,
        "role_bindings_page",
        principal.org_id,
        *bounds_of(query),
        query.member_id,
        query.management_key_id,
    )
    return page_of(rows, query)


async def unbind(service: Service, principal: Principal, binding_id: str) -> None:
    """Take a role away.

    Raises:
        NotFound: there is no such binding.
        Conflict: nobody would be left who administers the organization.
    """
    access.require(principal, Permission.ACCESS)
    async with administrators.kept(service, principal):
        row = await service.store.one(RoleBinding, "role_binding_by_id", principal.org_id, binding_id)
        current = found(row, "role binding", binding_id)
        await service.store.run("delete_role_binding", principal.org_id, binding_id)
    service.request.note(binding_id, before=current)


async def give(
    service: Service, principal: Principal, holder: Holder, *, role_slug: str, scope: Scope, target: str | None
) -> RoleBinding:
    """Bind a role; raises as `bind`."""
    given = await service.store.one(Role, "role_by_slug", principal.org_id, role_slug)
    if given is None:
        raise Unprocessable(f"Field `role`: there is no role {role_slug!r}.")
    await _check_target(service, principal, scope, target)
    binding = Binding(given.base, scope, target or "", frozenset(given.without))
    if not may_grant(principal.bindings, binding):
        raise Forbidden("Nobody gives a role that holds more than their own.")
    row = await service.store.one(
        RoleBinding,
        "insert_role_binding",
        principal.org_id,
        new_ulid(service.clock()),
        holder.member_id,
        holder.key_id,
        role_slug,
        scope,
        target,
    )
    if row is None:
        raise Conflict("This binding exists already.", reason="exists")
    return row


async def _holder(service: Service, principal: Principal, body: CreateRoleBinding) -> Holder:
    if (body.member_id is None) == (body.management_key_id is None):
        raise Unprocessable("Field `memberId`: give either this or `managementKeyId`.")
    if body.member_id is not None:
        row = await service.store.one(Member, "member_by_id", principal.org_id, body.member_id)
        found(row, "member", body.member_id)
        return Holder(body.member_id, None)
    key_id = body.management_key_id or ""
    key = found(
        await service.store.one(ManagementKey, "management_key_by_id", principal.org_id, key_id),
        "management key",
        key_id,
    )
    if key.member_id is not None:
        raise Unprocessable("Field `managementKeyId`: this key acts for a member; bind the member.")
    return Holder(None, key.id)


async def _check_target(service: Service, principal: Principal, scope: Scope, target: str | None) -> None:
    """Check that a binding's target exists in the organization."""
    if (scope is Scope.ORGANIZATION) != (target is None):
        raise Unprocessable("Field `target`: names an app, a tier or an environment, and nothing for the organization.")
    if target is None:
        return
    match scope:
        case Scope.APP:
            await lookup.app(service, principal, target)
        case Scope.ENVIRONMENT:
            await lookup.environment(service, principal, target)
        case _:
            found(await service.store.one(_Tier, "tier_by_slug", principal.org_id, target), "tier", target)
