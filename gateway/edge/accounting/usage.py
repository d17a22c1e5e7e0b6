"""What keys were used for, counted by the minute until it is flushed; pure."""

from collections.abc import Callable

from msgspec import Struct

_NS_PER_MINUTE = 60_000_000_000
_MINUTES_PER_HOUR = 60
_FINE_MAX_COUNT = 50_000


class Used(Struct):
    """What one key brought to one environment within one minute (of 1970); bytes as they were sent.

    `last_ns` is when it brought something at all, `accepted_ns` when that was accepted.
    """

    environment_id: str
    credential_id: str
    minute: int
    requests: int = 0
    items: int = 0
    bytes: int = 0
    refused: dict[str, int] = {}
    last_ns: int = 0
    accepted_ns: int = 0


class Usage:
    """Counts requests by environment, key and minute; by the hour once so much waits that nobody seems to fetch it."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str, int], Used] = {}
        self._on_first: Callable[[str, int], None] = lambda _id, _ns: None

    def on_first(self, listener: Callable[[str, int], None]) -> None:
        """Tell the environment and the moment of the first request that a key brings after each `drain`."""
        self._on_first = listener

    def accept(self, environment_id: str, credential_id: str, now_ns: int, *, items: int, size_bytes: int) -> None:
        """Count a request that was taken."""
        used = self._of(environment_id, credential_id, now_ns)
        if not used.requests:
            self._on_first(environment_id, now_ns)
        used.requests += 1
        used.accepted_ns = now_ns
        used.items += items
        used.bytes += size_bytes

    def refuse(self, environment_id: str, credential_id: str, now_ns: int, reason: str) -> None:
        """Count a request that was not, although its key is good."""
        refused = self._of(environment_id, credential_id, now_ns).refused
        refused[reason] = refused.get(reason, 0) + 1

    def drain(self) -> list[Used]:
        """Answer what was counted since the last time, in the order of its keys, and begin anew."""
        drained = [self._used[key] for key in sorted(self._used)]
        self._used = {}
        return drained

    def _of(self, environment_id: str, credential_id: str, now_ns: int) -> Used:
        minute = now_ns // _NS_PER_MINUTE
        if len(self._used) >= _FINE_MAX_COUNT:
            minute -= minute % _MINUTES_PER_HOUR
        key = (environment_id, credential_id, minute)
        used = self._used.get(key)
        if used is None:
            used = self._used[key] = Used(*key)
        used.last_ns = now_ns
        return used
