"""Waiting before trying again: longer each time, never long, never in step with others."""

import asyncio
import random

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0


class Backoff:
    """Waits between attempts of one thing."""

    def __init__(self) -> None:
        self._seconds = _FIRST_SECONDS

    async def wait(self) -> None:
        """Wait before the next attempt."""
        # Jitter needs no cryptographic randomness.
        await asyncio.sleep(self._seconds * random.uniform(0.5, 1.0))  # noqa: S311 (spreads retries, no secret)
        self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)
