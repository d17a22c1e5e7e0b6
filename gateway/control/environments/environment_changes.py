"""The rules of changes to an environment: its fields, whether it takes events, how long it lives, the app's default."""

from collections.abc import Collection
from datetime import timedelta

from msgspec import UNSET, Struct
from msgspec.structs import asdict, replace

from gateway.control import lookup
from gateway.control.environments import environments, lifetimes
from gateway.control.guarding import confirmation
from gateway.control.guarding.confirmation import Impact
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission, Place
from gateway.control.service import Principal, Service, check_expiry
from gateway.control.types import (
    App,
    CloneEnvironment,
    CreateEnvironment,
    Environment,
    ExtendEnvironment,
    UpdateEnvironment,
)
from schemas.environment import Ingest
from schemas.errors import Conflict, Gone, Unprocessable

_PROTECTING = ("is_production", "delete_protected", "require_confirmation_for_destructive", "tier")


class _Step(Struct, frozen=True):
    """From which states of ingest a call leads to which one."""

    origins: Collection[Ingest]
    to: Ingest


_PAUSE = _Step({Ingest.OPEN, Ingest.PAUSED}, Ingest.PAUSED)
_RESUME = _Step({Ingest.OPEN, Ingest.PAUSED}, Ingest.OPEN)
_ARCHIVE = _Step(set(Ingest), Ingest.ARCHIVED)
_RESTORE = _Step({Ingest.OPEN, Ingest.ARCHIVED}, Ingest.OPEN)


async def update(service: Service, principal: Principal, environment_id: str, body: UpdateEnvironment) -> Environment:
    """Change the fields of an environment; what is not given stays.

    Raises:
        NotFound: the principal reaches no such environment.
        Gone: it has expired.
        PreconditionFailed: it was changed meanwhile.
        Conflict: it is the app's default one, and would become ephemeral, or another ephemeral one is for the same ref.
        Unprocessable: the fields contradict each other, or there would be fewer partitions.
        ConfirmationRequired: the environment asks for confirmation, and retention would be lower or it would not ask
            any more.
        StreamUnavailable: the topic cannot be widened.
    """
    if body.partitions is not UNSET:
        await _widen(service, principal, environment_id, body.partitions)
    current = await _to_change(service, principal, environment_id)
    service.request.check_match(current)
    wanted = _with(service, current, body)
    _check_allowed(principal, current, wanted)
    environments.check_consistent(wanted)
    await _check_new(service, principal, current, wanted)
    if current.require_confirmation_for_destructive:
        await _confirm(service, principal, current, wanted)
    return await store(service, principal, current, wanted)


async def clone(service: Service, principal: Principal, environment_id: str, body: CloneEnvironment) -> Environment:
    """Make an environment like another one: its settings, but no events, no keys, and not that it is production.

    Raises:
        NotFound: the principal reaches no such environment.
        GatewayError: as `environments.create`.
    """
    source = await lookup.environment(service, principal, environment_id)
    like = CreateEnvironment(
        slug=body.slug,
        name=body.name,
        tier=None if source.is_production else source.tier,
        color=None if source.is_production else source.color,
        expires_at=source.expires_at,
        partitions=source.partitions,
        retention_days=source.retention_days,
    )
    return await environments.create(service, principal, source.app_id, like)


async def make_default(service: Service, principal: Principal, environment_id: str) -> App:
    """Make an environment the one that new keys of its app are for, and answer the app.

    Raises:
        NotFound: the principal reaches no such environment.
        Conflict: it is ephemeral.
    """
    environment = await lookup.environment_to_change(service, principal, environment_id)
    access.require(principal, Permission.PROTECT, Place(app_id=environment.app_id))
    if environment.is_ephemeral:
        raise Conflict("An ephemeral environment cannot be the default one.", reason="ephemeral")
    before = await service.store.one(App, "app_to_change", principal.org_id, environment.app_id)
    if before is not None and before.default_environment_id == environment.id:
        return before
    after = await service.store.one(
        App, "set_default_environment", principal.org_id, environment.app_id, environment.id
    )
    assert after is not None
    service.request.note(after.id, environment_id=environment.id, before=before, after=after)
    return after


