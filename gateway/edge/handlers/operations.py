"""What operations ask: is the loop turning, can this process publish, what does it count?"""

import os
import re

from prometheus_client import REGISTRY, CollectorRegistry, multiprocess
from prometheus_client.exposition import choose_encoder

from gateway.edge.exchange import Exchange
from gateway.edge.readiness import Readiness
from gateway.edge.routes import HEALTHZ, READYZ
from gateway.protocols.replies import Reply
from schemas.errors import GatewayError

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
# A version that is no number choose_encoder() compares in vain, or repeats.
_NO_NUMBER = re.compile(r"version=(?![0-9]{1,9}(?:\.[0-9]{1,9})*\s*(?:;|$))")
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


async def answer(exchange: Exchange, readiness: Readiness) -> Reply:
    """Answer `/healthz`, `/readyz` or `/metrics`."""
    route = exchange.found.route
    if route is HEALTHZ:
        return Reply(status=200, headers=_TEXT, body=b"ok\n")
    if route is READYZ:
        return await _ready(readiness)
    return _metrics(", ".join(exchange.request.headers.getall("Accept", ())))


async def _ready(readiness: Readiness) -> Reply:
    try:
        await readiness.check()
    except GatewayError as error:
        return Reply(status=503, headers=_TEXT, body=f"{error.message}\n".encode())
    return Reply(status=200, headers=_TEXT, body=b"ready\n")


def _metrics(accept: str) -> Reply:
    """Write this process's metrics, or those of all processes of this edge where they share a folder for them.

    They are written in the form that the scraper accepts, in that of Prometheus (0.0.4) where it names no other.
    """
    registry = REGISTRY
    if _SHARED_FOLDER in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    encode, content_type = choose_encoder(",".join(each for each in accept.split(",") if not _NO_NUMBER.search(each)))
    return Reply(status=200, headers=(("Content-Type", content_type),), body=encode(registry))
