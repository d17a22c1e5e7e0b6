"""Finds what a call names; what belongs to another organization is not found, as if it did not exist."""

from typing import TypeVar

from gateway.control.service import Principal, Service
from gateway.control.types import ApiKey, App, Channel, Environment, PublicToken
from schemas.errors import NotFound

T = TypeVar("T")


async def app(service: Service, principal: Principal, app_id: str) -> App:
    """Answer one app.

    Raises:
        NotFound: the organization has none of this id.
    """
    return _found(await service.store.one(App, "app_by_id", principal.org_id, app_id), "app", app_id)


async def environment(service: Service, principal: Principal, environment_id: str) -> Environment:
    """Answer one environment that was not deleted; raises as `app`."""
    row = await service.store.one(Environment, "environment_by_id", principal.org_id, environment_id)
    return _found(row, "environment", environment_id)


async def channel(service: Service, principal: Principal, channel_id: int) -> Channel:
    """Answer one channel that was not deleted; raises as `app`."""
    row = await service.store.one(Channel, "channel_by_id", principal.org_id, channel_id)
    return _found(row, "channel", channel_id)


async def api_key(service: Service, principal: Principal, key_id: str) -> ApiKey:
    """Answer one API key; raises as `app`."""
    return _found(await service.store.one(ApiKey, "api_key_by_id", principal.org_id, key_id), "API key", key_id)


async def public_token(service: Service, principal: Principal, token_id: str) -> PublicToken:
    """Answer one public token; raises as `app`."""
    row = await service.store.one(PublicToken, "public_token_by_id", principal.org_id, token_id)
    return _found(row, "public token", token_id)


def _found(row: T | None, what: str, row_id: str | int) -> T:
    if row is None:
        raise NotFound(f"There is no {what} {row_id!r}.")
    return row
