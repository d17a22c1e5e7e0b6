"""The rules of new environments: what follows from what one is for, and that its topic exists before it does."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import asdict, astuple, replace

from gateway.control import lookup
from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.environments import lifetimes
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.store import Queries
from gateway.control.types import CreateEnvironment, Environment, Page, PageQuery
from gateway.runtime.ids import new_ulid
from schemas.environment import Ingest
from schemas.errors import Conflict, Unprocessable
from schemas.topics import topic_of


class _Preset(Struct, frozen=True):
    """What an environment of some purpose gets where nothing else is said."""

    color: str
    partitions: int


_PRODUCTION = _Preset(color="#EF4444", partitions=6)
_EPHEMERAL = _Preset(color="#8B5CF6", partitions=1)
_OTHER = _Preset(color="#F59E0B", partitions=3)


class Planned(Struct, frozen=True):
    """An environment that does not exist yet; the fields in the order of the query `insert_environment`."""

    app_id: str
    id: str
    tier: str
    slug: str
    name: str
    color: str
    is_production: bool
    is_ephemeral: bool
    expires_at: datetime | None
    require_confirmation_for_destructive: bool
    delete_protected: bool
    ingest: Ingest
    partitions: int
    retention_days: int
    source_ref: str | None
    created_by: str
    ttl_seconds: int | None = None
    max_expires_at: datetime | None = None

    def place(self) -> Place:
        """Answer where it is going to be."""
        return Place(app_id=self.app_id, tier=self.tier, is_production=self.is_production, owner=self.created_by)


class _Tier(Struct, frozen=True):
    slug: str


class _Count(Struct, frozen=True):
    environments: int


async def create(service: Service, principal: Principal, app_id: str, body: CreateEnvironment) -> Environment:
    """Make an environment and, before it, its topic.

    Where the row is refused after all, for another call took the slug meanwhile, a topic without an environment stays
    behind: it is empty, and its name is never used again.

    Raises:
        NotFound: the organization has no app of this id.
        Conflict: the app has, or had, an environment of this slug, has one for the same ref, or has as many ephemeral
            ones as it may.
        Unprocessable: the fields contradict each other, or there is no such tier.
        StreamUnavailable: the topic cannot be made; nothing was.
    """
    app = await lookup.app(service, principal, app_id)
    environment = planned(service, principal, app.id, new_ulid(service.clock()), body)
    access.require(principal, manages(environment), environment.place())
    if body.is_production or body.delete_protected or body.require_confirmation_for_destructive is not None:
        access.require(principal, Permission.PROTECT, environment.place())
    await check_tier(service, principal, environment.tier)
    if await service.store.one(Environment, "environment_by_slug", app.id, body.slug):
        raise _taken(body.slug)
    await check_ref(service, environment)
    return await add(service, environment)


async def add(service: Service, environment: Planned) -> Environment:
    """Make the topic of an environment that may be made, then the environment; raises as `create`."""
    if environment.is_ephemeral:
        lifetimes.check(service, environment.expires_at, environment.max_expires_at, service.now())
        await check_count(service, environment.app_id)
    await ensure_topics(service, [environment])
    row = await insert(service.store, environment)
    service.request.note(row.id, environment_id=row.id, after=row)
    return row


async def listing(service: Service, principal: Principal, app_id: str, query: PageQuery) -> Page[Environment]:
    """List the environments of an app that the principal reaches.

    Raises:
        NotFound: the organization has no app of this id.
    """
    app = await lookup.app(service, principal, app_id)
    rows = await service.store.many(
        Environment, "environments_page", app.id, *bounds_of(query), *access.reach(principal)
    )
    return page_of(rows, query)


def planned(
    service: Service, principal: Principal, app_id: str, environment_id: str, body: CreateEnvironment
) -> Planned:
    """Fill in what the body leaves open.

    Raises:
        Unprocessable: the fields contradict each other.
    """
    is_ephemeral = body.expires_at is not None if body.is_ephemeral is None else body.is_ephemeral
    preset = _PRODUCTION if body.is_production else _EPHEMERAL if is_ephemeral else _OTHER
    asks = body.require_confirmation_for_destructive
    environment = Planned(
        app_id=app_id,
        id=environment_id,
        tier=body.tier or ("production" if body.is_production else "development"),
        slug=body.slug,
        name=body.name or body.slug.replace("-", " ").capitalize(),
        color=body.color or preset.color,
        is_production=body.is_production,
        is_ephemeral=is_ephemeral,
        expires_at=body.expires_at,
        require_confirmation_for_destructive=body.is_production if asks is None else asks,
        delete_protected=body.delete_protected,
        ingest=body.ingest,
        partitions=body.partitions or preset.partitions,
        retention_days=body.retention_days,
        source_ref=body.source_ref,
        created_by=principal.actor,
    )
    check_consistent(environment)
    check_expiry(service, body.expires_at)
    return replace(environment, **asdict(lifetimes.growth(service, body.expires_at, body.max_ttl_seconds)))


def manages(environment: Planned | Environment) -> Permission:
    """Answer what it takes to make, change or delete an environment."""
    return Permission.PREVIEW if environment.is_ephemeral else Permission.ENVIRONMENT


def check_consistent(environment: Planned | Environment) -> None:
    """Check that the fields do not contradict each other.

    Raises:
        Unprocessable: they do; the message names a field.
    """
    if environment.is_ephemeral != (environment.expires_at is not None):
        raise Unprocessable("Field `expiresAt`: an ephemeral environment has one, and no other.")
    if environment.is_ephemeral and environment.is_production:
        raise Unprocessable("Field `isEphemeral`: a production environment is not ephemeral.")
    if environment.is_ephemeral and environment.delete_protected:
        raise Unprocessable("Field `isEphemeral`: a protected environment is not ephemeral.")


async def check_tier(service: Service, principal: Principal, tier: str) -> None:
    """Check that the organization has a tier.

    Raises:
        Unprocessable: it has not.
    """
    if not await service.store.one(_Tier, "tier_by_slug", principal.org_id, tier):
        raise Unprocessable(f"Field `tier`: there is no tier {tier!r}; there are development, qa and production.")


async def check_ref(service: Service, environment: Planned | Environment) -> None:
    """Check that no other live ephemeral environment of the app is for the same ref; others wait meanwhile.

    Raises:
        Conflict: there is one.
    """
    if not environment.is_ephemeral or environment.source_ref is None:
        return
    await service.store.run("lock_previews", environment.app_id)
    other = await service.store.one(Environment, "preview_by_ref", environment.app_id, environment.source_ref)
    if other is not None and other.id != environment.id:
        raise Conflict(f"Field `sourceRef`: the environment {other.slug!r} is for it already.", reason="ref_taken")


async def check_count(service: Service, app_id: str) -> None:
    """Check that an app may have one more ephemeral environment; others of the app wait for this transaction.

    Raises:
        Conflict: it has as many as the settings allow.
    """
    most = service.previews.max_count
    if not most:
        return
    await service.store.run("lock_previews", app_id)
    counted = await service.store.one(_Count, "preview_count", app_id)
    if counted is not None and counted.environments >= most:
        raise Conflict(f"This app has {most} ephemeral environments, as many as it may.", reason="too_many_previews")


async def ensure_topics(service: Service, environments: Iterable[Planned | Environment]) -> None:
    """Make the topics of environments where they are missing, and widen those that are too narrow.

    Raises:
        StreamUnavailable: they cannot be made.
    """
    await service.topics.ensure({topic_of(each.id): each.partitions for each in environments})


async def insert(queries: Queries, environment: Planned) -> Environment:
    """Store an environment.

    Raises:
        Conflict: the app has, or had, an environment of this slug.
    """
    row = await queries.one(Environment, "insert_environment", *astuple(environment))
    if row is None:
        raise _taken(environment.slug)
    return row


def _taken(slug: str) -> Conflict:
    return Conflict(f"Field `slug`: an environment {slug!r} exists already, or did.", reason="slug_taken")
