"""Which handler a path belongs to; pure.

Sentry SDKs leave the trailing slash away or double it, and put a prefix before `/api/` where the DSN has one; exporters
add a slash. All of it is understood, never redirected: an exporter takes a redirect for a success.
"""

import re
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import unquote

from msgspec import Struct

from gateway.protocols.text import plain
from schemas.errors import MethodNotAllowed, NotFound
from schemas.signals import Signal


class Family(Enum):
    """Whose form the answers of a route take."""

    OTLP = "otlp"
    SENTRY = "sentry"
    OPERATIONS = "operations"
    CONTROL = "control"


class Route(Struct, frozen=True):
    """One kind of request: its name in metrics, whose form its answers take, and its methods.

    `is_large` lets its bodies have `limits.large_body_max_bytes`.
    """

    name: str
    family: Family
    methods: tuple[str, ...]
    signal: Signal | None = None
    is_large: bool = False


class Found(Struct, frozen=True):
    """A route and what its path says: for Sentry the `channel`, and what else its endpoint has there."""

    route: Route
    path: str
    parameters: Mapping[str, str] = MappingProxyType({})

    @property
    def is_of_sentrys(self) -> bool:
        """Whether the path is one of Sentry's; OTLP has some too, where answers keep OTLP's form."""
        return self.route.family is Family.SENTRY or "channel" in self.parameters


def _otlp(signal: Signal) -> Route:
    return Route(name=f"otlp_{signal}", family=Family.OTLP, methods=("POST", "OPTIONS"), signal=signal)


def _operation(name: str) -> Route:
    return Route(name=name, family=Family.OPERATIONS, methods=("GET", "HEAD"))


def _sentry(name: str, *more_methods: str, is_large: bool = False) -> Route:
    methods = (*more_methods, "POST", "OPTIONS")
    return Route(name=f"sentry_{name}", family=Family.SENTRY, methods=methods, is_large=is_large)


ENVELOPE = _sentry("envelope", is_large=True)
STORE = _sentry("store", "GET")
SECURITY = _sentry("security")
NEL = _sentry("nel")
MINIDUMP = _sentry("minidump", is_large=True)
UNREAL = _sentry("unreal", is_large=True)
CHECK_IN = _sentry("check_in", "GET")
ATTACHMENTS = _sentry("attachments", is_large=True)
HEALTHZ = _operation("healthz")
READYZ = _operation("readyz")
METRICS = _operation("metrics")
# Which methods a path of its takes, its table of calls says.
CONTROL = Route(name="control", family=Family.CONTROL, methods=())

