"""Bytes to the protobuf message of a request, whichever format they are in."""

from typing import Literal, overload

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from gateway.protocols.otlp.as_json.convert import to_message
from gateway.protocols.otlp.as_json.read import read
from gateway.protocols.otlp.explain import explain, other_signal
from gateway.protocols.otlp.messages import REQUESTS, Request
from schemas.errors import Malformed
from schemas.signals import Format, Signal


@overload
def decode(signal: Literal[Signal.TRACES], payload_format: Format, data: bytes) -> ExportTraceServiceRequest: ...
@overload
def decode(signal: Literal[Signal.LOGS], payload_format: Format, data: bytes) -> ExportLogsServiceRequest: ...
@overload
def decode(signal: Literal[Signal.METRICS], payload_format: Format, data: bytes) -> ExportMetricsServiceRequest: ...
@overload
def decode(signal: Signal, payload_format: Format, data: bytes) -> Request: ...
def decode(signal: Signal, payload_format: Format, data: bytes) -> Request:
    """Read a request that `validate` has let pass, as the message of its protobuf form.

    Raises:
        Malformed, PayloadTooLarge: the bytes are no such request.
    """
    if payload_format is Format.PROTOBUF:
        return parse(signal, data)
    request, _ = read(signal, data)
    try:
        return to_message(signal, request)
    except ValueError as error:
        msg = f"The JSON body holds an id that is no hex: {error}."
        raise Malformed(msg) from error


def parse(signal: Signal, data: bytes) -> Request:
    """Parse a protobuf request.

    Raises:
        Malformed: it is none; the message names the byte and the field, or the signal that it is instead.
    """
    try:
        return REQUESTS[signal].FromString(data)
    except DecodeError as error:
        other = other_signal(signal, data)
        raise wrong_signal(signal, other) if other else Malformed(explain(signal, data)) from error


def wrong_signal(signal: Signal, other: Signal) -> Malformed:
    """Name the path that a request should have been sent to."""
    return Malformed(f"This is a request with {other}, but it was sent to /v1/{signal}. Send it to /v1/{other}.")
