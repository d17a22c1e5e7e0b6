"""Which ephemeral environments live longer for what was accepted, and when that has to be written; pure."""

from collections.abc import Callable, Iterable

from gateway.edge.accounting.usage import Used
from schemas.environment import Environment

_NS_PER_SECOND = 1_000_000_000
# What is accepted is reported every two seconds; one more for the way to PostgreSQL and back.
_REPORT_SECONDS = 3


class Lives:
    """Keeps when each environment last accepted something, until it is written or not worth it.

    An extension is written once a part of the life is gone, so about as often as there are such parts in it, however
    much traffic there is. One that nobody has written yet is urgent when the other processes might not learn of it in
    time: they do so within `poll_seconds` of it.
    """

    def __init__(
        self, environment: Callable[[str], Environment | None], *, step_percent: int, poll_seconds: int
    ) -> None:
        self._environment = environment
        self.step_percent = step_percent
        self._urgent_ns = (poll_seconds + _REPORT_SECONDS) * _NS_PER_SECOND
        self._accepted_ns: dict[str, int] = {}

    def is_urgent(self, environment_id: str, accepted_ns: int) -> bool:
        """Say whether a life that was just extended would otherwise soon be over."""
        environment = self._environment(environment_id)
        if environment is None or environment.expires_at_ns is None:
            return False
        return environment.expires_at_ns - accepted_ns < self._urgent_ns and self._is_due(environment_id, accepted_ns)

    def note(self, used: Iterable[Used]) -> None:
        """Keep what was accepted."""
        for each in used:
            if each.requests:
                before_ns = self._accepted_ns.get(each.environment_id, 0)
                self._accepted_ns[each.environment_id] = max(before_ns, each.accepted_ns)

    def due(self) -> dict[str, int]:
        """Answer the environments whose extension is to be written, with the moment from which they live on, in ns."""
        return {each: at_ns for each, at_ns in self._accepted_ns.items() if self._is_due(each, at_ns)}

    def forget(self) -> None:
        """Begin anew: what was due is written."""
        self._accepted_ns.clear()

    def _is_due(self, environment_id: str, accepted_ns: int) -> bool:
        """See `_DUE` of `ledger`, which has the last word: what is in memory may be a moment old."""
        environment = self._environment(environment_id)
        if environment is None or environment.is_deleted:
            return False
        expires_at_ns, max_expires_at_ns = environment.expires_at_ns, environment.max_expires_at_ns
        if environment.ttl_seconds is None or expires_at_ns is None or max_expires_at_ns is None:
            return False
        ttl_ns = environment.ttl_seconds * _NS_PER_SECOND
        gained_ns = accepted_ns + ttl_ns - expires_at_ns
        return max_expires_at_ns > expires_at_ns > accepted_ns and gained_ns * 100 >= ttl_ns * self.step_percent
