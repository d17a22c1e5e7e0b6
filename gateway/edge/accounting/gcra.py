"""The generic cell rate algorithm (ITU-T I.371), where a cell may cost more than one; pure."""

from msgspec import Struct

_NS_PER_SECOND = 1_000_000_000


class Flow(Struct, frozen=True):
    """How much may come: `per_second` for ever, and `burst` at once after a pause."""

    per_second: float
    burst: float


class Gcra:
    """Where a flow stands, in one number: when it will have earned all that it was given.

    Within any stretch of t seconds it gives at most `per_second` * t + `burst`. What costs more than the burst is given
    once all of the burst is there, and is paid off afterwards: then it is at most `per_second` * t + the largest cost.
    """

    __slots__ = ("_burst_ns", "_earned_at_ns", "_owed_max_ns", "_per_second")

    def __init__(self, flow: Flow) -> None:
        self._earned_at_ns = 0
        self._owed_max_ns = 0
        self.change(flow)

    def change(self, flow: Flow) -> None:
        """Go on with other numbers; what was given stays given."""
        self._per_second = flow.per_second
        self._burst_ns = int(flow.burst * _NS_PER_SECOND / flow.per_second)

    def wait_ns(self, cost: float, now_ns: int) -> int:
        """Answer how long to wait until something is given, 0 if it is now."""
        return max(0, self._after_ns(cost, now_ns) - now_ns - max(self._burst_ns, self._price_ns(cost)))

    def take(self, cost: float, now_ns: int) -> None:
        """Give what `wait_ns` has answered 0 for."""
        self._earned_at_ns = self._after_ns(cost, now_ns)
        self._owed_max_ns = max(self._burst_ns, self._price_ns(cost))

    def _after_ns(self, cost: float, now_ns: int) -> int:
        # More can be owed only because the clock was put back: that must not stop the flow until it has caught up.
        owed_ns = min(max(0, self._earned_at_ns - now_ns), self._owed_max_ns)
        return now_ns + owed_ns + self._price_ns(cost)

    def _price_ns(self, cost: float) -> int:
        # Rounded up, or many small ones would come to more than the rate.
        return -int(-cost * _NS_PER_SECOND // self._per_second)
