"""An organization always keeps a live key that administers it: without one nobody could ever help it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec import Struct

from gateway.control.service import Principal, Service
from schemas.errors import Conflict


class _Count(Struct, frozen=True):
    keys: int


@asynccontextmanager
async def kept(service: Service, principal: Principal) -> AsyncGenerator[None]:
    """Let a block take rights away, and undo it if that leaves no administrator.

    Raises:
        Conflict: it would.
    """
    async with service.store.transaction() as queries:
        await service.store.run("lock_access", principal.org_id)
        yield
        left = await queries.one(_Count, "live_administrators", principal.org_id, service.now())
        if left is None or not left.keys:
            raise Conflict(
                "Nobody would be left who administers the organization. Make another administrator first.",
                reason="last_administrator",
            )
