"""A budget of bytes that many owners share: none of them can take so much that the others are refused."""

from gateway.runtime.settings import Limits
from schemas.errors import Overloaded


class Budget:
    """Bytes that are held, by owner; an owner that holds none is not remembered.

    An owner may hold at most `limits.in_flight_environment_percent` of what the others leave. With a half, the first
    that takes all it can has 1/2 of the whole, the second 1/4, the third 1/8, and as much as the last one has is free
    for whoever comes next: of 512 MiB eight such owners leave 2 MiB, and a ninth may take 1 MiB of them. Fixed shares
    of a half are gone with two owners, and a part kept for small requests with many small ones of a single owner. The
    price is that an owner that is alone is refused while bytes are free: at `share_max_bytes`.
    """

    def __init__(self, limits: Limits, *, of_what: str) -> None:
        self.held_bytes = 0
        self._max_bytes = limits.in_flight_max_bytes
        self._share_percent = limits.in_flight_environment_percent
        self.share_max_bytes = self._max_bytes * self._share_percent // 100
        self._of_what = of_what
        self._held_by_owner: dict[str, int] = {}

    def take(self, owner: str, more_bytes: int) -> None:
        """Take bytes for an owner.

        Raises:
            Overloaded: its part of what the others leave is less.
        """
        own_bytes = self._held_by_owner.get(owner, 0)
        left_bytes = self._max_bytes - (self.held_bytes - own_bytes)
        if (own_bytes + more_bytes) * 100 > left_bytes * self._share_percent:
            raise Overloaded(
                f"This process has {own_bytes} bytes of {self._of_what} of {owner}, and no room for more; "
                "try again shortly."
            )
        self._held_by_owner[owner] = own_bytes + more_bytes
        self.held_bytes += more_bytes

    def give_back(self, owner: str, less_bytes: int) -> None:
        """Put an owner's bytes back."""
        own_bytes = self._held_by_owner.get(owner, 0) - less_bytes
        if own_bytes:
            self._held_by_owner[owner] = own_bytes
        else:
            self._held_by_owner.pop(owner, None)
        self.held_bytes -= less_bytes
