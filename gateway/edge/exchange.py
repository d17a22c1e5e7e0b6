"""One request and what is known of it so far, and its answer: the headers that every answer carries."""

from typing import Final

from aiohttp import web
from multidict import CIMultiDict, istr

from gateway.edge.routes import Family, Found
from gateway.protocols.body import Codec, codec_of
from gateway.protocols.replies import Reply
from schemas.environment import Resolution
from schemas.errors import Malformed

_ENVIRONMENT: Final = istr("x-axonpush-resolved-environment")
_VIA: Final = istr("x-axonpush-resolved-via")
_OVERRIDE: Final = istr("x-axonpush-override")
_DRY_RUN: Final = istr("x-axonpush-dry-run")
_SERVER: Final = istr("Server")
_ORIGIN: Final = istr("Origin")
# Without the versions that aiohttp would name.
SERVER_NAME = "axonpush"

# What a script in a browser may read; credentials (cookies) are never asked for, so any origin may.
_EXPOSED = (
    "x-sentry-error, x-sentry-rate-limits, retry-after, "
    "x-axonpush-resolved-environment, x-axonpush-resolved-via, x-axonpush-override, x-axonpush-dry-run"
)
_ALLOWED_REQUEST_HEADERS = (
    "x-sentry-auth, x-api-key, x-axonpush-channel, x-axonpush-environment, content-type, content-encoding, "
    "authorization, sentry-trace, baggage, x-requested-with, origin, referer, accept"
)
CROSS_ORIGIN = {
    istr("Access-Control-Allow-Origin"): "*",
    istr("Access-Control-Expose-Headers"): _EXPOSED,
    istr("Cross-Origin-Resource-Policy"): "cross-origin",
}
_PREFLIGHT = {
    **CROSS_ORIGIN,
    "Server": SERVER_NAME,
    "Access-Control-Allow-Headers": _ALLOWED_REQUEST_HEADERS,
    "Access-Control-Max-Age": "3600",
}
_DRY_RUNS = {"1": True, "true": True, "0": False, "false": False}
_ASKED_BY_BROWSERS = (Family.OTLP, Family.SENTRY)


class Exchange:
    """A request on its way: `resolution` is set once it is known where the request belongs.

    `body_bytes` is set once the body has been read, `admitted_bytes` once its limits let the request in.
    `refused_caller` (environment and credential) is set where a good key was refused: its usage says so;
    `former_caller` where the key was good once. With `is_dry_run` everything is checked, and nothing is published or
    counted.
    """

    __slots__ = (
        *("admitted_bytes", "body_bytes", "former_caller", "found", "is_dry_run", "refused_caller", "request"),
        "resolution",
    )

    def __init__(self, request: web.BaseRequest, found: Found) -> None:
        self.request = request
        self.found = found
        self.resolution: Resolution | None = None
        self.admitted_bytes: int | None = None
        self.body_bytes: int | None = None
        self.refused_caller: tuple[str, str] | None = None
        self.former_caller: tuple[str, str] | None = None
        self.is_dry_run = False

    def read_query(self) -> None:
        """Find out whether this is a dry run: `?dryRun=1`.

        Raises:
            Malformed: `dryRun` says something else than yes or no; taken for no, it would publish.
        """
        # Nearly no request has a query, and parsing none costs too.
        said = self.request.query.get("dryRun") if "?" in self.request.raw_path else None
        if said is None:
            return
        if said.lower() not in _DRY_RUNS:
            raise Malformed("?dryRun is 1 for a dry run, or 0.", reason="bad_dry_run")
        self.is_dry_run = _DRY_RUNS[said.lower()]

    def codec(self, *, lenient: bool) -> Codec:
        """Answer the content encoding of the body; several lines of it are one list. See `codec_of` for the error."""
        return codec_of(", ".join(self.request.headers.getall("Content-Encoding", ())), lenient=lenient)

    def answer(self, reply: Reply) -> web.Response:
        """Turn a reply into aiohttp's response, with the headers that tell where the request belongs."""
        headers: CIMultiDict[str] = CIMultiDict(reply.headers)
        headers[_SERVER] = SERVER_NAME
        if self.is_dry_run:
            headers[_DRY_RUN] = "true"
        if (resolution := self.resolution) is not None:
            headers[_ENVIRONMENT] = resolution.environment_slug
            headers[_VIA] = resolution.via
            if resolution.is_override_ignored:
                headers[_OVERRIDE] = "ignored"
        is_from_a_page = _ORIGIN in self.request.headers and self.found.route.family in _ASKED_BY_BROWSERS
        # A browser names no origin where it asks for an image, and yet needs leave to show it.
        if self.found.is_of_sentrys or is_from_a_page:
            headers.update(CROSS_ORIGIN)
        return web.Response(status=reply.status, reason=reply.reason, headers=headers, body=reply.pieces or reply.body)

    def has_preflight(self) -> bool:
        """Tell whether a browser may ask here; also where nothing stands, or its page could not read so."""
        return self.found.route.family in _ASKED_BY_BROWSERS

    def preflight(self) -> web.Response:
        """Answer a browser's question whether it may send; no key is needed to ask."""
        route = self.found.route
        methods = ", ".join(method for method in route.methods if method != "OPTIONS") or "POST"
        headers = {**_PREFLIGHT, "Access-Control-Allow-Methods": methods}
        # Sentry's own servers answer with 200, and some SDKs' tunnels compare.
        return web.Response(status=200 if self.found.is_of_sentrys else 204, headers=headers)
