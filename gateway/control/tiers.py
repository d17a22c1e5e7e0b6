"""The rules of tiers: the organization's own environments, to each of which environments of its apps belong."""

from gateway.control.roles import access
from gateway.control.service import Principal, Service
from gateway.control.types import Answer, Page, PageQuery


class Tier(Answer, frozen=True, kw_only=True):
    """An environment of the organization; those of its apps belong to one, and roles can be bound to it."""

    slug: str
    name: str


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[Tier]:
    """List the tiers that the principal reaches, from development to production; they are few and fit on one page."""
    del query
    reach = access.reach(principal)
    return Page(items=await service.store.many(Tier, "tiers_page", principal.org_id, *reach), next=None)
