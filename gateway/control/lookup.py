"""Finds what a call names; what a principal does not reach is not found, as if it did not exist."""

from typing import TypeVar

from msgspec import Struct

from gateway.control.credentials.credential_types import ApiKey, PublicToken
from gateway.control.roles import access
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from gateway.control.types import App, Channel, Environment
from schemas.errors import NotFound

T = TypeVar("T")
C = TypeVar("C", ApiKey, PublicToken)
_CHANNEL_MAX_DIGITS = 18
_NAMES: dict[type[Struct], str] = {ApiKey: "API key", PublicToken: "public token"}


async def app(service: Service, principal: Principal, app_id: str) -> App:
    """Answer one app.

    Raises:
        NotFound: the organization has none of this id, or the principal reaches nothing of it.
    """
    row = await service.store.one(App, "app_by_id", principal.org_id, app_id, *access.reach(principal))
    return found(row, "app", app_id)


async def app_to_change(service: Service, principal: Principal, app_id: str) -> App:
    """Answer one app and lock its row; raises as `app`."""
    await app(service, principal, app_id)
    return found(await service.store.one(App, "app_to_change", principal.org_id, app_id), "app", app_id)


async def environment(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Answer one environment that was not deleted; raises as `app`."""
    return await _environment(service, principal, environment_id, "environment_by_id")


async def environment_to_change(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Answer one environment and lock its row; raises as `app`."""
    return await _environment(service, principal, environment_id, "environment_to_change")


async def channel(service: Service, principal: Principal, channel_id: int) -> Channel:
    """Answer one channel that was not deleted; raises as `app`."""
    return await _channel(service, principal, channel_id, "channel_by_id")


async def channel_in_path(service: Service, principal: Principal, channel_id: str) -> Channel:
    """Answer one channel by the number in a path; raises as `app`."""
    return await channel(service, principal, _channel_number(channel_id))


async def channel_to_change(service: Service, principal: Principal, channel_id: str) -> Channel:
    """Answer one channel by the number in a path, and lock its row; raises as `app`."""
    return await _channel(service, principal, _channel_number(channel_id), "channel_to_change")


async def api_key(service: Service, principal: Principal, key_id: str) -> ApiKey:
    """Answer one API key; raises as `app`, and Forbidden where the principal may not see keys."""
    row, environment = await credential(service, principal, ApiKey, "api_key_by_id", key_id)
    access.require(principal, Permission.SEE_KEYS, access.place_of(environment))
    return row


async def public_token(service: Service, principal: Principal, token_id: str) -> PublicToken:
    """Answer one public token; raises as `api_key`."""
    row, environment = await credential(service, principal, PublicToken, "public_token_by_id", token_id)
    access.require(principal, Permission.SEE_KEYS, access.place_of(environment))
    return row


async def credential(
    service: Service, principal: Principal, row_type: type[C], query: str, credential_id: str
) -> tuple[C, Environment]:
    """Answer a key or a token by a query, and its environment; raises as `app`."""
    row = await service.store.one(row_type, query, principal.org_id, credential_id)
    known = row and await service.store.one(Environment, "environment_by_id", principal.org_id, row.environment_id)
    if row is None or known is None or not access.sees(principal, access.place_of(known)):
        return found(None, _NAMES[row_type], credential_id)
    return row, known


def found(row: T | None, what: str, row_id: str | int) -> T:
    """Answer a row that was found.

    Raises:
        NotFound: it was not.
    """
    if row is None:
        raise NotFound(f"There is no {what} {row_id!r}.")
    return row


async def _environment(service: Service, principal: Principal, environment_id: str, query: str) -> Environment:
    row = await service.store.one(Environment, query, principal.org_id, environment_id)
    is_seen = row is not None and access.sees(principal, access.place_of(row))
    return found(row if is_seen else None, "environment", environment_id)


def _channel_number(text: str) -> int:
    """Read the number of a channel.

    Raises:
        NotFound: the text is none, or larger than any.
    """
    is_number = text.isascii() and text.isdigit() and len(text.lstrip("0")) <= _CHANNEL_MAX_DIGITS
    return found(int(text) if is_number else None, "channel", text)


async def _channel(service: Service, principal: Principal, channel_id: int, query: str) -> Channel:
    row = found(await service.store.one(Channel, query, principal.org_id, channel_id), "channel", channel_id)
    is_seen = await service.store.one(App, "app_by_id", principal.org_id, row.app_id, *access.reach(principal))
    return found(row if is_seen else None, "channel", channel_id)
