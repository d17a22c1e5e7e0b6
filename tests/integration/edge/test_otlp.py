"""What exporters rely on beside what all forms share: signals, encodings, partial success, CORS, odd requests."""

import asyncio
import base64
import gzip
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from gateway.edge.app import Edge
from tests.acceptance.sending import Answer, send
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, Form
from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World
from tests.unit.protocols.test_otlp_validate import GOOD, as_json, logs, metrics, traces

POINTS: dict[str, Any] = {"data_points": [{"time_unix_nano": 1, "as_int": 3}]}
REQUESTS: dict[str, Message] = {
    "traces": traces(GOOD),
    "logs": logs(GOOD),
    "metrics": metrics({"gauge": POINTS}, {"sum": POINTS}),
}
EMPTY: dict[str, type[Message]] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
RESPONSES: dict[str, type[Message]] = {
    "traces": ExportTraceServiceResponse,
    "logs": ExportLogsServiceResponse,
    "metrics": ExportMetricsServiceResponse,
}
LISTS = {"traces": "resourceSpans", "logs": "resourceLogs", "metrics": "resourceMetrics"}
PAGE = "https://shop.example"

SIGNALS = pytest.mark.parametrize("signal", list(REQUESTS))
ENCODINGS = pytest.mark.parametrize("encoding", ["protobuf", "json"])
COMPRESSIONS = pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "gzip"])


def post(
    world: World, key: str, signal: str, request: Message, encoding: str, *, is_compressed: bool = False, **more: str
) -> Answer:
    """Send a request in one of the encodings."""
    form = PROTOBUF if encoding == "protobuf" else JSON
    body = request.SerializeToString() if form is PROTOBUF else json.dumps(as_json(request)).encode()
    headers = {**form.headers(key), **{name.replace("_", "-"): text for name, text in more.items()}}
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
        body = gzip.compress(body, mtime=0)
    return send(f"{world.url}/v1/{signal}", headers=headers, body=body)


def told(signal: str, encoding: str, answer: Answer) -> tuple[int, str]:
    """Read a partial success: how many were rejected, and the message."""
    assert answer.status == 200, answer
    name = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}[signal]
    if encoding == "json":
        partial = answer.json().get("partialSuccess", {})
        assert isinstance(partial.get(name, ""), str)
        return int(partial.get(name, 0)), partial.get("errorMessage", "")
    response: Any = RESPONSES[signal].FromString(answer.body)
    field = {"traces": "rejected_spans", "logs": "rejected_log_records", "metrics": "rejected_data_points"}[signal]
    return getattr(response.partial_success, field), response.partial_success.error_message


@pytest.mark.clause("OTLP 1a", "OTLP 1b", "OTLP 2a", "OTLP 2b")
@COMPRESSIONS
@ENCODINGS
@SIGNALS
def test_success_is_exactly_what_the_protocol_says(
    world: World, shop: Shop, signal: str, encoding: str, *, is_compressed: bool
) -> None:
    answer = post(world, shop.key, signal, REQUESTS[signal], encoding, is_compressed=is_compressed)
    expected = ("application/x-protobuf", b"") if encoding == "protobuf" else ("application/json", b"{}")
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, *expected)


@pytest.mark.clause("OTLP 3")
@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/json; charset=utf-8", "json"),
        ("application/json;charset=UTF-8", "json"),
        ("APPLICATION/JSON", "json"),
        ("Application/X-Protobuf", "protobuf"),
        ("application/x-protobuf; messageType=x", "protobuf"),
    ],
)
def test_a_content_type_may_have_parameters_and_any_case(
    world: World, shop: Shop, content_type: str, encoding: str
) -> None:
    answer = post(world, shop.key, "traces", REQUESTS["traces"], encoding, Content_Type=content_type)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == ("application/json" if encoding == "json" else "application/x-protobuf")


