"""What the rules of the control plane work with, and the checks that several of them share."""

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from gateway.control.store import Store
from gateway.identity.tokens import Peppers
from gateway.runtime.clock import Clock
from gateway.stream.abstract import Topics
from schemas.errors import Unprocessable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPIRY_MAX_DAYS = 36_500
_SLUG_MAX_LENGTH = 40


class Service(Struct, frozen=True):
    """The parts that the rules need; the rules themselves stand by subject in the modules beside this one."""

    store: Store
    topics: Topics
    peppers: Peppers
    clock: Clock

    def now(self) -> datetime:
        """Answer the time in UTC, to the microsecond as PostgreSQL keeps it."""
        return _EPOCH + timedelta(microseconds=self.clock() // 1000)


class Principal(Struct, frozen=True):
    """Who asks: everything that is found or made belongs to this organization."""

    org_id: str
    credential_id: str


def slug_from(name: str, slug: str | None) -> str:
    """Answer the slug, or one made from the name: `My Shop` to `my-shop`.

    Raises:
        Unprocessable: there is none, and the name has no character for it.
    """
    made = slug or re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG_MAX_LENGTH].strip("-")
    if not made:
        raise Unprocessable("Field `slug`: none can be made from this name; give one of a-z, 0-9 and -.")
    return made


def check_expiry(service: Service, expires_at: datetime | None) -> None:
    """Check that an expiry lies ahead, and not so far that its nanoseconds overflow.

    Raises:
        Unprocessable: it does not.
    """
    if expires_at is None:
        return
    ahead = expires_at - service.now()
    if not timedelta() < ahead <= timedelta(days=_EXPIRY_MAX_DAYS):
        raise Unprocessable(f"Field `expiresAt`: must lie ahead, and at most {_EXPIRY_MAX_DAYS} days.")