async def pause(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Refuse events with 403 until it is resumed; raises as `resume`."""
    return await _step(service, principal, environment_id, _PAUSE)


async def resume(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Take events again.

    Raises:
        NotFound: the principal reaches no such environment.
        Gone: it has expired.
        Conflict: it is archived.
    """
    return await _step(service, principal, environment_id, _RESUME)


async def archive(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Refuse events with 410 and keep what is stored; raises as `resume`."""
    return await _step(service, principal, environment_id, _ARCHIVE)


async def restore(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Take events again after it was archived; raises as `resume`, Conflict where it is paused."""
    return await _step(service, principal, environment_id, _RESTORE)


async def extend(service: Service, principal: Principal, environment_id: str, body: ExtendEnvironment) -> Environment:
    """Let an ephemeral environment live at least so long from now on; it never gets shorter.

    Raises:
        NotFound: the principal reaches no such environment.
        Gone: it has expired.
        Conflict: it is not ephemeral.
        Unprocessable: it would live longer than the settings allow.
    """
    current = await _to_change(service, principal, environment_id)
    access.require(principal, Permission.PREVIEW, access.place_of(current))
    if current.expires_at is None:
        raise Conflict("Only an ephemeral environment has a life that can be extended.", reason="not_ephemeral")
    expires_at = max(current.expires_at, service.now() + timedelta(seconds=body.ttl_seconds))
    wanted = lifetimes.reaching(current, expires_at)
    lifetimes.check(service, expires_at, wanted.max_expires_at, current.created_at)
    return await store(service, principal, current, wanted)


async def store(service: Service, principal: Principal, current: Environment, wanted: Environment) -> Environment:
    """Store an environment whose row is locked, and note it; one that is already so stays untouched."""
    if wanted == current:
        return current
    changed = await service.store.one(
        Environment,
        "update_environment",
        principal.org_id,
        current.id,
        wanted.name,
        wanted.tier,
        wanted.color,
        wanted.is_production,
        wanted.is_ephemeral,
        wanted.expires_at,
        wanted.require_confirmation_for_destructive,
        wanted.delete_protected,
        wanted.ingest,
        wanted.partitions,
        wanted.retention_days,
        wanted.source_ref,
        wanted.ttl_seconds,
        wanted.max_expires_at,
    )
    assert changed is not None
    service.request.note(current.id, environment_id=current.id, before=current, after=changed)
    return changed


async def _confirm(service: Service, principal: Principal, current: Environment, wanted: Environment) -> None:
    """Ask before events go, and before nobody is asked any more: that alone destroys nothing."""
    if wanted.retention_days < current.retention_days:
        oldest = service.now() - timedelta(days=wanted.retention_days)
        impact = await service.store.one(Impact, "stored_before", current.id, oldest)
        assert impact is not None
        await confirmation.confirm(service, principal, slug=current.slug, impact=impact)
    elif not wanted.require_confirmation_for_destructive:
        why = "What destroys something here would not be asked about any more."
        await confirmation.confirm(
            service, principal, slug=current.slug, impact=Impact(events=0, bytes=0, keys=0), why=why
        )


async def _step(service: Service, principal: Principal, environment_id: str, step: _Step) -> Environment:
    current = await _to_change(service, principal, environment_id)
    access.require(principal, environments.manages(current), access.place_of(current))
    if current.ingest not in step.origins:
        raise Conflict(f"This environment is {current.ingest}.", reason=f"is_{current.ingest}")
    return await store(service, principal, current, replace(current, ingest=step.to))


async def _to_change(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Find an environment that has not expired, and lock its row."""
    current = await lookup.environment_to_change(service, principal, environment_id)
    if current.expires_at is not None and current.expires_at <= service.now():
        raise Gone(f"The environment {current.slug!r} has expired.", reason="environment_gone")
    return current


async def _widen(service: Service, principal: Principal, environment_id: str, partitions: int) -> None:
    """Widen the topic, before any row is locked: Kafka may take its time."""
    current = await lookup.environment(service, principal, environment_id)
    access.require(principal, environments.manages(current), access.place_of(current))
    if partitions < current.partitions:
        raise Unprocessable(f"Field `partitions`: there are {current.partitions}; Kafka takes none away again.")
    if partitions > current.partitions:
        await environments.ensure_topics(service, [replace(current, partitions=partitions)])


def _with(service: Service, current: Environment, body: UpdateEnvironment) -> Environment:
    """Fill the body's fields in; an expiry makes an environment ephemeral, none makes it a lasting one.

    Traffic extends no life whose end was given, and none that has no end.
    """
    given = {name: value for name, value in asdict(body).items() if value is not UNSET}
    max_ttl_seconds = given.pop("max_ttl_seconds", UNSET)
    if "expires_at" in given:
        given.setdefault("is_ephemeral", given["expires_at"] is not None)
    elif given.get("is_ephemeral") is False:
        given["expires_at"] = None
    if max_ttl_seconds is not UNSET or "expires_at" in given:
        expires_at = given.get("expires_at", current.expires_at)
        given |= asdict(lifetimes.growth(service, expires_at, None if max_ttl_seconds is UNSET else max_ttl_seconds))
    return replace(current, **given)


def _check_allowed(principal: Principal, current: Environment, wanted: Environment) -> None:
    for environment in (current, wanted):
        access.require(principal, environments.manages(environment), access.place_of(environment))
    if any(getattr(current, name) != getattr(wanted, name) for name in _PROTECTING):
        for environment in (current, wanted):
            access.require(principal, Permission.PROTECT, access.place_of(environment))


async def _check_new(service: Service, principal: Principal, current: Environment, wanted: Environment) -> None:
    """Check what changed against what stands elsewhere."""
    if wanted.tier != current.tier:
        await environments.check_tier(service, principal, wanted.tier)
    if wanted.partitions < current.partitions:
        raise Unprocessable(f"Field `partitions`: there are {current.partitions}; Kafka takes none away again.")
    if wanted.expires_at != current.expires_at:
        check_expiry(service, wanted.expires_at)
    if (wanted.expires_at, wanted.max_expires_at) != (current.expires_at, current.max_expires_at):
        lifetimes.check(service, wanted.expires_at, wanted.max_expires_at, current.created_at)
    if (wanted.is_ephemeral, wanted.source_ref) != (current.is_ephemeral, current.source_ref):
        await environments.check_ref(service, wanted)
    if wanted.is_ephemeral and not current.is_ephemeral:
        await environments.check_count(service, current.app_id)
        app = await lookup.app(service, principal, current.app_id)
        if app.default_environment_id == current.id:
            raise Conflict("The default environment of an app is never ephemeral.", reason="default")