@pytest.mark.clause("OTLP 13a", "OTLP 13b", "Sentry 20b")
@pytest.mark.parametrize(
    ("names", "status"), [(("identity", "gzip"), 200), (("gzip", "identity"), 200), (("gzip", "gzip"), 415)]
)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_content_encodings_on_several_lines_are_a_list(
    world: World, shop: Shop, form: Form, names: tuple[str, ...], status: int
) -> None:
    headers = [*form.headers(shop.key).items(), *(("Content-Encoding", name) for name in names)]
    path = form.path(shop.app.channel)
    answer = send(f"{world.url}{path}", headers=headers, body=gzip.compress(form.payload, mtime=0))
    assert answer.status == status, answer
    if status == 415:
        form.check_error(answer, status, "'gzip, gzip'")
        assert answer.headers["accept-encoding"] == "gzip, deflate, br, zstd"


@pytest.mark.clause("OTLP 6a")
@SIGNALS
def test_empty_requests_of_every_shape_publish_nothing(world: World, shop: Shop, signal: str) -> None:
    before = world.topics.records(shop.app.environments.values())
    name = LISTS[signal]
    inner = name.replace("resource", "scope")
    for body in (b"{}", b'{"%s":[]}', b'{"%s":null}', b'{"%s":[{}]}', b'{"%s":[{"' + inner.encode() + b'":[{}]}]}'):
        filled = body % name.encode() if b"%s" in body else body
        answer = send(f"{world.url}/v1/{signal}", headers=JSON.headers(shop.key), body=filled)
        assert (answer.status, answer.body) == (200, b"{}"), filled
    for body in (b"", b"\x0a\x00", b"\x0a\x02\x12\x00"):
        answer = send(f"{world.url}/v1/{signal}", headers=PROTOBUF.headers(shop.key), body=body)
        assert (answer.status, answer.body) == (200, b""), body
    assert world.topics.records(shop.app.environments.values()) == before


@pytest.mark.clause("OTLP 9a", "OTLP 10a", "OTLP 10d")
@COMPRESSIONS
@ENCODINGS
def test_of_three_spans_the_bad_one_is_refused_alone(
    world: World, shop: Shop, encoding: str, *, is_compressed: bool
) -> None:
    request = traces(GOOD, GOOD | {"span_id": bytes(8)}, GOOD)
    answer = post(world, shop.key, "traces", request, encoding, is_compressed=is_compressed)
    rejected, message = told("traces", encoding, answer)
    assert rejected == 1
    assert "resource_spans[0].scope_spans[0].spans[1]" in message
    bad = traces(GOOD | {"span_id": bytes(8)}, {})
    refused = post(world, shop.key, "traces", bad, encoding, is_compressed=is_compressed)
    (PROTOBUF if encoding == "protobuf" else JSON).check_error(refused, 400, "2 of 2 spans were refused")


@pytest.mark.clause("OTLP 9b")
@COMPRESSIONS
@ENCODINGS
def test_a_log_with_bad_ids_is_taken_and_told(world: World, shop: Shop, encoding: str, *, is_compressed: bool) -> None:
    request = logs(GOOD, {"trace_id": b"abc", "span_id": bytes(8)})
    answer = post(world, shop.key, "logs", request, encoding, is_compressed=is_compressed)
    rejected, message = told("logs", encoding, answer)
    assert rejected == 0
    assert "1 of 2 log records were kept without their ids" in message


@pytest.mark.clause("OTLP 11")
@COMPRESSIONS
@ENCODINGS
def test_what_will_be_cut_is_accepted_and_told(world: World, shop: Shop, encoding: str, *, is_compressed: bool) -> None:
    many: Any = [{"key": f"k{number}", "value": {"int_value": number}} for number in range(1025)]
    answer = post(world, shop.key, "traces", traces(GOOD | {"attributes": many}), encoding, is_compressed=is_compressed)
    rejected, message = told("traces", encoding, answer)
    assert rejected == 0
    assert message.endswith("spans[0] has 1025 attributes; the first 1024 are stored.")


