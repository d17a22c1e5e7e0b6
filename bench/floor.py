"""The floor of the edge: a web server that reads the body and answers 200, and does nothing else.

`python -m bench.floor` prints the port that it listens on, and serves until its standard input ends.
"""

import asyncio
import sys

import uvloop
from aiohttp import web


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response()


async def serve() -> None:
    """Serve on a free port of the loopback interface until standard input ends."""
    runner = web.ServerRunner(web.Server(_answer, auto_decompress=False))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve())
