"""The rules of members: the people of an organization."""

from msgspec import UNSET

from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.lookup import found
from gateway.control.roles import access, administrators
from gateway.control.roles.access_types import CreateMember, Member, UpdateMember
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from gateway.control.types import Page, PageQuery
from gateway.runtime.ids import new_ulid
from schemas.errors import Conflict


async def create(service: Service, principal: Principal, body: CreateMember) -> Member:
    """Add a member, who may do nothing yet.

    Raises:
        Conflict: there is a member with this address.
    """
    access.require(principal, Permission.ACCESS)
    row = await service.store.one(
        Member, "insert_member", principal.org_id, new_ulid(service.clock()), body.email, body.name
    )
    if row is None:
        raise _taken(body.email)
    service.request.note(row.id, after=row)
    return row


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[Member]:
    """List the members."""
    access.require(principal, Permission.ACCESS)
    rows = await service.store.many(Member, "members_page", principal.org_id, *bounds_of(query))
    return page_of(rows, query)


async def member(service: Service, principal: Principal, member_id: str) -> Member:
    """Answer one member.

    Raises:
        NotFound: the organization has none of this id.
    """
    access.require(principal, Permission.ACCESS)
    return found(await service.store.one(Member, "member_by_id", principal.org_id, member_id), "member", member_id)


async def update(service: Service, principal: Principal, member_id: str, body: UpdateMember) -> Member:
    """Change a member's name or address; what is not given stays.

    Raises:
        NotFound: the organization has no such member.
        PreconditionFailed: somebody else changed it meanwhile.
        Conflict: another member has this address.
    """
    access.require(principal, Permission.ACCESS)
    row = await service.store.one(Member, "member_to_change", principal.org_id, member_id)
    current = found(row, "member", member_id)
    service.request.check_match(current)
    email = current.email if body.email is UNSET else body.email
    name = current.name if body.name is UNSET else body.name
    if (email, name) == (current.email, current.name):
        return current
    changed = await service.store.one(Member, "update_member", principal.org_id, member_id, email, name)
    if changed is None:
        raise _taken(email)
    service.request.note(member_id, before=current, after=changed)
    return changed


async def remove(service: Service, principal: Principal, member_id: str) -> None:
    """Remove a member with the roles and the keys of that person.

    Raises:
        NotFound: the organization has no such member.
        Conflict: nobody would be left who administers the organization.
    """
    access.require(principal, Permission.ACCESS)
    async with administrators.kept(service, principal):
        row = await service.store.one(Member, "member_to_change", principal.org_id, member_id)
        current = found(row, "member", member_id)
        await service.store.run("remove_member", principal.org_id, member_id, service.now())
    service.request.note(member_id, before=current)


def _taken(email: str) -> Conflict:
    return Conflict(f"Field `email`: there is a member with the address {email!r}.", reason="email_taken")
