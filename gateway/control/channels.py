"""The rules of channels."""

from collections.abc import Iterable

from msgspec import UNSET

from gateway.control import lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.guarding import confirmation
from gateway.control.guarding.confirmation import Impact
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, slug_from
from gateway.control.store import Queries
from gateway.control.types import App, Channel, CreateChannel, Environment, Page, PageQuery, UpdateChannel
from schemas.errors import Conflict, DirectoryUnavailable


async def create(service: Service, principal: Principal, app_id: str, body: CreateChannel) -> Channel:
    """Make a channel.

    Raises:
        NotFound: the organization has no app of this id.
        Conflict: the app has, or had, a channel of this slug.
        Unprocessable: no slug can be made from the name.
    """
    app = await lookup.app(service, principal, app_id)
    access.require(principal, Permission.CHANNEL, Place(app_id=app.id))
    channel = await insert(service.store, app.id, body)
    service.request.note(str(channel.id), after=channel)
    return channel


async def listing(service: Service, principal: Principal, app_id: str, query: PageQuery) -> Page[Channel]:
    """List the channels of an app.

    Raises:
        NotFound: the organization has no app of this id.
    """
    app = await lookup.app(service, principal, app_id)
    rows = await service.store.many(Channel, "channels_page", app.id, *bounds_of(query))
    return page_of(rows, query)


async def update(service: Service, principal: Principal, channel_id: str, body: UpdateChannel) -> Channel:
    """Change a channel's name.

    Raises:
        NotFound: the organization has no such channel.
        PreconditionFailed: it was changed meanwhile.
    """
    current = await lookup.channel_to_change(service, principal, channel_id)
    access.require(principal, Permission.CHANNEL, Place(app_id=current.app_id))
    service.request.check_match(current)
    if body.name in (UNSET, current.name):
        return current
    changed = await service.store.one(Channel, "update_channel", current.id, body.name)
    assert changed is not None
    service.request.note(channel_id, before=current, after=changed)
    return changed


async def delete(service: Service, principal: Principal, channel_id: str) -> None:
    """Close a channel for good and revoke its tokens; its events stay for as long as their environments keep them.

    Raises:
        NotFound: the organization has no such channel.
        Conflict: it is the app's default one.
        ConfirmationRequired: an environment of its app asks for confirmation.
    """
    channel = await lookup.channel_to_change(service, principal, channel_id)
    check_deletable(await lookup.app_to_change(service, principal, channel.app_id), channel)
    environments = await service.store.many(Environment, "environments_of_app", channel.app_id)
    access.require(principal, Permission.WIPE, place_of(channel, environments))
    if any(each.require_confirmation_for_destructive for each in environments):
        impact = await _stored(service, channel, [each.id for each in environments])
        await confirmation.confirm(service, principal, slug=channel.slug, impact=impact)
    await service.store.run("delete_channel", channel.id, service.now())
    service.request.note(channel_id, before=channel)


def check_deletable(app: App, channel: Channel) -> None:
    """Check that a channel of an app could be deleted, by whomever; raises Conflict as `delete`."""
    if app.default_channel_id == channel.id:
        raise Conflict("This is the app's default channel; make another one the default first.", reason="default")


def place_of(channel: Channel, environments: Iterable[Environment]) -> Place:
    """Answer the place of a channel, which is in all environments of its app."""
    return Place(app_id=channel.app_id, is_production=any(each.is_production for each in environments))


async def _stored(service: Service, channel: Channel, environment_ids: list[str]) -> Impact:
    """Count what is filed under a channel; where that takes too long, answer what the app's environments hold."""
    try:
        async with service.store.transaction() as queries:
            await queries.run("hurry")
            impact = await queries.one(Impact, "stored_in_channel", environment_ids, channel.id)
            await queries.run("hurry_no_more")
    except DirectoryUnavailable:
        return await confirmation.stored(service, environment_ids)
    assert impact is not None
    return impact


async def insert(queries: Queries, app_id: str, body: CreateChannel) -> Channel:
    """Store a channel; raises as `create`."""
    slug = slug_from(body.name, body.slug)
    row = await queries.one(Channel, "insert_channel", app_id, slug, body.name)
    if row is None:
        raise Conflict(f"Field `slug`: a channel {slug!r} exists already, or did.", reason="slug_taken")
    return row
