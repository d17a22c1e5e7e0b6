"""What the rules of the control plane work with, and the checks that several of them share."""

import re
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from gateway.control.calling.requests import Request
from gateway.control.ports import Archive
from gateway.control.roles.permissions import Base, Binding, Scope
from gateway.control.store import Queries
from gateway.identity.tokens import Peppers
from gateway.runtime.clock import Clock
from gateway.runtime.settings import Approvals, Previews
from gateway.stream.abstract import Topics
from schemas.errors import Unprocessable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXPIRY_MAX_DAYS = 36_500
_SLUG_MAX_LENGTH = 40


class Service(Struct, frozen=True):
    """The parts that the rules need; the rules themselves stand by subject in the modules beside this one.

    A call that changes something gets one of its own: `store` is the transaction, `request` what it says besides.
    """

    store: Queries
    topics: Topics
    peppers: Peppers
    clock: Clock
    archive: Archive
    previews: Previews = Previews()
    approvals: Approvals = Approvals()
    request: Request = Request()

    def now(self) -> datetime:
        """Answer the time in UTC, to the microsecond as PostgreSQL keeps it."""
        return _EPOCH + timedelta(microseconds=self.clock() // 1000)


class Principal(Struct, frozen=True):
    """Who asks: everything that is found or made belongs to this organization, within these bindings."""

    org_id: str
    actor: str
    bindings: tuple[Binding, ...]
    credential_id: str = ""


def system(org_id: str) -> Principal:
    """Answer the gateway itself, where nobody asked: the first start, and the reaper."""
    return Principal(org_id=org_id, actor="system", bindings=(Binding(Base.ADMIN, Scope.ORGANIZATION),))


def slug_from(name: str, slug: str | None) -> str:
    """Answer the slug, or one made from the name: `My Shop` to `my-shop`.

    Raises:
        Unprocessable: there is none, and the name has no character for it.
    """
    made = slug or slugged(name)
    if not made:
        raise Unprocessable("Field `slug`: none can be made from this name; give one of a-z, 0-9 and -.")
    return made


def slugged(text: str) -> str:
    """Write a text as a slug, empty where it has no character for one."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_SLUG_MAX_LENGTH].strip("-")


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
