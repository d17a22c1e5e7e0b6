"""Answers: an error or a result becomes status, headers and body in the form of the protocol that asked."""

import re
from collections.abc import AsyncIterator
from http import HTTPStatus

import msgspec
from msgspec import Struct

from gateway.protocols.body import ACCEPT_ENCODING, UNSUPPORTED_ENCODING
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.sentry.categories import LIMITABLE, announced_as
from gateway.protocols.sentry.quotas import RATE_LIMITS_HEADER, CategoriesLimited, Limited, rate_limits
from schemas import errors
from schemas.errors import Deferred, GatewayError, MethodNotAllowed, RateLimited
from schemas.signals import Format, Signal

Headers = tuple[tuple[str, str], ...]


class Reply(Struct, frozen=True):
    """One answer; `reason` is the phrase of the status line, None for the usual one.

    What is too large for a `body` comes in `pieces`; a header announces their size.
    """

    status: int
    headers: Headers
    body: bytes
    reason: str | None = None
    pieces: AsyncIterator[bytes] | None = None


STATUS: dict[type[GatewayError], HTTPStatus] = {
    GatewayError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.Rejected: HTTPStatus.BAD_REQUEST,
    errors.Malformed: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.RequestTimeout: HTTPStatus.REQUEST_TIMEOUT,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Gone: HTTPStatus.GONE,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.PayloadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.Unprocessable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ConfirmationRequired: HTTPStatus.PRECONDITION_REQUIRED,
    errors.HeadTooLarge: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.UnsupportedTransfer: HTTPStatus.NOT_IMPLEMENTED,
    errors.Deferred: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Overloaded: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StreamUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DirectoryUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PoisonRecord: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StoreError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.StoreTransient: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorePermanent: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.AssignmentLost: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.ConfigError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""Every error class of the product, and the status that tells it."""

# google.rpc.Code, as in the comments of google/rpc/code.proto and the gRPC mapping of HTTP statuses.
_RPC_CODES: dict[HTTPStatus, int] = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.METHOD_NOT_ALLOWED: 12,
    HTTPStatus.REQUEST_TIMEOUT: 4,
    HTTPStatus.CONFLICT: 6,
    HTTPStatus.GONE: 5,
    HTTPStatus.PRECONDITION_FAILED: 9,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: 8,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: 3,
    HTTPStatus.UNPROCESSABLE_ENTITY: 3,
    HTTPStatus.PRECONDITION_REQUIRED: 9,
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: 8,
    HTTPStatus.NOT_IMPLEMENTED: 12,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.INTERNAL_SERVER_ERROR: 13,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
}

# Go's exporter compares the type with exactly this text, so no charset follows.
_CONTENT_TYPES = {Format.PROTOBUF: "application/x-protobuf", Format.JSON: "application/json"}
_JSON: Headers = (("Content-Type", "application/json"),)
_REJECTED_FIELDS = {
    Signal.TRACES: "rejectedSpans",
    Signal.LOGS: "rejectedLogRecords",
    Signal.METRICS: "rejectedDataPoints",
}
# What has no category of its own is "default" to SDKs.
_SENTRY_CATEGORIES = (*announced_as(LIMITABLE), "default")
_SENTRY_SCOPES = {"key": "key", "environment": "project"}
_MESSAGE_MAX_BYTES = 1024
_LINE_MAX_CHARACTERS = 120
_CREDENTIAL = re.compile(r"(?<![A-Za-z0-9])(ak|pt|mk)_[A-Za-z0-9_]{8,}")
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]+")


# The answer of nearly all requests, made once.
_FULL_SUCCESS = {
    payload_format: Reply(status=200, headers=(("Content-Type", _CONTENT_TYPES[payload_format]),), body=body)
    for payload_format, body in ((Format.PROTOBUF, b""), (Format.JSON, b"{}"))
}


def otlp_success(signal: Signal, payload_format: Format, verdict: Verdict) -> Reply:
    """Answer 200 with Export*ServiceResponse: empty where everything was accepted, else with a partial success."""
    if not verdict.rejected and not verdict.message:
        return _FULL_SUCCESS[payload_format]
    headers: Headers = (("Content-Type", _CONTENT_TYPES[payload_format]),)
    message = public(verdict.message)
    if payload_format is Format.JSON:
        partial = {"errorMessage": message}
        if verdict.rejected:
            partial[_REJECTED_FIELDS[signal]] = str(verdict.rejected)  # 64-bit integers are strings in protobuf's JSON
        return Reply(status=200, headers=headers, body=msgspec.json.encode({"partialSuccess": partial}))
    partial = _number_and_text(verdict.rejected, message)
    return Reply(status=200, headers=headers, body=b"\x0a" + _varint(len(partial)) + partial)


def otlp_error(error: GatewayError, payload_format: Format) -> Reply:
    """Answer a google.rpc.Status in the request's own encoding; of a refusal Python's exporter logs the reason only."""
    status = _status_of(error)
    message = public(error.message)
    code = _RPC_CODES[status]
    if payload_format is Format.PROTOBUF:
        body = _number_and_text(code, message)
    else:
        body = msgspec.json.encode({"code": code, "message": message})
    content_type = _CONTENT_TYPES.get(payload_format, "application/json")
    headers = (("Content-Type", content_type), *_headers_of(error, status))
    return Reply(status=status, headers=headers, body=body, reason=_line(message))


def sentry_success(event_id: str | None) -> Reply:
    """Answer 200 with the event's id (32 hex digits), or with `{}` where the envelope has none."""
    return Reply(status=200, headers=_JSON, body=msgspec.json.encode({"id": event_id} if event_id else {}))


def sentry_error(error: GatewayError) -> Reply:
    """Answer `{"detail", "causes"}`; a key that is known to be none is 403 here, as Sentry's SDKs expect."""
    status = _status_of(error)
    if error.reason == "bad_credential":
        status = HTTPStatus.FORBIDDEN
    message = public(error.message)
    headers = (*_JSON, ("X-Sentry-Error", _line(message)), *_headers_of(error, status), *_sentry_limits(error))
    return Reply(status=status, headers=headers, body=msgspec.json.encode({"detail": message, "causes": [message]}))


def anyones_error(error: GatewayError) -> Reply:
    """Answer where it is not known whose form is asked for: OTLP's in JSON, Sentry's and a problem's at once."""
    status, message = _status_of(error), public(error.message)
    body = {**_problem(error), "code": _RPC_CODES[status], "message": message, "causes": [message]}
    headers = (*_JSON, ("X-Sentry-Error", _line(message)))
    return Reply(status=status, headers=headers, body=msgspec.json.encode(body), reason=_line(message))


def problem(error: GatewayError) -> Reply:
    """Answer a problem body (RFC 9457); its type is `urn:axonpush:error:` and the error's reason."""
    status = _status_of(error)
    headers = (("Content-Type", "application/problem+json"), *_headers_of(error, status))
    return Reply(status=status, headers=headers, body=msgspec.json.encode(_problem(error)))


def _problem(error: GatewayError) -> dict[str, object]:
    status = _status_of(error)
    return {
        **error.members,
        "type": f"urn:axonpush:error:{error.reason}",
        "title": status.phrase,
        "status": int(status),
        "detail": public(error.message),
    }


def public(message: str) -> str:
    """Cut a message to 1 KiB of UTF-8, and mask what looks like a key: a client may have sent one in any place."""
    masked = _CREDENTIAL.sub(r"\1_***", message)
    encoded = masked.encode("utf-8", "replace")
    if len(encoded) <= _MESSAGE_MAX_BYTES:
        return encoded.decode()
    return encoded[: _MESSAGE_MAX_BYTES - 3].decode("utf-8", "ignore") + "..."


def _line(message: str) -> str:
    """Make a message fit into a header or a status line: printable ASCII, and short."""
    return _NOT_PRINTABLE.sub("?", message)[:_LINE_MAX_CHARACTERS].strip()


def _status_of(error: GatewayError) -> HTTPStatus:
    return next(STATUS[base] for base in type(error).__mro__ if base in STATUS)


def _headers_of(error: GatewayError, status: HTTPStatus) -> Headers:
    """Add what HTTP asks for beside some statuses (RFC 9110 10.2.1, 10.2.3, 11.6.1, 12.5.3)."""
    if isinstance(error, Deferred):
        return (("Retry-After", str(error.retry_after_seconds)),)
    if isinstance(error, MethodNotAllowed):
        return (("Allow", ", ".join(error.allowed)),)
    if error.reason == UNSUPPORTED_ENCODING:
        return (("Accept-Encoding", ACCEPT_ENCODING),)
    if status is HTTPStatus.UNAUTHORIZED:
        return (("WWW-Authenticate", "Bearer"),)
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return (("Retry-After", "1"),)
    return ()


def _sentry_limits(error: GatewayError) -> Headers:
    """Name what is limited: a 429 that does not stops an SDK altogether."""
    if not isinstance(error, RateLimited):
        return ()
    if isinstance(error, CategoriesLimited):
        limits = error.limits
    else:
        seconds, scope = error.retry_after_seconds, _SENTRY_SCOPES[error.scope]
        limits = (Limited(seconds, _SENTRY_CATEGORIES, scope, error.reason),)
    return ((RATE_LIMITS_HEADER, rate_limits(limits)),)


def _number_and_text(number: int, text: str) -> bytes:
    """Encode google.rpc.Status (code, message) or Export*PartialSuccess (rejected, error_message): fields 1 and 2."""
    encoded = text.encode()
    head = b"\x08" + _varint(number) if number else b""
    return head + b"\x12" + _varint(len(encoded)) + encoded


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
