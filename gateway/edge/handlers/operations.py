"""What operations ask: is the loop turning, can this process publish, what does it count?"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess

from gateway.edge.readiness import Readiness
from gateway.edge.routes import HEALTHZ, READYZ, Route
from gateway.protocols.replies import Reply
from schemas.errors import GatewayError

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


async def answer(route: Route, readiness: Readiness) -> Reply:
    """Answer `/healthz`, `/readyz` or `/metrics`."""
    if route is HEALTHZ:
        return Reply(status=200, headers=_TEXT, body=b"ok\n")
    if route is READYZ:
        return await _ready(readiness)
    return Reply(status=200, headers=(("Content-Type", CONTENT_TYPE_LATEST),), body=_metrics())


async def _ready(readiness: Readiness) -> Reply:
    try:
        await readiness.check()
    except GatewayError as error:
        return Reply(status=503, headers=_TEXT, body=f"{error.message}\n".encode())
    return Reply(status=200, headers=_TEXT, body=b"ready\n")


def _metrics() -> bytes:
    """Write this process's metrics, or those of all processes of this edge where they share a folder for them."""
    if _SHARED_FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
