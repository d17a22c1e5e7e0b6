"""Rate limits as Sentry's SDKs are told of them: the value of `X-Sentry-Rate-Limits`.

Source: develop.sentry.dev, Rate Limiting. An SDK takes an entry without categories for all of them, and a 429 without
the header for a minute's silence, so categories are always named.
"""

from collections.abc import Iterable

from msgspec import Struct

from schemas.errors import RateLimited

RATE_LIMITS_HEADER = "X-Sentry-Rate-Limits"


class Limited(Struct, frozen=True):
    """Categories that are not taken for some seconds; `scope` is whose limit it is, as Sentry names it."""

    seconds: int
    categories: tuple[str, ...]
    scope: str
    reason: str


class CategoriesLimited(RateLimited):
    """429: all that a request brought is of categories that are over their rate."""

    def __init__(self, limits: tuple[Limited, ...]) -> None:
        names = ", ".join(name for limit in limits for name in limit.categories)
        seconds = max(limit.seconds for limit in limits)
        super().__init__(
            f"This environment takes no more of these categories for now: {names}.",
            retry_after_seconds=seconds,
            scope="environment",
        )
        self.limits = limits


def rate_limits(limits: Iterable[Limited]) -> str:
    """Write the header's value: `seconds:category;category:scope:reason`, separated by commas."""
    return ", ".join(f"{limit.seconds}:{';'.join(limit.categories)}:{limit.scope}:{limit.reason}" for limit in limits)
