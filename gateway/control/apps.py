"""The rules of apps: a new one has two environments and a channel, and works from the moment of its 201."""

from gateway.control import channels, environments
from gateway.control.paging import bounds_of, page_of
from gateway.control.service import Principal, Service, slug_from
from gateway.control.types import App, CreateApp, CreateChannel, CreateEnvironment, Page, PageQuery
from gateway.runtime.ids import new_ulid
from schemas.errors import Conflict

_PRODUCTION = CreateEnvironment(slug="production", name="Production", color="#EF4444", is_production=True)
_DEVELOPMENT = CreateEnvironment(slug="development", name="Development", color="#3B82F6")
_CHANNEL = CreateChannel(slug="default", name="Default")


async def create(service: Service, principal: Principal, body: CreateApp) -> App:
    """Make an app with the environments production (its default) and development, a channel, and their topics.

    Raises:
        Conflict: an app of this slug exists.
        Unprocessable: no slug can be made from the name.
        StreamUnavailable: the topics cannot be made; nothing was.
    """
    slug = slug_from(body.name, body.slug)
    if await by_slug(service, principal, slug):
        raise _taken(slug)
    app_id = new_ulid(service.clock())
    # Lists are ordered by time and id: of the two that are made at one moment, production shall come first.
    production_id, development_id = sorted(new_ulid(service.clock()) for _ in range(2))
    production = environments.planned(service, app_id, production_id, _PRODUCTION)
    development = environments.planned(service, app_id, development_id, _DEVELOPMENT)
    await environments.ensure_topics(service, [production, development])
    async with service.store.transaction() as queries:
        if not await queries.one(App, "insert_app", principal.org_id, app_id, slug, body.name, production_id):
            raise _taken(slug)
        await environments.insert(queries, production)
        await environments.insert(queries, development)
        channel = await channels.insert(queries, app_id, _CHANNEL)
        app = await queries.one(App, "set_default_channel", principal.org_id, app_id, channel.id)
    assert app is not None
    return app


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[App]:
    """List the organization's apps."""
    rows = await service.store.many(App, "apps_page", principal.org_id, *bounds_of(query))
    return page_of(rows, query)


async def by_slug(service: Service, principal: Principal, slug: str) -> App | None:
    """Answer the organization's app of this slug."""
    return await service.store.one(App, "app_by_slug", principal.org_id, slug)


def _taken(slug: str) -> Conflict:
    return Conflict(f"Field `slug`: an app {slug!r} exists already.", reason="slug_taken")
