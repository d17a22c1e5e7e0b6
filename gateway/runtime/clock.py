"""The clock: the only place that reads wall-clock time; everything else is given it."""

import time
from collections.abc import Callable

# Answers nanoseconds since 1970.
Clock = Callable[[], int]


def now_ns() -> int:
    """Answer the wall-clock time in nanoseconds since 1970."""
    return time.time_ns()  # noqa: TID251 (this is the clock)
