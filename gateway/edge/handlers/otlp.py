"""OTLP over HTTP: `/v1/logs`, `/v1/traces`, `/v1/metrics`."""

from gateway.edge.exchange import Exchange
from gateway.edge.http2 import advice
from gateway.edge.ingest import Ingest
from gateway.identity.credentials import otlp_key, project_of, sentry_key, single, with_dsn
from gateway.protocols import otlp
from gateway.protocols.body import Codec
from gateway.protocols.replies import Reply, otlp_error, otlp_success
from schemas.errors import GatewayError, UnsupportedMedia
from schemas.signals import Format, Signal

_FORMATS = {"application/x-protobuf": Format.PROTOBUF, "application/json": Format.JSON}
_GRPC = "application/grpc"


def format_of(exchange: Exchange) -> Format | None:
    """Answer how the request is written, by its content type; parameters such as a charset do not matter."""
    content_type = exchange.request.headers.get("Content-Type", "")
    found = _FORMATS.get(content_type)
    return found or _FORMATS.get(content_type.partition(";")[0].strip().lower())


async def answer(ingest: Ingest, exchange: Exchange) -> Reply:
    """Take a request: whose it is is decided before its body is read, and it is answered once Kafka has it.

    Raises:
        GatewayError: see `refuse`.
    """
    request = exchange.request
    signal = exchange.found.route.signal or Signal.TRACES
    payload_format = format_of(exchange)
    if payload_format is None and request.headers.get("Content-Type", "").startswith(_GRPC):
        raise UnsupportedMedia(advice(""))
    resolution = await ingest.resolve(exchange, *_key_and_channel(exchange), signal)
    if payload_format is None:
        raise UnsupportedMedia("Content-Type must be application/x-protobuf or application/json.")
    codec = exchange.codec(lenient=exchange.found.is_of_sentrys)
    with ingest.admission.request(resolution.environment_id) as hold:
        body = await ingest.read(exchange, hold)
        data = ingest.inflate(body, codec, hold, max_bytes=ingest.limits.otlp_inflated_max_bytes)
        verdict = otlp.validate(signal, payload_format, data, ingest.limits)
        if verdict.rewritten is not None:
            data, codec = verdict.rewritten, Codec.IDENTITY
            hold.grow(len(data))
        if ingest.is_larger_than_a_record(body, data, codec):
            verdict, parts = otlp.split(signal, payload_format, data, verdict, ingest.sizes)
            await ingest.publish_parts(exchange, resolution, signal, payload_format, parts)
        elif verdict.accepted:
            await ingest.publish(exchange, resolution, signal, payload_format, body=body, data=data, codec=codec)
    ingest.accept(exchange, resolution, signal, verdict.accepted, verdict.rejected)
    return otlp_success(signal, payload_format, verdict)


def _key_and_channel(exchange: Exchange) -> tuple[str, str | None]:
    """Answer what the request says; under a path of Sentry's it says it as Sentry's clients do."""
    request = exchange.request
    channel = project_of(exchange.found.parameters.get("channel"))
    if channel is not None:
        return with_dsn(sentry_key(request.headers, request.query), None), channel
    return otlp_key(request.headers), single(request.headers, "X-Axonpush-Channel")


def refuse(exchange: Exchange, error: GatewayError) -> Reply:
    """Tell an error as a google.rpc.Status in the request's own encoding; JSON where that is unknown."""
    return otlp_error(error, format_of(exchange) or Format.JSON)
