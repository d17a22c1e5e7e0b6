"""The rules of environments: what follows from what one is for, and that its topic exists before it does."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import astuple

from gateway.control import lookup
from gateway.control.paging import bounds_of, page_of
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.store import Queries
from gateway.control.types import CreateEnvironment, Environment, Page, PageQuery
from gateway.runtime.ids import new_ulid
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
    slug: str
    name: str
    color: str
    is_production: bool
    is_ephemeral: bool
    expires_at: datetime | None
    require_confirmation_for_destructive: bool
    partitions: int
    retention_days: int


async def create(service: Service, principal: Principal, app_id: str, body: CreateEnvironment) -> Environment:
    """Make an environment and, before it, its topic.

    Where the row is refused after all, for another call took the slug meanwhile, a topic without an environment stays
    behind: it is empty, and its name is never used again.

    Raises:
        NotFound: the organization has no app of this id.
        Conflict: the app has, or had, an environment of this slug.
        Unprocessable: the fields contradict each other.
        StreamUnavailable: the topic cannot be made; nothing was.
    """
    app = await lookup.app(service, principal, app_id)
    environment = planned(service, app.id, new_ulid(service.clock()), body)
    if await service.store.one(Environment, "environment_by_slug", app.id, body.slug):
        raise _taken(body.slug)
    await ensure_topics(service, [environment])
    return await insert(service.store, environment)


async def listing(service: Service, principal: Principal, app_id: str, query: PageQuery) -> Page[Environment]:
    """List the environments of an app.

    Raises:
        NotFound: the organization has no app of this id.
    """
    app = await lookup.app(service, principal, app_id)
    rows = await service.store.many(Environment, "environments_page", app.id, *bounds_of(query))
    return page_of(rows, query)


def planned(service: Service, app_id: str, environment_id: str, body: CreateEnvironment) -> Planned:
    """Fill in what the body leaves open.

    Raises:
        Unprocessable: the fields contradict each other.
    """
    is_ephemeral = body.expires_at is not None if body.is_ephemeral is None else body.is_ephemeral
    if is_ephemeral != (body.expires_at is not None):
        raise Unprocessable("Field `expiresAt`: an ephemeral environment has one, and no other.")
    if is_ephemeral and body.is_production:
        raise Unprocessable("Field `isEphemeral`: a production environment is not ephemeral.")
    check_expiry(service, body.expires_at)
    preset = _PRODUCTION if body.is_production else _EPHEMERAL if is_ephemeral else _OTHER
    asks = body.require_confirmation_for_destructive
    return Planned(
        app_id=app_id,
        id=environment_id,
        slug=body.slug,
        name=body.name or body.slug.replace("-", " ").capitalize(),
        color=body.color or preset.color,
        is_production=body.is_production,
        is_ephemeral=is_ephemeral,
        expires_at=body.expires_at,
        require_confirmation_for_destructive=body.is_production if asks is None else asks,
        partitions=body.partitions or preset.partitions,
        retention_days=body.retention_days,
    )


async def ensure_topics(service: Service, environments: Iterable[Planned | Environment]) -> None:
    """Make the topics of environments where they are missing.

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
