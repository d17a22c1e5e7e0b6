"""Sentry: every endpoint of `/api/<channel>/`, by what makes an envelope of a request and how it is answered."""

import secrets
from collections.abc import Callable

from msgspec import Struct, structs

from gateway.edge.admission import UNKNOWN, Hold
from gateway.edge.exchange import Exchange
from gateway.edge.handlers.sentry_publishing import publish
from gateway.edge.handlers.sentry_taking import Taken, take
from gateway.edge.ingest import Ingest
from gateway.edge.routes import ATTACHMENTS, CHECK_IN, ENVELOPE, MINIDUMP, NEL, SECURITY, STORE, UNREAL
from gateway.protocols.replies import Reply, sentry_error, sentry_success
from gateway.protocols.sentry import attachments, cron, endpoint_replies, envelope, minidump, security, store
from gateway.protocols.sentry.envelope import Envelope, Item
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.sentry.quotas import RATE_LIMITS_HEADER
from gateway.runtime import metrics
from schemas.errors import GatewayError, RateLimited
from schemas.signals import Signal

_ENVELOPE_TYPE = "application/x-sentry-envelope"
_CLIENT_REPORT = "client_report"


class Endpoint(Struct, frozen=True):
    """How an endpoint makes an envelope of a request (None where it is one), and how it answers with an event's id.

    Clients that send again whatever is not a success are told none of their limits: `is_never_limited`.
    """

    to_envelope: Callable[[Posted], Envelope] | None
    reply: Callable[[str | None], Reply]
    is_never_limited: bool = False


_ENVELOPE = Endpoint(None, sentry_success)
_PIXEL = Endpoint(store.to_envelope, lambda _: endpoint_replies.PIXEL)
_ENDPOINTS = {
    ENVELOPE.name: _ENVELOPE,
    STORE.name: Endpoint(store.to_envelope, sentry_success),
    SECURITY.name: Endpoint(security.to_envelope, lambda _: endpoint_replies.EMPTY),
    NEL.name: Endpoint(security.nel_to_envelope, lambda _: endpoint_replies.EMPTY, is_never_limited=True),
    MINIDUMP.name: Endpoint(minidump.to_envelope, endpoint_replies.text_id, is_never_limited=True),
    UNREAL.name: Endpoint(attachments.unreal_to_envelope, endpoint_replies.text_id, is_never_limited=True),
    CHECK_IN.name: Endpoint(cron.to_envelope, lambda _: endpoint_replies.ACCEPTED, is_never_limited=True),
    ATTACHMENTS.name: Endpoint(attachments.to_envelope, lambda _: endpoint_replies.CREATED),
}


async def answer(ingest: Ingest, exchange: Exchange) -> Reply:
    """Take a request, see `take`, and answer it once Kafka has it.

    Raises:
        GatewayError: see `refuse`.
    """
    endpoint = _endpoint_of(exchange)
    with ingest.admission.request(UNKNOWN) as hold:
        taken = await take(ingest, exchange, hold, is_envelope=endpoint.to_envelope is None)
        parsed = _parsed(ingest, exchange, hold, endpoint, taken)
        resolution = exchange.resolution
        assert resolution is not None
        let_in = _let_in(parsed.items, taken.limit)
        passed = ingest.pass_items(exchange, resolution, let_in, parsed.headers.get("sdk"))
        is_all = len(passed.items) == len(parsed.items)
        event_id = envelope.event_id_of(parsed)
        if passed.items:
            kept = Envelope(parsed.headers, passed.items)
            ingest_id = await publish(ingest, exchange, resolution, hold, taken, kept=kept, is_all=is_all)
            if envelope.needs_event_id(parsed):
                # The worker takes the ingest id too where an event has none.
                event_id = event_id or ingest_id.hex()
    ingest.accept(exchange, resolution, Signal.SENTRY, len(passed.items))
    if taken.limit is not None and not is_all:
        raise taken.limit
    return _told(endpoint.reply(event_id), passed.announced)


def refuse(exchange: Exchange, error: GatewayError) -> Reply:
    """Tell an error as `{"detail", "causes"}`, and in `x-sentry-error`; a limit to some endpoints not at all."""
    if isinstance(error, RateLimited) and _endpoint_of(exchange).is_never_limited:
        # It is answered as if taken, with an id where others are.
        return _endpoint_of(exchange).reply(secrets.token_hex(16))
    return sentry_error(error)


def _endpoint_of(exchange: Exchange) -> Endpoint:
    name = exchange.found.route.name
    if name == STORE.name:
        if exchange.request.method == "GET":
            return _PIXEL
        if exchange.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == _ENVELOPE_TYPE:
            return _ENVELOPE
    return _ENDPOINTS[name]


def _parsed(ingest: Ingest, exchange: Exchange, hold: Hold, endpoint: Endpoint, taken: Taken) -> Envelope:
    """Answer the envelope that a request is, or that is made of it, within the limits of its items."""
    if endpoint.to_envelope is None:
        parsed = envelope.parse(taken.data)
    else:
        hold.grow(len(taken.data))  # what is made of it holds the same again
        parsed = endpoint.to_envelope(_posted(ingest, exchange, taken.data))
        # Some of it may have been compressed once more.
        hold.grow(max(0, sum([len(item.payload) for item in parsed.items]) - len(taken.data)))
    for name in envelope.ignored_headers(parsed):
        metrics.SENTRY_IGNORED_HEADERS.labels(name).inc()
    ingest.item_limits.check(parsed)
    return parsed


def _posted(ingest: Ingest, exchange: Exchange, data: bytes) -> Posted:
    request = exchange.request
    return Posted(
        body=data,
        content_type=request.headers.get("Content-Type", ""),
        query=request.query,
        path=exchange.found.parameters,
        fresh_id=secrets.token_hex(16),
        max_bytes=ingest.limits.envelope_inflated_max_bytes,
    )


def _let_in(items: list[Item], limit: RateLimited | None) -> list[Item]:
    """Answer what a limit lets in: all where there is none, else client reports; without any of them it is raised."""
    if limit is None:
        return items
    reports = [item for item in items if item.type == _CLIENT_REPORT]
    if not reports:
        raise limit
    return reports


def _told(reply: Reply, announced: str) -> Reply:
    """Tell of the categories that are limited, or not wanted at all."""
    return structs.replace(reply, headers=(*reply.headers, (RATE_LIMITS_HEADER, announced))) if announced else reply
