"""A worker as a process of its own: settings as JSON on the command line, `ready` on standard output."""

import asyncio
import sys

import msgspec

from consumers import worker
from gateway.runtime import clock, lifecycle, logging
from gateway.runtime.settings import Settings


async def _main(settings: Settings) -> None:
    def on_ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    logging.set_up(settings.log)
    await worker.run(settings, clock=clock.now_ns, stop=lifecycle.stop_on_signals(), on_ready=on_ready)


if __name__ == "__main__":
    asyncio.run(_main(msgspec.json.decode(sys.argv[1], type=Settings)))