_EXACT = {
    "/v1/traces": _otlp(Signal.TRACES),
    "/v1/logs": _otlp(Signal.LOGS),
    "/v1/metrics": _otlp(Signal.METRICS),
    "/healthz": HEALTHZ,
    "/readyz": READYZ,
    "/metrics": METRICS,
}
_FOUND = {path: Found(route=route, path=path) for path, route in _EXACT.items()}
# What follows `/api/`; the first one is nearly all of it.
_SENTRY_PATHS = (
    ("<channel>/envelope", ENVELOPE),
    ("<channel>/store", STORE),
    ("store", STORE),
    ("<channel>/security", SECURITY),
    ("<channel>/csp-report", SECURITY),
    ("<channel>/nel", NEL),
    ("<channel>/minidump", MINIDUMP),
    ("<channel>/unreal/<key>", UNREAL),
    ("<channel>/cron/<slug>", CHECK_IN),
    ("<channel>/cron/<slug>/<key>", CHECK_IN),
    ("<channel>/events/<event>/attachments", ATTACHMENTS),
    ("<channel>/integration/otlp/v1/traces", _EXACT["/v1/traces"]),
    ("<channel>/integration/otlp/v1/logs", _EXACT["/v1/logs"]),
    ("<channel>/otlp/v1/traces", _EXACT["/v1/traces"]),
    ("<channel>/otlp/v1/logs", _EXACT["/v1/logs"]),
)
_SENTRY = tuple(
    (re.compile("(?:/.*)?/api/" + re.sub("<([a-z]+)>", r"(?P<\1>[^/]+)", path)), route) for path, route in _SENTRY_PATHS
)
_SENTRY_ELSE = re.compile(r"(?:/.*)?/api(?:/.*)?")
# Where an SDK arrives with what is not taken here; it is told in its own form.
_NO_ENDPOINT = Route(name="sentry_unknown", family=Family.SENTRY, methods=())
# A client of Sentry's has one path for all that it sends.
_FOUND_MAX_COUNT = 256
_SLASHES = re.compile(r"/{2,}")
# Letters, digits and four signs mean the same percent-encoded (RFC 3986 6.2.2.2).
_NEEDLESSLY_ENCODED = re.compile(r"%(2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])", re.IGNORECASE)
# A request target may name the whole URL, as if to a proxy (RFC 9112 3.2.2).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/]*", re.IGNORECASE)
# Where gRPC's calls of OTLP go.
_GRPC = "/opentelemetry.proto.collector."
# Where a misconfigured exporter arrives; it is told in its own form.
_NO_SIGNAL = Route(name="otlp_unknown", family=Family.OTLP, methods=())
# Where nothing comes of an exporter; one that does is mistaken.
_NOT_EXPORTERS = {route.name for route in (CONTROL, HEALTHZ, READYZ, METRICS, _NO_ENDPOINT)}
_SIGNALS = tuple(path for path, route in _EXACT.items() if route.signal is not None)
_MISTAKEN = re.compile(r"/v1(?:development)?(?:/.*)?|(?:/.*)?/(?:traces|logs|metrics|profiles|otlp)", re.IGNORECASE)
# Nobody but an exporter sends it; and JSON to where nothing is read.
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def find(raw_path: str, headers: Mapping[str, str] = _NO_HEADERS, method: str = "POST") -> Found:
    """Answer the route of a request by its raw path (percent-encoded, query included); every path has one."""
    found = _FOUND.get(raw_path) or _find_laxly(raw_path.partition("?")[0])
    if found.route.name in _NOT_EXPORTERS:
        content_type = headers.get("Content-Type", "").lower()
        is_operation = found.route.family is Family.OPERATIONS
        sent_by_exporters = (_PROTOBUF, _JSON) if is_operation else (_PROTOBUF,)
        if content_type.startswith(sent_by_exporters) and (method == "POST" or not is_operation):
            return Found(route=_NO_SIGNAL, path=found.path)
    return found


def check_method(found: Found, method: str) -> None:
    """Return if a route answers a method.

    Raises:
        NotFound: nothing stands at this path.
        MethodNotAllowed: something does, for other methods.
    """
    methods = found.route.methods
    if found.route is _NO_ENDPOINT:
        raise NotFound("No endpoint of Sentry's stands at this path. Envelopes go to /api/<channel>/envelope/.")
    if not methods:
        raise NotFound(
            "Nothing stands at this path. OTLP goes to /v1/traces, /v1/logs and /v1/metrics: "
            "set the exporter's endpoint to the root of this URL."
        )
    if method not in methods:
        raise MethodNotAllowed(f"{method} is not answered here; use {' or '.join(methods)}.", allowed=methods)


@lru_cache(maxsize=_FOUND_MAX_COUNT)
def _find_laxly(raw_path: str) -> Found:
    path = _NEEDLESSLY_ENCODED.sub(lambda found: unquote(found[0]), _without_origin(raw_path))
    path = _SLASHES.sub("/", path)
    path = path.rstrip("/") or "/"
    if (found := _FOUND.get(path)) is not None:
        return found
    if "/api/" in f"{path}/" and (sentry := _find_sentry(path)) is not None:
        return sentry
    if path == "/" or path.startswith(_GRPC) or _MISTAKEN.fullmatch(path) is not None:
        return Found(route=_NO_SIGNAL, path=path)
    return Found(route=CONTROL, path=path)


def _without_origin(raw_path: str) -> str:
    origin = None if raw_path.startswith("/") else _ORIGIN.match(raw_path)
    return raw_path if origin is None else raw_path[origin.end() :]


def _find_sentry(path: str) -> Found | None:
    for pattern, route in _SENTRY:
        if (found := pattern.fullmatch(path)) is not None:
            parameters = {name: plain(unquote(text)) for name, text in found.groupdict().items()}
            return Found(route=route, path=path, parameters=parameters)
    is_of_sentrys = _SENTRY_ELSE.fullmatch(path) is not None and not path.endswith(_SIGNALS)
    return Found(route=_NO_ENDPOINT, path=path) if is_of_sentrys else None
