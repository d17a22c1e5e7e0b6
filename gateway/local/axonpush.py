"""Further `axonpush` processes: edge and worker as children that say when they are ready."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.local.child import Child
from gateway.local.readiness import Readiness

_START_TIMEOUT_SECONDS = 30


async def start(
    name: str,
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    grace_seconds: int,
    log: Path | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start `axonpush ARGUMENTS` and answer it once it is ready; see `Child.start` for the rest.

    Raises:
        LocalError: it ended instead, or took too long.
    """
    readiness = Readiness()
    try:
        child = await Child.start(
            name,
            # -P: the working directory must not shadow our modules.
            [sys.executable, "-P", "-m", "gateway.cli", *arguments, "--notify-fd", str(readiness.their_end)],
            log=log,
            grace_seconds=grace_seconds,
            env=env,
            pass_fds=[*pass_fds, readiness.their_end],
        )
        async with child.stopped_on_failure():
            await child.until(readiness, _START_TIMEOUT_SECONDS)
    finally:
        readiness.close()
    return child
