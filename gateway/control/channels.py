"""The rules of channels."""

from gateway.control import lookup
from gateway.control.paging import bounds_of, page_of
from gateway.control.service import Principal, Service, slug_from
from gateway.control.store import Queries
from gateway.control.types import Channel, CreateChannel, Page, PageQuery
from schemas.errors import Conflict


async def create(service: Service, principal: Principal, app_id: str, body: CreateChannel) -> Channel:
    """Make a channel.

    Raises:
        NotFound: the organization has no app of this id.
        Conflict: the app has, or had, a channel of this slug.
        Unprocessable: no slug can be made from the name.
    """
    app = await lookup.app(service, principal, app_id)
    return await insert(service.store, app.id, body)


async def listing(service: Service, principal: Principal, app_id: str, query: PageQuery) -> Page[Channel]:
    """List the channels of an app.

    Raises:
        NotFound: the organization has no app of this id.
    """
    app = await lookup.app(service, principal, app_id)
    rows = await service.store.many(Channel, "channels_page", app.id, *bounds_of(query))
    return page_of(rows, query)


async def insert(queries: Queries, app_id: str, body: CreateChannel) -> Channel:
    """Store a channel; raises as `create`."""
    slug = slug_from(body.name, body.slug)
    row = await queries.one(Channel, "insert_channel", app_id, slug, body.name)
    if row is None:
        raise Conflict(f"Field `slug`: a channel {slug!r} exists already, or did.", reason="slug_taken")
    return row
