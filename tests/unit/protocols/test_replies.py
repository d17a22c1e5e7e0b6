"""Answers: one status for every error, each protocol's own body, and no credential in any of them."""

import inspect
import json
from typing import Literal

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from gateway.protocols.body import codec_of
from gateway.protocols.otlp import Verdict
from gateway.protocols.replies import STATUS, otlp_error, otlp_success, problem, sentry_error, sentry_success
from schemas import errors
from schemas.errors import (
    Forbidden,
    GatewayError,
    Gone,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    UnsupportedMedia,
)
from schemas.signals import Format, Signal

KEY = "ak_prod_01J8ZQ4X7M2N3P5R6S8T9V0W1Xabcdefghijklmnop"
RESPONSES = {
    Signal.TRACES: ExportTraceServiceResponse,
    Signal.LOGS: ExportLogsServiceResponse,
    Signal.METRICS: ExportMetricsServiceResponse,
}


def test_every_error_of_the_product_has_a_status() -> None:
    classes = {found for _, found in inspect.getmembers(errors, inspect.isclass) if issubclass(found, GatewayError)}
    assert set(STATUS) == classes


@pytest.mark.clause("OTLP 4b", "OTLP 4c")
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Malformed("m"), 400, 3),
        (Unauthenticated("m", reason="no_credential"), 401, 16),
        (Unauthenticated("m", reason="bad_credential"), 401, 16),
        (Forbidden("m"), 403, 7),
        (NotFound("m"), 404, 5),
        (MethodNotAllowed("m", allowed=("POST",)), 405, 12),
        (errors.RequestTimeout("m"), 408, 4),
        (errors.Conflict("m"), 409, 6),
        (Gone("m"), 410, 5),
        (PayloadTooLarge("m"), 413, 8),
        (UnsupportedMedia("m"), 415, 3),
        (errors.Unprocessable("m"), 422, 3),
        (RateLimited("m"), 429, 8),
        (GatewayError("m"), 500, 13),
        (Overloaded("m"), 503, 14),
        (errors.StreamUnavailable("m"), 503, 14),
        (errors.DirectoryUnavailable("m"), 503, 14),
        (errors.StoreTransient("m"), 503, 14),
    ],
)
def test_otlp_errors_are_a_status_in_the_requests_encoding(error: GatewayError, status: int, code: int) -> None:
    reply = otlp_error(error, Format.PROTOBUF)
    assert (reply.status, reply.headers[0], reply.reason) == (status, ("Content-Type", "application/x-protobuf"), "m")
    assert Status.FromString(reply.body) == Status(code=code, message="m")
    reply = otlp_error(error, Format.JSON)
    assert (reply.status, reply.headers[0], reply.reason) == (status, ("Content-Type", "application/json"), "m")
    assert json.loads(reply.body) == {"code": code, "message": "m"}


@pytest.mark.clause("OTLP 1b", "OTLP 2b")
@pytest.mark.parametrize("signal", list(RESPONSES))
def test_full_success_says_no_more_than_it_has_to(signal: Signal) -> None:
    reply = otlp_success(signal, Format.PROTOBUF, Verdict(3))
    assert (reply.status, reply.headers, reply.body) == (200, (("Content-Type", "application/x-protobuf"),), b"")
    reply = otlp_success(signal, Format.JSON, Verdict(3))
    assert (reply.status, reply.headers, reply.body) == (200, (("Content-Type", "application/json"),), b"{}")


@pytest.mark.clause("OTLP 10a", "OTLP 10b", "OTLP 10c")
@pytest.mark.parametrize("signal", list(RESPONSES))
@pytest.mark.parametrize("rejected", [0, 1, 300])
def test_partial_success_is_the_same_in_both_formats(signal: Signal, rejected: int) -> None:
    verdict = Verdict(2, rejected, "Some were refused: é.")
    parsed = MessageToDict(RESPONSES[signal].FromString(otlp_success(signal, Format.PROTOBUF, verdict).body))
    assert json.loads(otlp_success(signal, Format.JSON, verdict).body) == parsed
    assert parsed["partialSuccess"].pop("errorMessage") == "Some were refused: é."
    assert list(parsed["partialSuccess"].values()) == ([str(rejected)] if rejected else [])


@pytest.mark.clause("OTLP 5a", "OTLP 17a", "OTLP 17b")
@pytest.mark.parametrize(
    ("error", "header"),
    [
        (Overloaded("m", retry_after_seconds=3), ("Retry-After", "3")),
        (RateLimited("m", retry_after_seconds=60), ("Retry-After", "60")),
        (errors.StoreTransient("m"), ("Retry-After", "1")),
        (MethodNotAllowed("m", allowed=("POST", "OPTIONS")), ("Allow", "POST, OPTIONS")),
        (Unauthenticated("m"), ("WWW-Authenticate", "Bearer")),
    ],
)
def test_headers_beside_a_status(error: GatewayError, header: tuple[str, str]) -> None:
    for reply in (otlp_error(error, Format.JSON), sentry_error(error), problem(error)):
        assert header in reply.headers


