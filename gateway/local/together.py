"""Children that are started at the same time and stopped one after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from gateway.local.child import Child

_T = TypeVar("_T")


async def together(
    stack: AsyncExitStack, starts: Sequence[Coroutine[Any, Any, _T]], child_of: Callable[[_T], Child]
) -> list[_T]:
    """Start several children at once, and answer what their starts answered.

    At the end of the stack the last of the list is stopped first. Where a start fails the others are cancelled; what
    has been started is stopped with the stack.

    Raises:
        LocalError: a child did not start.
    """
    tasks = [asyncio.create_task(start) for start in starts]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(outcome, BaseException):
                stack.push_async_callback(child_of(outcome).stop)
