"""How many items of each of Sentry's categories an environment takes, as one of several processes keeps it; pure.

A rate is shared by the processes as `limits` says. A category whose rate is 0 is not wanted: its items are
left out without a word of blame, and every answer says so, so that SDKs stop sending them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from gateway.edge.accounting.gcra import Flow, Gcra
from gateway.protocols.sentry.categories import announced_as, categories_of
from gateway.protocols.sentry.envelope import Item
from gateway.protocols.sentry.quotas import CategoriesLimited, Limited, rate_limits
from gateway.runtime.clock import Clock
from schemas.environment import Environment

_NS_PER_SECOND = 1_000_000_000
_SECONDS_PER_MINUTE = 60
# Each price is rounded up to a nanosecond, and as many as a minute brings are to fit into the burst.
_SLACK = 1.000001
# How long SDKs leave out what is not wanted until they ask again.
_UNWANTED_SECONDS = 86_400
_LEFT_OUT = "not_wanted"
_TOO_MANY = "rate_limited"


class Passed(Struct, frozen=True):
    """The items that are taken, how many were not by category and reason, and what the answer says of it."""

    items: list[Item]
    dropped: Mapping[tuple[str, str], int] = {}
    announced: str = ""


class CategoryLimits:
    """Says which items of an envelope are taken; where no limit is set that costs one look-up in a dict."""

    def __init__(self, environment: Callable[[str], Environment | None], clock: Clock) -> None:
        self._environment = environment
        self._clock = clock
        self._processes_count = 1
        self._by_environment: dict[str, _Limits | None] = {}
        self._rates: dict[tuple[str, str], Gcra] = {}

    def admit(self, environment_id: str, items: list[Item], sdk: object) -> Passed:
        """Answer which items are taken; those that belong to no category, and client reports, always are.

        `sdk` is what their envelope says of the SDK, see `categories_of`.

        Raises:
            CategoriesLimited: some are over their rate, and none is left.
        """
        try:
            limits = self._by_environment[environment_id]
        except KeyError:
            limits = self._by_environment[environment_id] = self._find(environment_id)
        return Passed(items) if limits is None else limits.admit(items, sdk, self._clock())

    def share(self, processes_count: int) -> None:
        """Go on with how many processes share the rates."""
        if processes_count != self._processes_count:
            self._processes_count = processes_count
            self.forget()

    def forget(self) -> None:
        """Look up anew which limits there are; what was taken stays taken."""
        self._by_environment.clear()

    def _find(self, environment_id: str) -> "_Limits | None":
        environment = self._environment(environment_id)
        if environment is None or not environment.categories:
            return None
        rates: dict[str, Gcra] = {}
        for category, limit in environment.categories.items():
            if limit.per_minute:
                per_process = limit.per_minute / self._processes_count
                flow = Flow(per_process / _SECONDS_PER_MINUTE, per_process * _SLACK)
                rate = self._rates.setdefault((environment_id, category), Gcra(flow))
                rate.change(flow)
                rates[category] = rate
        unwanted = tuple(name for name, limit in environment.categories.items() if not limit.per_minute)
        return _Limits(rates, unwanted)


class _Limits:
    """The limits of one environment: the rates of some categories, and those that are not wanted."""

    def __init__(self, rates: Mapping[str, Gcra], unwanted: tuple[str, ...]) -> None:
        self._rates = rates
        self._unwanted = unwanted
        self._announced = (
            (Limited(_UNWANTED_SECONDS, announced_as(unwanted), "organization", _LEFT_OUT),) if unwanted else ()
        )

    def admit(self, items: Iterable[Item], sdk: object, now_ns: int) -> Passed:
        """See `CategoryLimits.admit`."""
        kept: list[Item] = []
        dropped: dict[tuple[str, str], int] = {}
        waits_ns: dict[str, int] = {}
        for item in items:
            refusal = self._refusal(item, sdk, now_ns, waits_ns)
            if refusal is None:
                kept.append(item)
            else:
                dropped[refusal] = dropped.get(refusal, 0) + 1
        limited = tuple(
            Limited(-(-wait_ns // _NS_PER_SECOND), announced_as((category,)), "project", _TOO_MANY)
            for category, wait_ns in waits_ns.items()
        )
        if limited and not kept:
            raise CategoriesLimited(limited)
        return Passed(kept, dropped, rate_limits((*limited, *self._announced)))

    def _refusal(self, item: Item, sdk: object, now_ns: int, waits_ns: dict[str, int]) -> tuple[str, str] | None:
        """Take an item, or answer the category and the reason for which it is not."""
        categories = categories_of(item.type, item.headers, item.payload, sdk)
        for category in categories:
            if category in self._unwanted:
                return category, _LEFT_OUT
        costs = {category: _cost(category, item) for category in categories if category in self._rates}
        for category, cost in costs.items():
            if wait_ns := self._rates[category].wait_ns(cost, now_ns):
                waits_ns[category] = max(wait_ns, waits_ns.get(category, 0))
                return category, _TOO_MANY
        for category, cost in costs.items():
            self._rates[category].take(cost, now_ns)
        return None


def _cost(category: str, item: Item) -> int:
    """Answer what an item counts: a container all that are in it, and in bytes what is counted in bytes."""
    if category == "log_byte":
        return len(item.payload)
    count: Any = item.headers.get("item_count")
    return count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else 1
