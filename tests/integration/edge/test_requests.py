"""What is wrong with a request itself, in each form: its payload, its size, its type, its method, its path."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec import Struct

from gateway.runtime.settings import Limits
from tests.acceptance.sending import Answer, Connection, send
from tests.integration.edge.codecs import CODECS
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, SENTRY, Form, envelope
from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World

MIB = 1024 * 1024
LIMITS = Limits()


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Make an app."""
    app = world.control.app()
    return Shop(app, app.key("development"))


def unread(size_bytes: int) -> dict[str, str]:
    """Announce a body that does not come: the refusal must not wait for it."""
    return {"Content-Length": str(size_bytes)}


class Row(Struct, frozen=True):
    """One thing that can be wrong."""

    name: str
    forms: tuple[Form, ...]
    status: int
    says: str
    body: Callable[[Form], Any] | None = None
    headers: Mapping[str, str] = {}
    answered: Mapping[str, str] = {}


def bomb(_: Form) -> bytes:
    return gzip.compress(bytes(LIMITS.envelope_inflated_max_bytes + 1), 9)


def max_bytes(form: Form) -> int:
    """Answer what a body may have as it is sent."""
    return LIMITS.large_body_max_bytes if form.is_sentry else LIMITS.body_max_bytes


def pieces(form: Form) -> Any:
    return (b"x" * MIB for _ in range(max_bytes(form) // MIB + 1))


OTLP = (PROTOBUF, JSON)
ENCODINGS = {"accept-encoding": "gzip, deflate, br, zstd"}
ROWS = (
    Row("truncated", (PROTOBUF,), 400, "protobuf", lambda form: form.payload[:-3]),
    Row("truncated", (JSON,), 400, "JSON", lambda form: form.payload[:-3]),
    Row("no JSON", (JSON,), 400, "JSON", lambda _: b"resourceLogs"),
    Row("empty", (JSON,), 400, "empty", lambda _: b""),
    Row("a wrong type", (JSON,), 400, "resourceLogs", lambda _: b'{"resourceLogs": 1}'),
    Row("no envelope", (SENTRY,), 400, "JSON", lambda _: b"hello"),
    Row("empty", (SENTRY,), 400, "empty", lambda _: b""),
    Row("an item without a type", (SENTRY,), 400, "type", lambda _: b"{}\n{}\n{}"),
    Row("a length past the end", (SENTRY,), 400, "999", lambda _: b'{}\n{"type":"event","length":999}\n{}'),
    Row("plain bytes as gzip", FORMS, 400, "gzip", headers={"Content-Encoding": "gzip"}),
    Row(
        "half of a gzip body",
        FORMS,
        400,
        "incomplete",
        lambda form: gzip.compress(form.payload)[:-9],
        {"Content-Encoding": "gzip"},
    ),
    Row(
        "an unknown encoding",
        FORMS,
        415,
        "gzip, deflate, br, zstd",
        headers={"Content-Encoding": "snappy"},
        answered=ENCODINGS,
    ),
    Row("larger than announced is allowed", OTLP, 413, str(LIMITS.body_max_bytes), pieces),
    Row("larger than announced is allowed", (SENTRY,), 413, str(LIMITS.large_body_max_bytes), pieces),
    Row("a bomb", FORMS, 413, "once decompressed", bomb, {"Content-Encoding": "gzip"}),
)


@pytest.mark.clause("Sentry 1c", "Sentry 2b", "Sentry 5c", "Sentry 20b", "Sentry 21", "Sentry 22", "Sentry b1")
@pytest.mark.clause("OTLP 4b", "OTLP 4c", "OTLP 6b", "OTLP 7a", "OTLP 7b", "OTLP 7c", "OTLP 13b", "OTLP 14a")
@pytest.mark.parametrize(
    ("row", "form"), [(row, form) for row in ROWS for form in row.forms], ids=lambda part: part.name
)
def test_what_is_wrong_is_told_in_the_callers_form(world: World, shop: Shop, row: Row, form: Form) -> None:
    before = world.topics.records(shop.app.environments.values())
    body = None if row.body is None else row.body(form)
    answer = form.send(world.url, shop.key, shop.app.channel, body=body, more=row.headers)
    form.check_error(answer, row.status, row.says)
    # The environment was resolved before the body was read, and a client may want to know which one refused.
    assert answer.headers["x-axonpush-resolved-environment"] == "development"
    assert answer.headers["x-axonpush-resolved-via"] == "key-default"
    for name, value in row.answered.items():
        assert answer.headers[name] == value
    assert world.topics.records(shop.app.environments.values()) == before


@pytest.mark.clause("OTLP 14a")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_an_announced_size_is_refused_before_it_is_sent(world: World, shop: Shop, form: Form) -> None:
    headers = form.headers(shop.key, shop.app.channel) | unread(max_bytes(form) + 1)
    answer = send(world.url + form.path(shop.app.channel), headers=headers, body=None)
    form.check_error(answer, 413, str(max_bytes(form)))


@pytest.mark.clause("OTLP 15a", "OTLP 15c")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_key_is_refused_before_its_body_is_sent(world: World, shop: Shop, form: Form) -> None:
    headers = form.headers("ak_prod_wrong", shop.app.channel) | unread(MIB)
    answer = send(world.url + form.path(shop.app.channel), headers=headers, body=None)
    form.check_error(answer, 403 if form.is_sentry else 401, "check digits")


@pytest.mark.clause("OTLP 4a", "OTLP 4b")
@pytest.mark.parametrize("content_type", [None, "text/plain"])
def test_otlp_of_another_type_is_refused_as_json(world: World, shop: Shop, content_type: str | None) -> None:
    headers = {"X-API-Key": shop.key} | ({} if content_type is None else {"Content-Type": content_type})
    answer = send(f"{world.url}/v1/logs", headers=headers, body=PROTOBUF.payload)
    JSON.check_error(answer, 415, "application/x-protobuf or application/json")


@pytest.mark.clause("Sentry 8a")
@pytest.mark.parametrize(
    "content_type",
    [
        *(None, "text/plain", "multipart/form-data; boundary=x", "application/json"),
        *("application/x-www-form-urlencoded", "application/x-sentry-envelope", "nonsense"),
    ],
)
def test_an_envelope_may_have_any_type(world: World, shop: Shop, content_type: str | None) -> None:
    headers = {"X-Sentry-Auth": f"Sentry sentry_key={shop.key}"}
    headers |= {} if content_type is None else {"Content-Type": content_type}
    answer = send(f"{world.url}/api/{shop.app.channel}/envelope/", headers=headers, body=envelope())
    assert answer.status == 200, answer


@pytest.mark.clause("OTLP 5a")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_another_method_is_refused_with_those_that_are_allowed(
    world: World, shop: Shop, form: Form, method: str
) -> None:
    answer = send(
        world.url + form.path(shop.app.channel), method=method, headers=form.headers(shop.key, shop.app.channel)
    )
    form.check_error(answer, 405, method)
    assert answer.headers["allow"] == "POST, OPTIONS"


@pytest.mark.clause("OTLP 5b", "OTLP 5d")
@pytest.mark.parametrize("path", ["/", "/v1/spans", "/v1/logs/more", "/v1/"])
@pytest.mark.parametrize("form", OTLP, ids=lambda form: form.name)
def test_a_path_that_no_exporter_should_use_names_the_right_ones(
    world: World, shop: Shop, form: Form, path: str
) -> None:
    answer = send(world.url + path, headers=form.headers(shop.key), body=form.payload)
    form.check_error(answer, 404, "/v1/traces, /v1/logs and /v1/metrics")


@pytest.mark.clause("OTLP 5c")
@pytest.mark.parametrize("path", ["/v1/logs/", "//v1/logs", "/v1//logs"])
@pytest.mark.parametrize("form", OTLP, ids=lambda form: form.name)
def test_slashes_do_not_matter_and_nothing_redirects(world: World, shop: Shop, form: Form, path: str) -> None:
    answer = send(world.url + path, headers=form.headers(shop.key), body=form.payload)
    assert answer.status == 200, answer


@pytest.mark.clause("OTLP 5e")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_request_may_name_the_whole_url_as_if_to_a_proxy(world: World, shop: Shop, form: Form) -> None:
    channel = shop.app.channel
    with Connection(world.url) as connection:
        for origin in (world.url, "https://shop.example:443"):
            answer = connection.send(origin + form.path(channel), "POST", form.headers(shop.key, channel), form.payload)
            assert answer.status == 200, answer


@pytest.mark.clause("Sentry 17e")
def test_a_dsn_of_another_key_or_project_is_refused(world: World, shop: Shop) -> None:
    channel = shop.app.channel
    for dsn in (f"https://{shop.app.key()}@host/{channel}", f"https://{shop.key}@host/{channel + 1}"):
        answer = SENTRY.send(world.url, shop.key, channel, body=envelope(dsn=dsn))
        SENTRY.check_error(answer, 400, "dsn")


@pytest.mark.clause("Sentry 17a", "Sentry 19a")
def test_a_dsn_in_the_envelope_is_a_key_too(world: World, shop: Shop) -> None:
    body = envelope(dsn=f"https://{shop.key}@host/{shop.app.channel}")
    answer = SENTRY.send(world.url, None, shop.app.channel, body=body)
    assert answer.status == 200, answer
    assert answer.headers["x-axonpush-resolved-environment"] == "development"


@pytest.mark.clause("Sentry 20a")
@pytest.mark.clause("OTLP 13a")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize(("encoding", "compress"), [*CODECS.values(), ("GZIP", gzip.compress), ("identity", bytes)])
def test_each_encoding_is_understood(
    world: World, shop: Shop, form: Form, encoding: str, compress: Callable[[bytes], bytes]
) -> None:
    body = compress(form.payload)
    answer = form.send(world.url, shop.key, shop.app.channel, body=body, more={"Content-Encoding": encoding})
    assert answer.status == 200, answer


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_body_in_pieces_is_understood(world: World, shop: Shop, form: Form) -> None:
    answer = form.send(world.url, shop.key, shop.app.channel, body=iter([form.payload[:7], form.payload[7:]]))
    assert answer.status == 200, answer


def test_success_looks_as_each_protocol_says(world: World, shop: Shop) -> None:
    protobuf = PROTOBUF.send(world.url, shop.key, shop.app.channel)
    assert (protobuf.headers["content-type"], protobuf.body) == ("application/x-protobuf", b"")
    written = JSON.send(world.url, shop.key, shop.app.channel)
    # Go's exporter compares the type as a string.
    assert (written.headers["content-type"], written.body) == ("application/json", b"{}")
    sentry = SENTRY.send(world.url, shop.key, shop.app.channel, body=b'{"event_id":"%s"}' % (b"ab" * 16))
    assert sentry.json() == {"id": "ab" * 16}


@pytest.mark.clause("OTLP 6a")
@pytest.mark.parametrize("form", OTLP, ids=lambda form: form.name)
def test_nothing_to_store_is_a_success_without_a_record(world: World, shop: Shop, form: Form) -> None:
    before = world.topics.records(shop.app.environments.values())
    answer = form.send(world.url, shop.key, shop.app.channel, body=b"" if form is PROTOBUF else b"{}")
    assert answer.status == 200, answer
    assert world.topics.records(shop.app.environments.values()) == before


@pytest.mark.clause("OTLP 21a")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_browser_may_ask_without_a_key(world: World, shop: Shop, form: Form) -> None:
    answer = send(
        world.url + form.path(shop.app.channel),
        method="OPTIONS",
        headers={"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status == (200 if form.is_sentry else 204)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "x-axonpush-environment" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["server"] == "axonpush"


def control(world: World, method: str, path: str, body: Any = None, key: str | None = None) -> Answer:
    headers = {"Authorization": f"Bearer {world.control.management_key if key is None else key}"}
    return send(
        world.url + path,
        method=method,
        headers=headers if key != "" else {},
        body=body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode(),
    )


CONTROL_ROWS = (
    ("no key", "GET", "/apps", None, "", 401, "key"),
    ("a key for events", "GET", "/apps", None, "events", 403, ""),
    ("a malformed key", "GET", "/apps", None, "mk_admin_wrong", 401, ""),
    ("no such path", "GET", "/nothing", None, None, 404, "path"),
    ("no such app", "GET", "/apps/01JZZZZZZZZZZZZZZZZZZZZZZZ", None, None, 404, ""),
    ("another method", "DELETE", "/apps", None, None, 405, "POST, GET"),
    ("no JSON", "POST", "/apps", b"{", None, 400, "JSON"),
    ("a field of the wrong type", "POST", "/apps", {"name": 5}, None, 422, "`name`"),
    ("an unknown field", "POST", "/apps", {"name": "x", "colour": "red"}, None, 422, "colour"),
    ("a missing field", "POST", "/apps", {}, None, 422, "name"),
    ("a slug that is taken", "POST", "/apps", {"name": "x", "slug": "default"}, None, 409, "default"),
    ("a body that is too large", "POST", "/apps", b" " * (LIMITS.control_body_max_bytes + 1), None, 413, "larger"),
)


@pytest.mark.parametrize("row", CONTROL_ROWS, ids=lambda row: row[0])
def test_the_control_plane_answers_problem_bodies(world: World, shop: Shop, row: tuple[Any, ...]) -> None:
    _, method, path, body, key, status, says = row
    answer = control(world, method, path, body, shop.key if key == "events" else key)
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert set(problem) >= {"type", "title", "status", "detail"}
    assert says in problem["detail"]
    assert (status == 405) == ("allow" in answer.headers)
    assert (status == 401) == ("www-authenticate" in answer.headers)


@pytest.mark.clause("OTLP 10a")
def test_partial_success_names_what_was_refused(world: World, shop: Shop) -> None:
    spans = [
        {"traceId": "ab" * 16, "spanId": span_id, "name": "n", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
        for span_id in ("cd" * 8, "00" * 8, "ef" * 8)
    ]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answer = send(f"{world.url}/v1/traces", headers=JSON.headers(shop.key), body=body)
    assert answer.status == 200, answer
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "spans[1]" in partial["errorMessage"]


@pytest.mark.parametrize(("path", "status", "body"), [("/healthz", 200, b"ok\n"), ("/readyz", 200, b"ready\n")])
def test_operations_ask_without_a_key(world: World, path: str, status: int, body: bytes) -> None:
    answer = send(world.url + path, method="GET")
    assert (answer.status, answer.body) == (status, body)


def test_metrics_count_what_was_refused(world: World, shop: Shop) -> None:
    JSON.send(world.url, "ak_prod_wrong", shop.app.channel)
    text = send(f"{world.url}/metrics", method="GET").body.decode()
    assert "bad_credential" in text
    assert shop.key not in text


PLAIN = "text/plain; version=0.0.4; charset=utf-8"
NEWER = "text/plain; version=1.0.0; charset=utf-8; escaping=underscores"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
# What Prometheus asks for, then what else does, and what nobody should.
SCRAPES = [
    ([f"{OPEN};q=0.6,{PLAIN};q=0.5,*/*;q=0.1"], OPEN),
    (["text/plain;version=0.0.4"], PLAIN),
    (["text/plain;version=1.0.0"], NEWER),
    (["text/html", "application/openmetrics-text;version=1.0.0"], OPEN),
    (["*/*"], PLAIN),
    ([], PLAIN),
    (["text/plain;version=newest"], PLAIN),
    (["application/openmetrics-text;version=1.x.0"], PLAIN),
    (["application/openmetrics-text;version=1.1.\xff"], PLAIN),
    ([f"text/plain;version={'9' * 5000}, text/plain;version=1.0.0"], NEWER),
]


@pytest.mark.parametrize(("accepts", "content_type"), SCRAPES)
def test_metrics_are_written_as_the_scraper_asks(world: World, accepts: list[str], content_type: str) -> None:
    for method in ("GET", "HEAD"):
        headers = [("Accept", accept) for accept in accepts]
        answer = send(f"{world.url}/metrics", method=method, headers=headers, body=None)
        assert (answer.status, answer.headers["content-type"]) == (200, content_type)
        assert answer.body.endswith(b"# EOF\n") == (content_type == OPEN and method == "GET")
        assert (b"# TYPE axonpush_requests" in answer.body) == (method == "GET")
