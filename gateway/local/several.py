"""Several processes of one kind: kept at their number until it is time to stop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gateway.local.child import Child
from gateway.local.errors import LocalError

_PAUSE_SECONDS = 1.0
_T = TypeVar("_T")

logger = logging.getLogger(__name__)


async def keep(
    count: int, start: Callable[[int], Coroutine[Any, Any, Child]], stop: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Start some processes, replace each that ends, and stop all when told to.

    Args:
        count: how many.
        start: starts one, by its number from 1, and answers it once it is ready.
        stop: set when it is time to stop.
        on_ready: called when all are ready for the first time.

    Raises:
        ExceptionGroup: of LocalError; one did not become ready the first time.
    """
    starting = set(range(1, count + 1))

    async def keep_one(number: int) -> None:
        while not stop.is_set():
            try:
                child = await unless(stop, start(number))
            except LocalError as error:
                if number in starting:
                    raise
                logger.error("%s", error.message)  # noqa: TRY400 (the sentence says it)
                child = None
            if child is not None:
                if starting == {number}:
                    on_ready()
                starting.discard(number)
                try:
                    code = await unless(stop, child.wait())
                finally:
                    await child.stop()
                if code is not None:
                    logger.error("%s ended with exit code %d; another is started.", child.name, code)
            await unless(stop, asyncio.sleep(_PAUSE_SECONDS))

    async with asyncio.TaskGroup() as group:
        for number in sorted(starting):
            group.create_task(keep_one(number))


async def unless(stop: asyncio.Event, what: Coroutine[Any, Any, _T]) -> _T | None:
    """Answer what a coroutine answers, or None if it was time to stop first: then it is cancelled."""
    task = asyncio.create_task(what)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, stopping], return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for each in (task, stopping):
            each.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
