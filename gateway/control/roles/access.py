"""Applies the permissions: what a principal does not reach is not found, what it may not do is forbidden."""

from gateway.control.roles.permissions import Permission, Place, Reach, allows, may_ever, reach_of
from gateway.control.service import Principal
from gateway.control.types import Environment
from schemas.errors import Forbidden

_ORGANIZATION = Place()


def place_of(environment: Environment) -> Place:
    """Answer the place of an environment."""
    return Place(
        app_id=environment.app_id,
        tier=environment.tier,
        environment_id=environment.id,
        is_production=environment.is_production,
        owner=environment.created_by,
    )


def sees(principal: Principal, place: Place) -> bool:
    """Say whether a place exists as far as a principal is concerned."""
    return allows(principal.bindings, Permission.SEE, place, principal.actor)


def require(principal: Principal, permission: Permission, place: Place = _ORGANIZATION) -> None:
    """Check that a principal may do something somewhere, else in the organization as a whole.

    Raises:
        Forbidden: it may not; the message names what is missing.
    """
    if not allows(principal.bindings, permission, place, principal.actor):
        raise _missing(permission)


def require_somewhere(principal: Principal, permission: Permission) -> None:
    """Check that there can be something which a principal may list; raises as `require`."""
    if not may_ever(principal.bindings, permission):
        raise _missing(permission)


def reach(
    principal: Principal, permission: Permission = Permission.SEE
) -> tuple[bool, list[str], list[str], list[str]]:
    """Answer the last four arguments of a query that lists what a principal reaches."""
    found: Reach = reach_of(principal.bindings, permission)
    return found.is_everything, found.app_ids, found.tiers, found.environment_ids


def _missing(permission: Permission) -> Forbidden:
    return Forbidden(f"Your roles do not hold {permission.value} here. Ask an administrator of your organization.")
