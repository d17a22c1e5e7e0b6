"""Waits until the processes of the edge have applied what was changed of a key or token."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from gateway.control.credentials.credential_types import EdgeProcess, RevokedApiKey, RevokedPublicToken, RevokeQuery
from gateway.control.service import Principal, Service

C = TypeVar("C", RevokedApiKey, RevokedPublicToken)
_NS_PER_SECOND = 1_000_000_000
_PAUSE_SECONDS = 0.05


class _Applier(EdgeProcess, frozen=True, kw_only=True):
    has_applied: bool
    is_silent: bool


async def await_edges(
    service: Service,
    principal: Principal,  # noqa: ARG001 (as the rule has it; who may revoke was checked there)
    credential_id: str,
    query: RevokeQuery,
    revoked: C,
) -> C:
    """Answer which processes have applied a revocation; wait for those that live, for as long as was asked.

    A process that is silent is not waited for, but told of: it may be gone, or cut off and still take the key.
    """
    if query.wait is None:
        return revoked
    deadline_ns = service.clock() + query.wait * _NS_PER_SECOND
    while True:
        appliers = await service.store.many(_Applier, "appliers_of", credential_id)
        is_awaited = any(not each.has_applied and not each.is_silent for each in appliers)
        if not is_awaited or service.clock() >= deadline_ns:
            return replace(
                revoked,
                acknowledged_by=_shown([each for each in appliers if each.has_applied]),
                pending=_shown([each for each in appliers if not each.has_applied]),
            )
        await asyncio.sleep(_PAUSE_SECONDS)


def _shown(appliers: Sequence[_Applier]) -> list[EdgeProcess]:
    shown = EdgeProcess.__struct_fields__
    return [EdgeProcess(**{name: getattr(each, name) for name in shown}) for each in appliers]