@pytest.mark.parametrize(("scope", "told"), [("key", "key"), ("environment", "project")])
def test_a_sentry_sdk_is_told_which_categories_are_limited(scope: Literal["key", "environment"], told: str) -> None:
    error = RateLimited("m", retry_after_seconds=60, reason="quota_exceeded", scope=scope)
    headers = dict(sentry_error(error).headers)
    assert headers["Retry-After"] == "60"
    seconds, categories, where, reason = headers["X-Sentry-Rate-Limits"].split(":")
    assert (seconds, where, reason) == ("60", told, "quota_exceeded")
    assert {"error", "transaction", "session", "log_item", "span", "replay", "monitor"} <= set(categories.split(";"))
    # A client report says what was lost: it is never limited.
    assert not {"internal", ""} & set(categories.split(";"))
    assert "X-Sentry-Rate-Limits" not in dict(sentry_error(Overloaded("m")).headers)
    assert "X-Sentry-Rate-Limits" not in dict(otlp_error(error, Format.JSON).headers)


@pytest.mark.clause("OTLP 13b")
def test_an_unknown_encoding_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnsupportedMedia) as caught:
        codec_of("lzma", lenient=False)
    assert ("Accept-Encoding", "gzip, deflate, br, zstd") in otlp_error(caught.value, Format.PROTOBUF).headers
    assert "Accept-Encoding" not in dict(otlp_error(UnsupportedMedia("m"), Format.PROTOBUF).headers)


@pytest.mark.parametrize(
    ("reason", "status"), [("no_credential", 401), ("conflicting_credentials", 401), ("bad_credential", 403)]
)
def test_sentry_tells_a_bad_key_from_none(reason: str, status: int) -> None:
    reply = sentry_error(Unauthenticated("The key is not valid.", reason=reason))
    assert reply.status == status
    assert json.loads(reply.body) == {"detail": "The key is not valid.", "causes": ["The key is not valid."]}
    assert ("X-Sentry-Error", "The key is not valid.") in reply.headers
    assert ("WWW-Authenticate" in dict(reply.headers)) is (status == 401)


def test_sentry_success() -> None:
    assert json.loads(sentry_success("a" * 32).body) == {"id": "a" * 32}
    assert sentry_success(None).body == b"{}"
    assert sentry_success(None).headers == (("Content-Type", "application/json"),)


def test_problem_bodies() -> None:
    reply = problem(NotFound("No app has this id."))
    assert reply.status == 404
    assert reply.headers == (("Content-Type", "application/problem+json"),)
    assert json.loads(reply.body) == {
        "type": "urn:axonpush:error:not_found",
        "title": "Not Found",
        "status": 404,
        "detail": "No app has this id.",
    }


def test_a_message_in_a_line_is_short_and_printable() -> None:
    error = Malformed("Grüße\r\nSet-Cookie: a=b\x00" + "x" * 500)
    for line in (otlp_error(error, Format.JSON).reason, dict(sentry_error(error).headers)["X-Sentry-Error"]):
        assert line is not None
        assert len(line) <= 120
        assert line.isascii()
        assert line.isprintable()


@pytest.mark.clause("OTLP 19b")
def test_messages_are_cut_to_a_kibibyte() -> None:
    message = json.loads(problem(Malformed("é" * 2000 + "\ud800")).body)["detail"]
    assert 1000 < len(message.encode()) <= 1024
    assert message.endswith("é...")


@pytest.mark.parametrize("prefix", ["ak", "pt", "mk"])
def test_no_answer_carries_a_credential(prefix: str) -> None:
    key = prefix + KEY[2:]
    error = Malformed(f"The header X-Axonpush-Environment says {key!r}; (Bearer {key}).")
    replies = [otlp_error(error, Format.PROTOBUF), otlp_error(error, Format.JSON), sentry_error(error), problem(error)]
    replies.append(otlp_success(Signal.TRACES, Format.JSON, Verdict(1, 1, error.message)))
    for reply in replies:
        whole = repr(reply)
        assert key not in whole
        assert key[8:] not in whole
    assert f"{prefix}_***" in json.loads(replies[1].body)["message"]


def test_words_that_only_look_like_keys_stay() -> None:
    message = "Field `task_identifier_of_a_job`: Authorization: Bearer mk_…, ak_prod."
    assert json.loads(problem(Malformed(message)).body)["detail"] == message
