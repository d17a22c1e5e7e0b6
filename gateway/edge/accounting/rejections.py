"""The last requests that were refused although their key is real, until they are written; pure.

What is kept says where and why, never what was sent: a flood of refusals takes a bounded room, and the newest stay.
"""

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from gateway.protocols.replies import public
from gateway.runtime.ids import new_ulid

_PER_ENVIRONMENT_MAX_COUNT = 50
_ENVIRONMENTS_MAX_COUNT = 1000
_MESSAGE_MAX_CHARACTERS = 500


class Rejection(Struct, frozen=True):
    """One refused request. `message` is what the client was told, without anything that looks like a key."""

    id: str
    environment_id: str
    credential_id: str
    at_ns: int
    route: str
    status: int
    reason: str
    message: str


class Rejections:
    """A ring for each environment."""

    def __init__(self) -> None:
        self._rings: dict[str, deque[Rejection]] = {}

    def note(self, caller: tuple[str, str], now_ns: int, *, route: str, status: int, reason: str, message: str) -> None:
        """Keep a refused request of a caller: environment and credential."""
        environment_id, credential_id = caller
        rejection = Rejection(
            id=new_ulid(now_ns),
            environment_id=environment_id,
            credential_id=credential_id,
            at_ns=now_ns,
            route=route,
            status=status,
            reason=reason,
            message=public(message).replace("\x00", "")[:_MESSAGE_MAX_CHARACTERS],
        )
        self._keep(rejection)

    def drain(self) -> list[Rejection]:
        """Answer what was kept since the last time, and begin anew."""
        drained = [rejection for ring in self._rings.values() for rejection in ring]
        self._rings = {}
        return drained

    def restore(self, rejections: Iterable[Rejection]) -> None:
        """Take back what could not be written, as far as there is room beside what came since."""
        newer = self.drain()
        for rejection in (*rejections, *newer):
            self._keep(rejection)

    def _keep(self, rejection: Rejection) -> None:
        ring = self._rings.get(rejection.environment_id)
        if ring is None:
            if len(self._rings) >= _ENVIRONMENTS_MAX_COUNT:
                return
            ring = self._rings[rejection.environment_id] = deque(maxlen=_PER_ENVIRONMENT_MAX_COUNT)
        ring.append(rejection)
