"""How long ephemeral environments live: what the settings allow, and how far traffic extends it."""

import math
from datetime import datetime, timedelta

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import asdict, replace

from gateway.control.service import Service
from gateway.control.types import Environment
from schemas.errors import Unprocessable


class Growth(Struct, frozen=True):
    """By how much accepted traffic extends a life, and until when at most; nothing of both where it does not."""

    ttl_seconds: int | None = None
    max_expires_at: datetime | None = None


def growth(service: Service, expires_at: datetime | None, max_ttl_seconds: int | None) -> Growth:
    """Answer how traffic extends a life that ends at a moment: by what it lasts from now on, up to a maximum from now.

    Raises:
        Unprocessable: there is no life that ends, it lasts longer than the maximum, or is too short to be extended.
    """
    if max_ttl_seconds is None:
        return Growth()
    if expires_at is None:
        raise Unprocessable("Field `maxTtlSeconds`: only an ephemeral environment has one; give it an expiry too.")
    now = service.now()
    ttl_seconds = math.ceil((expires_at - now).total_seconds())
    if max_ttl_seconds < ttl_seconds:
        raise Unprocessable(f"Field `maxTtlSeconds`: must be {ttl_seconds} at least, for so long it lives anyway.")
    shortest = service.previews.extension_ttl_min_seconds
    if ttl_seconds < shortest:
        raise Unprocessable(
            f"Field `maxTtlSeconds`: traffic extends lives of {shortest} seconds and more, and this one is shorter."
        )
    return Growth(ttl_seconds, now + timedelta(seconds=max_ttl_seconds))


def grown(
    service: Service,
    current: Environment,
    expires_at: datetime,
    ttl_seconds: int,
    max_ttl_seconds: int | UnsetType | None,
) -> Environment:
    """Answer an environment that lives on until a moment, and how traffic extends it from now on.

    Raises:
        Unprocessable: as `growth`.
    """
    if max_ttl_seconds is UNSET:
        return reaching(current, expires_at)
    asked = growth(service, service.now() + timedelta(seconds=ttl_seconds), max_ttl_seconds)
    return reaching(replace(current, **asdict(asked)), expires_at)


def reaching(current: Environment, expires_at: datetime) -> Environment:
    """Answer an environment that lives until a moment; what a person asks for outranks the maximum for traffic."""
    most = current.max_expires_at
    return replace(current, expires_at=expires_at, max_expires_at=most and max(most, expires_at))


def check(service: Service, expires_at: datetime | None, max_expires_at: datetime | None, since: datetime) -> None:
    """Check that an ephemeral environment does not live longer than the settings allow.

    Raises:
        Unprocessable: it would.
    """
    longest = service.previews.lifetime_max_seconds
    for field, end in (("expiresAt", expires_at), ("maxTtlSeconds", max_expires_at)):
        if longest and end is not None and end - since > timedelta(seconds=longest):
            raise Unprocessable(f"Field `{field}`: an ephemeral environment lives {longest} seconds at most.")