@pytest.mark.clause("OTLP 20")
@pytest.mark.parametrize("to", list(REQUESTS))
@SIGNALS
def test_bytes_of_another_signal_are_told_their_path(world: World, shop: Shop, signal: str, to: str) -> None:
    answer = send(f"{world.url}/v1/{to}", headers=PROTOBUF.headers(shop.key), body=REQUESTS[signal].SerializeToString())
    if signal == to:
        assert answer.status == 200
    else:
        PROTOBUF.check_error(answer, 400, f"Send it to /v1/{signal}.")


@pytest.mark.clause("OTLP 19a", "OTLP 19b")
@ENCODINGS
def test_answers_and_messages_are_small_however_much_is_wrong(world: World, shop: Shop, encoding: str) -> None:
    request = traces(GOOD, *({"name": "x" * 100} for _ in range(20_000)))
    answer = post(world, shop.key, "traces", request, encoding)
    rejected, message = told("traces", encoding, answer)
    assert rejected == 20_000
    assert len(message.encode()) <= 1024
    named = {"X-Axonpush-Channel": "9" * 8000, **JSON.headers(shop.key)}
    refused = send(f"{world.url}/v1/logs", headers=named, body=JSON.payload)
    assert len(refused.json()["message"].encode()) <= 1024
    assert max(len(answer.body), len(refused.body)) < 4 * 1024


@pytest.mark.clause("OTLP 5a", "OTLP 5b", "OTLP 5e")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/v1", "/v1/", "/v1/logs", "/v1/logs/", "/V1/LOGS", "/v1/metrics/", "/v1/logs/../traces"),
        *("/v1/traces", "/otlp/v1/traces", "/nowhere"),
    ],
)
def test_no_path_and_no_method_is_redirected(world: World, shop: Shop, path: str, method: str) -> None:
    answer = send(world.url + path, method=method, headers=PROTOBUF.headers(shop.key), body=PROTOBUF.payload)
    assert answer.status in {200, 204, 400, 404, 405}, answer
    assert "location" not in answer.headers
    assert (answer.status == 405) == ("allow" in answer.headers)
    if answer.status == 404 and method != "HEAD":
        assert Status.FromString(answer.body).code == 5
        assert "OTLP goes to /v1/traces" in answer.reason


@pytest.mark.clause("OTLP 4b", "OTLP 4c", "OTLP 5b")
@pytest.mark.parametrize("path", ["/nowhere", "/apps/1/nowhere"])
def test_json_that_is_posted_to_nowhere_is_told_in_every_form(world: World, shop: Shop, path: str) -> None:
    answer = send(world.url + path, headers=JSON.headers(shop.key), body=JSON.payload)
    body = answer.json()
    assert (answer.status, body["code"], body["status"], body["title"]) == (404, 5, 404, "Not Found")
    assert body["message"] == body["detail"] == answer.reason
    assert "OTLP goes to /v1/traces" in answer.reason
    assert send(world.url + path, method="GET").headers["content-type"] == "application/problem+json"


@pytest.mark.clause("OTLP 5c")
@ENCODINGS
def test_a_trailing_slash_works_for_metrics_too(world: World, shop: Shop, encoding: str) -> None:
    assert post(world, shop.key, "metrics/", REQUESTS["metrics"], encoding).status == 200


@pytest.mark.clause("OTLP 16b")
@pytest.mark.parametrize("kind", ["X-API-Key", "Bearer", "bare", "Basic", "all"])
def test_a_key_is_found_in_every_place(world: World, shop: Shop, kind: str) -> None:
    basic = base64.b64encode(f"{shop.key}:".encode()).decode()
    headers = {
        "X-API-Key": {"X-API-Key": shop.key},
        "Bearer": {"Authorization": f"Bearer {shop.key}"},
        "bare": {"Authorization": shop.key},
        "Basic": {"Authorization": f"Basic {basic}"},
        "all": {"X-API-Key": shop.key, "Authorization": f"Bearer {shop.key}"},
    }[kind]
    headers = {"Content-Type": PROTOBUF.content_type, **headers}
    answer = send(f"{world.url}/v1/logs", headers=headers, body=PROTOBUF.payload)
    assert answer.status == 200, answer


