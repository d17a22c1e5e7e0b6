"""Who may do what where: one table of permissions and roles, decided purely.

A principal acts through bindings: a role at the organization, an app, a tier or one environment. A call names a
permission and the place it is about. What no binding reaches is not found; what is reached but not allowed, forbidden.
"""

from collections.abc import Sequence
from enum import Enum, StrEnum

from msgspec import Struct


class Base(StrEnum):
    """The built-in roles, each holding what the one before it holds."""

    AGENT = "agent"
    DEVELOPER = "developer"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a role can hold; a custom role names those that it goes without."""

    SEE = "environment.see"
    READ_EVENTS = "events.read"
    READ_EVENTS_WHOLE = "events.read_whole"
    PREVIEW = "preview.manage"
    ENVIRONMENT = "environment.manage"
    PROTECT = "environment.protect"
    SEE_KEYS = "key.see"
    KEYS = "key.manage"
    OVERRIDE = "key.override"
    REVOKE = "key.revoke"
    WIPE = "data.wipe"
    CHANNEL = "channel.manage"
    APP = "app.manage"
    ACCESS = "access.manage"
    AUDIT = "audit.read"


class Where(Enum):
    """In which of the places that its binding reaches a role holds a permission."""

    NOWHERE = 0
    OWN = 1
    NON_PRODUCTION = 2
    ALL = 3


class Scope(StrEnum):
    """What a binding is about."""

    ORGANIZATION = "organization"
    APP = "app"
    TIER = "tier"
    ENVIRONMENT = "environment"


_NOWHERE, _OWN, _NON_PRODUCTION, _ALL = Where
# Agent, Developer, Admin.
ROLES: dict[Permission, tuple[Where, Where, Where]] = {
    Permission.SEE: (_ALL, _ALL, _ALL),
    Permission.READ_EVENTS: (_ALL, _ALL, _ALL),
    Permission.READ_EVENTS_WHOLE: (_NOWHERE, _NON_PRODUCTION, _ALL),
    Permission.PREVIEW: (_NOWHERE, _OWN, _ALL),
    Permission.ENVIRONMENT: (_NOWHERE, _NON_PRODUCTION, _ALL),
    Permission.PROTECT: (_NOWHERE, _NOWHERE, _ALL),
    Permission.SEE_KEYS: (_NOWHERE, _ALL, _ALL),
    Permission.KEYS: (_NOWHERE, _NON_PRODUCTION, _ALL),
    Permission.OVERRIDE: (_NOWHERE, _NOWHERE, _ALL),
    Permission.REVOKE: (_NOWHERE, _ALL, _ALL),
    Permission.WIPE: (_NOWHERE, _NON_PRODUCTION, _ALL),
    Permission.CHANNEL: (_NOWHERE, _ALL, _ALL),
    Permission.APP: (_NOWHERE, _NOWHERE, _ALL),
    Permission.ACCESS: (_NOWHERE, _NOWHERE, _ALL),
    Permission.AUDIT: (_OWN, _ALL, _ALL),
}
_COLUMN = {base: number for number, base in enumerate(Base)}


class Binding(Struct, frozen=True):
    """A role somewhere: `target` is the app's id, the tier's slug or the environment's id, empty for the organization.

    The role is its base without the permissions in `without`.
    """

    base: Base
    scope: Scope
    target: str = ""
    without: frozenset[Permission] = frozenset()


class Place(Struct, frozen=True):
    """What a call is about: the organization, an app (`app_id`), or an environment (all but, perhaps, `owner`).

    `owner` is the actor who made it. An environment that is about to be made has no `environment_id` yet.
    """

    app_id: str | None = None
    tier: str | None = None
    environment_id: str | None = None
    is_production: bool = False
    owner: str | None = None


class Reach(Struct, frozen=True):
    """Everything that some bindings reach, for queries: the whole organization, or these."""

    is_everything: bool
    app_ids: list[str]
    tiers: list[str]
    environment_ids: list[str]


def reaches(binding: Binding, place: Place) -> bool:
    """Say whether a place lies where a binding is."""
    match binding.scope:
        case Scope.ORGANIZATION:
            return True
        case Scope.APP:
            return binding.target == place.app_id
        case Scope.TIER:
            return binding.target == place.tier
        case Scope.ENVIRONMENT:
            return binding.target == place.environment_id


def where(binding: Binding, permission: Permission) -> Where:
    """Answer where, of what a binding reaches, its role holds a permission."""
    return Where.NOWHERE if permission in binding.without else ROLES[permission][_COLUMN[binding.base]]


def allows(bindings: Sequence[Binding], permission: Permission, place: Place, actor: str) -> bool:
    """Say whether an actor with these bindings may do something somewhere."""
    return any(reaches(binding, place) and _holds(where(binding, permission), place, actor) for binding in bindings)


def may_ever(bindings: Sequence[Binding], permission: Permission) -> bool:
    """Say whether there can be a place where these bindings allow something; a list shows those places only."""
    return any(where(binding, permission) is not Where.NOWHERE for binding in bindings)


def reach_of(bindings: Sequence[Binding], permission: Permission) -> Reach:
    """Answer what is reached by the bindings that hold a permission wherever they reach."""
    holding = [binding for binding in bindings if where(binding, permission) is Where.ALL]

    def targets(scope: Scope) -> list[str]:
        return [binding.target for binding in holding if binding.scope is scope]

    return Reach(
        is_everything=any(binding.scope is Scope.ORGANIZATION for binding in holding),
        app_ids=targets(Scope.APP),
        tiers=targets(Scope.TIER),
        environment_ids=targets(Scope.ENVIRONMENT),
    )


def may_grant(bindings: Sequence[Binding], granted: Binding) -> bool:
    """Say whether somebody with these bindings may give another one away: nobody gives what they do not hold.

    Access is the organization's: only bindings there can give, whatever is given.
    """
    return any(
        binding.scope is Scope.ORGANIZATION
        and where(binding, Permission.ACCESS) is Where.ALL
        and all(where(binding, each).value >= where(granted, each).value for each in Permission)
        for binding in bindings
    )


def _holds(held: Where, place: Place, actor: str) -> bool:
    match held:
        case Where.NOWHERE:
            return False
        case Where.OWN:
            return place.owner == actor
        case Where.NON_PRODUCTION:
            return not place.is_production
        case Where.ALL:
            return True
