"""How much a process takes on: bytes of requests in hand, counted from the first one read to the last acknowledged."""

from collections.abc import Generator
from contextlib import contextmanager

from gateway.runtime import metrics
from schemas.errors import Overloaded


class Admission:
    """A budget of bytes; what a request holds is given back however it ends."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0

    @contextmanager
    def request(self) -> Generator["Hold"]:
        """Hold bytes for the time of one request."""
        hold = Hold(self)
        try:
            yield hold
        finally:
            self.give_back(hold.held_bytes)
            metrics.IN_FLIGHT_BYTES.set(self._held_bytes)

    def take(self, more_bytes: int) -> None:
        """Take bytes out of the budget.

        Raises:
            Overloaded: there are not that many left.
        """
        if self._held_bytes + more_bytes > self._max_bytes:
            raise Overloaded(f"This process has {self._held_bytes} bytes of requests in hand; try again shortly.")
        self._held_bytes += more_bytes

    def give_back(self, less_bytes: int) -> None:
        """Put bytes back into the budget."""
        self._held_bytes -= less_bytes


class Hold:
    """What one request holds of the budget."""

    __slots__ = ("_admission", "held_bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held_bytes = 0

    def grow(self, more_bytes: int) -> None:
        """Hold more bytes.

        Raises:
            Overloaded: the process has too much in hand.
        """
        self._admission.take(more_bytes)
        self.held_bytes += more_bytes

    def shrink(self, less_bytes: int) -> None:
        """Hold bytes no more."""
        self._admission.give_back(less_bytes)
        self.held_bytes -= less_bytes