@pytest.mark.clause("OTLP 21b", "OTLP 21c", "OTLP 21d")
@ENCODINGS
def test_a_page_reads_answers_and_errors_without_credentials(world: World, shop: Shop, encoding: str) -> None:
    token = shop.app.token(origins=[PAGE])
    answers = {
        200: post(world, token, "traces", REQUESTS["traces"], encoding, Origin=PAGE),
        400: post(world, token, "logs", REQUESTS["traces"], encoding, Origin=PAGE),
        401: post(world, "pt_prod_wrong", "traces", REQUESTS["traces"], encoding, Origin=PAGE),
        403: post(world, token, "traces", REQUESTS["traces"], encoding, Origin="https://evil.example"),
        404: post(world, token, "spans", REQUESTS["traces"], encoding, Origin=PAGE),
        415: post(world, token, "traces", REQUESTS["traces"], encoding, Origin=PAGE, Content_Encoding="snappy"),
    }
    for status, answer in answers.items():
        assert answer.status == status, answer
        assert answer.headers["access-control-allow-origin"] in ("*", PAGE)
        assert "access-control-allow-credentials" not in answer.headers
        assert "retry-after" in answer.headers["access-control-expose-headers"]


@pytest.mark.clause("OTLP 21a", "OTLP 21b", "OTLP 21c")
@SIGNALS
def test_a_page_asks_first_without_a_key_for_the_headers_that_it_sends(world: World, signal: str) -> None:
    headers = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,content-encoding,authorization,x-api-key,x-axonpush-channel",
    }
    answer = send(f"{world.url}/v1/{signal}", method="OPTIONS", headers=headers, body=None)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    allowed = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(headers["Access-Control-Request-Headers"].split(",")) <= allowed


@pytest.mark.clause("OTLP 24a")
def test_a_client_may_send_the_same_request_again(world: World, shop: Shop) -> None:
    before = world.topics.records([shop.app.environments["production"]])
    for _ in range(2):
        assert post(world, shop.key, "traces", REQUESTS["traces"], "protobuf").status == 200
    assert world.topics.records([shop.app.environments["production"]]) == before + 2


@pytest.mark.clause("OTLP c1")
@ENCODINGS
def test_no_attribute_decides_whose_a_batch_is(world: World, shop: Shop, encoding: str) -> None:
    other = world.control.app()
    foreign = list(other.environments.values())
    request: Any = traces(GOOD)
    for name in (other.id, other.slug, "development"):
        resource = request.resource_spans.add()
        resource.CopyFrom(request.resource_spans[0])
        for key in ("tenant", "tenant.id", "x-axonpush-environment", "deployment.environment.name"):
            resource.resource.attributes.add(key=key).value.string_value = name
    production, development = shop.app.environments["production"], shop.app.environments["development"]
    before = world.topics.records([production]), world.topics.records([development, *foreign])
    answer = post(world, shop.key, "traces", request, encoding)
    assert answer.headers["x-axonpush-resolved-environment"] == "production"
    assert world.topics.records([production]) == before[0] + 1
    assert world.topics.records([development, *foreign]) == before[1]


class Broken:
    """Parts that have a bug, wherever they are touched."""

    is_stopping = False

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)

    def refuse(self, *_: object) -> None:
        """Count nothing."""


@pytest.mark.clause("OTLP 18", "OTLP 4b")
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
async def test_a_bug_of_ours_is_a_500_in_the_protocols_form(form: Any) -> None:
    broken: Any = Broken()
    edge = Edge(broken, broken, broken)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        return await edge.handle(request)

    async with RawTestServer(handle) as server:
        answer = await asyncio.to_thread(
            send, str(server.make_url("/v1/logs")), headers=form.headers("ak_prod_x"), body=form.payload
        )
    assert answer.status == 500
    assert answer.headers["content-type"] == form.content_type
    if form is JSON:
        code, message = answer.json()["code"], answer.json()["message"]
    else:
        status = Status.FromString(answer.body)
        code, message = status.code, status.message
    assert (code, message) == (13, "An error of ours; it has been logged.")
    assert "ZeroDivision" not in repr(answer)
