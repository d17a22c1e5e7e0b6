"""The rules of apps: a new one has two environments and a channel, and works from the moment of its 201."""

from msgspec import UNSET
from msgspec.structs import asdict, replace

from gateway.control import channels, lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.environments import environments
from gateway.control.guarding import confirmation
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, slug_from
from gateway.control.types import (
    App,
    Channel,
    CreateApp,
    CreateChannel,
    CreateEnvironment,
    Environment,
    Page,
    PageQuery,
    UpdateApp,
)
from gateway.runtime.ids import new_ulid
from schemas.errors import Conflict, Unprocessable

_PRODUCTION = CreateEnvironment(slug="production", name="Production", color="#EF4444", is_production=True)
_DEVELOPMENT = CreateEnvironment(slug="development", name="Development", color="#3B82F6")
_CHANNEL = CreateChannel(slug="default", name="Default")


async def create(service: Service, principal: Principal, body: CreateApp) -> App:
    """Make an app with the environments production (its default) and development, a channel, and their topics.

    Raises:
        Conflict: an app of this slug exists, or did.
        Unprocessable: no slug can be made from the name.
        StreamUnavailable: the topics cannot be made; nothing was.
    """
    access.require(principal, Permission.APP)
    slug = slug_from(body.name, body.slug)
    if await service.store.one(App, "app_by_slug", principal.org_id, slug):
        raise _taken(slug)
    app_id = new_ulid(service.clock())
    # Lists are ordered by time and id: of the two that are made at one moment, production shall come first.
    production_id, development_id = sorted(new_ulid(service.clock()) for _ in range(2))
    production = environments.planned(service, principal, app_id, production_id, _PRODUCTION)
    development = environments.planned(service, principal, app_id, development_id, _DEVELOPMENT)
    await environments.ensure_topics(service, [production, development])
    async with service.store.transaction() as queries:
        if not await queries.one(App, "insert_app", principal.org_id, app_id, slug, body.name, production_id):
            raise _taken(slug)
        await environments.insert(queries, production)
        await environments.insert(queries, development)
        channel = await channels.insert(queries, app_id, _CHANNEL)
        app = await queries.one(App, "set_default_channel", principal.org_id, app_id, channel.id)
    assert app is not None
    service.request.note(app.id, after=app)
    return app


async def listing(service: Service, principal: Principal, query: PageQuery) -> Page[App]:
    """List the organization's apps of which the principal reaches something."""
    rows = await service.store.many(App, "apps_page", principal.org_id, *bounds_of(query), *access.reach(principal))
    return page_of(rows, query)


async def update(service: Service, principal: Principal, app_id: str, body: UpdateApp) -> App:
    """Change an app; what is not given stays.

    Raises:
        NotFound: the organization has no such app.
        PreconditionFailed: it was changed meanwhile.
        Unprocessable: the channel belongs to another app, or there is none of this number.
    """
    current = await lookup.app_to_change(service, principal, app_id)
    access.require(principal, Permission.APP, Place(app_id=app_id))
    service.request.check_match(current)
    wanted = replace(current, **{name: value for name, value in asdict(body).items() if value is not UNSET})
    if body.default_channel_id is not UNSET:
        channel = await service.store.one(Channel, "channel_by_id", principal.org_id, body.default_channel_id)
        if channel is None or channel.app_id != app_id:
            raise Unprocessable("Field `defaultChannelId`: this app has no channel of this number.")
    if wanted == current:
        return current
    changed = await service.store.one(
        App, "update_app", principal.org_id, app_id, wanted.name, wanted.default_channel_id
    )
    assert changed is not None
    service.request.note(app_id, before=current, after=changed)
    return changed


async def delete(service: Service, principal: Principal, app_id: str) -> None:
    """Delete an app with its environments, channels and keys; what they hold goes soon after.

    Raises:
        NotFound: the organization has no such app.
        Conflict: an environment of it is protected, or it is the organization's only app.
        ConfirmationRequired: an environment of it asks for confirmation.
    """
    app = await lookup.app_to_change(service, principal, app_id)
    access.require(principal, Permission.APP, Place(app_id=app_id))
    if len(await service.store.many(App, "apps_to_change", principal.org_id)) == 1:
        raise Conflict("This is the only app; make another one first.", reason="last_app")
    each = await service.store.many(Environment, "environments_of_app_to_change", app_id)
    if any(environment.delete_protected for environment in each):
        raise Conflict("An environment of this app is protected from deletion.", reason="protected")
    if any(environment.require_confirmation_for_destructive for environment in each):
        impact = await confirmation.stored(service, [environment.id for environment in each])
        await confirmation.confirm(service, principal, slug=app.slug, impact=impact)
    await service.store.run("delete_app", principal.org_id, app_id, service.now())
    service.request.note(app_id, before=app)


def _taken(slug: str) -> Conflict:
    return Conflict(f"Field `slug`: an app {slug!r} exists already.", reason="slug_taken")
