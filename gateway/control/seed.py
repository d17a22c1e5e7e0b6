"""What a fresh installation starts with: an organization, an app, and keys; a second start finds the same again."""

from datetime import datetime

from msgspec import Struct

from gateway.control import apps
from gateway.control.calling.paging import bounds_of
from gateway.control.credentials import minting
from gateway.control.environments import environments
from gateway.control.roles import roles
from gateway.control.roles.access_types import RoleBinding
from gateway.control.roles.permissions import Base, Scope
from gateway.control.service import Principal, Service, system
from gateway.control.types import App, CreateApp, Environment, PageQuery
from gateway.identity.tokens import hint_of, parse, verify
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind

_ORG_SLUG = "default"
_APP = CreateApp(name="Default", slug="default")
_ADMIN_HINT = "admin"
_APPS_MAX_COUNT = 1000
_FIRST = bounds_of(PageQuery(limit=1))
_SLUGS_WITH_KEY = ("production", "development")


class SeedSecrets(Struct, frozen=True):
    """The texts of seeded keys, which only their owner's file keeps; `api_keys` by slug of the environment."""

    api_keys: dict[str, str] = {}
    management_key: str = ""


class Seeded(Struct, frozen=True):
    """What stands after seeding: `secrets` are those that were given, and new ones where they were missing."""

    app: App
    channel_id: int
    secrets: SeedSecrets


class _Org(Struct, frozen=True, rename="camel"):
    id: str


class _Issued(Struct, frozen=True, rename="camel"):
    id: str
    digest: bytes
    pepper_version: int
    revoked_at: datetime | None


async def seed(service: Service, *, secrets: SeedSecrets) -> Seeded:
    """Make what is missing of the default organization, its app, its environments' topics and its keys.

    Raises:
        StreamUnavailable: the topics cannot be made.
        DirectoryUnavailable: PostgreSQL cannot be reached.
    """
    principal = system(await _org_id(service))
    await service.store.run("number_channels_from_one")
    app = await _app(service, principal)
    assert app.default_channel_id is not None
    # The stream may be younger than the database.
    await environments.ensure_topics(service, await service.store.many(Environment, "live_environments"))
    api_keys = dict(secrets.api_keys)
    for each in (await environments.listing(service, principal, app.id, PageQuery())).items:
        if each.slug in _SLUGS_WITH_KEY:
            grant = minting.Grant(app_id=app.id, environment_id=each.id, name="seeded")
            text = minting.new_text(service, Kind.API_KEY, hint_of(each.slug))
            api_keys[each.slug] = await _issue(service, principal, api_keys.get(each.slug, ""), text, grant)
    text = minting.new_text(service, Kind.MANAGEMENT_KEY, _ADMIN_HINT)
    management_key = await _issue(service, principal, secrets.management_key, text, minting.Grant(name="seeded"))
    await _make_administrator(service, principal, management_key)
    return Seeded(app=app, channel_id=app.default_channel_id, secrets=SeedSecrets(api_keys, management_key))


async def _app(service: Service, principal: Principal) -> App:
    """Answer the app that was seeded, or where that was deleted the oldest one; make it where there is none."""
    known = (await apps.listing(service, principal, PageQuery(limit=_APPS_MAX_COUNT))).items
    seeded = [app for app in known if app.slug == _APP.slug]
    return (seeded or known)[0] if known else await apps.create(service, principal, _APP)


async def _org_id(service: Service) -> str:
    org = await service.store.one(_Org, "org_by_slug", _ORG_SLUG)
    org = org or await service.store.one(_Org, "insert_org", new_ulid(service.clock()), _ORG_SLUG, "Default")
    # Another process may have made it meanwhile.
    org = org or await service.store.one(_Org, "org_by_slug", _ORG_SLUG)
    assert org is not None
    return org.id


async def _issue(service: Service, principal: Principal, kept: str, new: str, grant: minting.Grant) -> str:
    """Answer the text that is a live credential now: the one that was kept, or else the new one.

    A text that was kept counts again after the database was lost; one that was revoked, or was digested under a pepper
    that is gone, does not.
    """
    parsed = parse(kept)
    known = parsed and await service.store.one(_Issued, "credential_by_id", parsed.id)
    if known and known.revoked_at is None and verify(kept, known.digest, known.pepper_version, service.peppers):
        return kept
    text = new if known or not parsed else kept
    await minting.insert(service, _Issued, principal, text, grant)
    return text


async def _make_administrator(service: Service, principal: Principal, management_key: str) -> None:
    """Give the seeded key its role, unless it has any: it may have been given another one since."""
    parsed = parse(management_key)
    assert parsed is not None
    holder = roles.Holder(None, parsed.id)
    if not await service.store.many(RoleBinding, "role_bindings_page", principal.org_id, *_FIRST, None, parsed.id):
        await roles.give(service, principal, holder, role_slug=Base.ADMIN, scope=Scope.ORGANIZATION, target=None)
