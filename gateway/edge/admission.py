"""How much a process takes on: bytes of requests in hand, counted from the first one read to the last acknowledged."""

from typing import Final, Self

from gateway.runtime import metrics
from gateway.runtime.budget import Budget
from gateway.runtime.settings import Limits
from schemas.errors import PayloadTooLarge

# Owners beside the environments, which go by their ids: what strangers send to one takes nothing from the others.
CONTROL_PLANE: Final = "calls to the control plane"
UNKNOWN: Final = "requests whose environment is not known yet"


class Admission:
    """A budget of bytes that environments share; what a request holds is given back however it ends."""

    def __init__(self, limits: Limits) -> None:
        self._budget = Budget(limits, of_what="requests in hand")

    def request(self, owner: str) -> "Hold":
        """Hold bytes for the time of one request of an environment, by its id, or of another owner."""
        return Hold(self._budget, owner)


class Hold:
    """What one request holds of the budget, until its block ends."""

    __slots__ = ("_budget", "_held_bytes", "_owner")

    def __init__(self, budget: Budget, owner: str) -> None:
        self._budget = budget
        self._owner = owner
        self._held_bytes = 0

    def __enter__(self) -> Self:
        """Begin with nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give everything back."""
        self.shrink(self._held_bytes)
        metrics.IN_FLIGHT_BYTES.set(self._budget.held_bytes)

    def grow(self, more_bytes: int) -> None:
        """Hold more bytes.

        Raises:
            PayloadTooLarge: it is more than an owner may ever hold, so that trying again would not help.
            Overloaded: the owner's requests, or those of all, hold too much already.
        """
        max_bytes = self._budget.share_max_bytes
        if self._held_bytes + more_bytes > max_bytes:
            raise PayloadTooLarge(f"The request takes more than {max_bytes} bytes in hand, as sent and decompressed.")
        self._budget.take(self._owner, more_bytes)
        self._held_bytes += more_bytes

    def shrink(self, less_bytes: int) -> None:
        """Hold bytes no more."""
        self._budget.give_back(self._owner, less_bytes)
        self._held_bytes -= less_bytes

    def pass_to(self, owner: str) -> None:
        """Hold what is held for another owner, once it is known.

        Raises:
            Overloaded: that owner's requests hold too much already; this one holds nothing any more.
        """
        held_bytes = self._held_bytes
        self.shrink(held_bytes)
        self._owner = owner
        self.grow(held_bytes)
