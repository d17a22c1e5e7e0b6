"""The rules of what cannot be taken back: wiping an environment's events, and deleting it."""

from gateway.control import lookup
from gateway.control.environments import environments
from gateway.control.guarding import confirmation
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from gateway.control.types import App, Environment
from schemas.errors import Conflict


async def wipe(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Remove everything that an environment has received so far, what still waits in its topic included.

    Raises:
        NotFound: the principal reaches no such environment.
        ConfirmationRequired: the environment asks for confirmation.
        DirectoryUnavailable: somebody reads its events for longer than a second; try again.
    """
    current = await lookup.environment_to_change(service, principal, environment_id)
    access.require(principal, Permission.WIPE, access.place_of(current))
    if current.require_confirmation_for_destructive:
        impact = await confirmation.stored(service, [current.id])
        await confirmation.confirm(service, principal, slug=current.slug, impact=impact)
    # No worker stores anything for it before this transaction ends; later ones see the moment.
    await service.store.run("hold_environment", current.id)
    changed = await service.store.one(Environment, "mark_wiped", principal.org_id, current.id, service.clock())
    assert changed is not None
    await service.store.run("lock_briefly")
    await service.store.run("wipe_environment", current.id)
    service.request.note(current.id, environment_id=current.id, before=current, after=changed)
    return changed


async def delete(service: Service, principal: Principal, environment_id: str) -> None:
    """Delete an environment: its ingest closes at once, what it holds goes soon after, a tombstone stays.

    Raises:
        NotFound: the principal reaches no such environment.
        Conflict: it is the app's default one, production, or protected.
        ConfirmationRequired: the environment asks for confirmation.
    """
    current = await lookup.environment_to_change(service, principal, environment_id)
    check_deletable(await lookup.app(service, principal, current.app_id), current)
    access.require(principal, environments.manages(current), access.place_of(current))
    if current.require_confirmation_for_destructive:
        impact = await confirmation.stored(service, [current.id])
        await confirmation.confirm(service, principal, slug=current.slug, impact=impact)
    await service.store.run("delete_environment", principal.org_id, current.id, service.now())
    service.request.note(current.id, environment_id=current.id, before=current)


def check_deletable(app: App, environment: Environment) -> None:
    """Check that an environment of an app could be deleted, by whomever; raises Conflict as `delete`."""
    if app.default_environment_id == environment.id:
        raise Conflict("This is the app's default environment; make another one the default first.", reason="default")
    if environment.is_production:
        raise Conflict("A production environment is not deleted; take the mark away first.", reason="production")
    if environment.delete_protected:
        raise Conflict(
            "This environment is protected from deletion; take the protection away first.", reason="protected"
        )
