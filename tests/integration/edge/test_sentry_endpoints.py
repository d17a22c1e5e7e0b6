"""Every endpoint of Sentry's: what it takes, how it answers, and in which forms its path may come."""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from msgspec import Struct

from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import SENTRY, check_exposed, envelope
from tests.integration.edge.world import World

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
DASHED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
EVENT = json.dumps({"event_id": EVENT_ID, "message": "hello"}).encode()
CSP = b'{"csp-report":{"document-uri":"https://shop.example/"}}'

NEL = b'[{"age":5,"type":"network-error","url":"https://shop.example/","body":{"type":"dns.unreachable"}},{"age":7}]'


class Shop(Struct):
    """An app, its key, and where its records go."""

    world: World
    app: App
    key: str

    def send(self, path: str, body: bytes = b"", *, method: str = "POST", key: bool = True, **headers: str) -> Answer:
        """Send a request to an endpoint under `/api/`, with the key in a header unless it stands elsewhere."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            given["X-Sentry-Auth"] = f"Sentry sentry_version=7, sentry_key={self.key}"
        path = path.replace("<channel>", str(self.app.channel)).replace("<key>", self.key)
        return send(f"{self.world.url}{path}", method=method, headers=given, body=body)

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records(self.app.environments.values())


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    app = world.control.app()
    return Shop(world, app, app.key())


def form(**files: tuple[str, bytes]) -> tuple[bytes, str]:
    """Write a form with files, and its content type."""
    parts = [
        f'--xyz\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, (filename, data) in files.items()
    ]
    return b"".join(parts) + b"--xyz--\r\n", "multipart/form-data; boundary=xyz"


DUMP = form(upload_file_minidump=("crash.dmp", b"MDMP"))
PACKED_DUMP = form(upload_file_minidump=("crash.dmp.gz", gzip.compress(b"MDMP", mtime=0)))


class Row(Struct, frozen=True):
    """A request that is taken, and how it is answered; the key stands in a header unless `path` has it."""

    path: str
    status: int
    body: bytes = b""
    method: str = "POST"
    content_type: str = ""
    answered_type: str | None = None
    answered: str = ""


TEXT = "text/plain; charset=utf-8"
ROWS = (
    pytest.param(Row("/api/<channel>/envelope/", 200, envelope(), answered_type="application/json"), id="envelope"),
    pytest.param(
        Row("/api/<channel>/envelope/", 200, b'{}\n{"type":"nobody_knows","new":1}\n\xff\n{"type":"session"}\n{}'),
        id="an unknown item",
        marks=pytest.mark.clause("Sentry 5a"),
    ),
    pytest.param(Row("/api/<channel>/store/", 200, EVENT, answered=f'{{"id":"{EVENT_ID}"}}'), id="store"),
    pytest.param(
        Row("/api/<channel>/store/", 200, base64.b64encode(EVENT), answered=f'{{"id":"{EVENT_ID}"}}'), id="base64"
    ),
    pytest.param(
        Row("/api/<channel>/store/", 200, base64.b64encode(zlib.compress(EVENT)), answered=EVENT_ID), id="zlib"
    ),
    pytest.param(
        Row(
            "/api/<channel>/store/",
            200,
            b'{"event_id":"%s"}\n{"type":"event"}\n{}' % EVENT_ID.encode(),
            content_type="application/x-sentry-envelope",
            answered=EVENT_ID,
        ),
        id="store with an envelope",
    ),
    pytest.param(Row("/api/store/", 200, EVENT, answered=EVENT_ID), id="store without a project"),
    pytest.param(
        Row(
            f"/api/<channel>/store/?sentry_key=<key>&sentry_version=7&sentry_data={quote(base64.b64encode(EVENT))}",
            200,
            method="GET",
            answered_type="image/gif",
        ),
        id="an image",
    ),
    pytest.param(
        Row("/api/<channel>/security/?sentry_key=<key>", 200, CSP, content_type="application/csp-report"), id="security"
    ),
    pytest.param(
        Row("/api/<channel>/csp-report/?sentry_key=<key>", 200, CSP, content_type="application/csp-report"), id="csp"
    ),
    *(
        pytest.param(
            Row(f"/api/<channel>/{path}/?sentry_key=<key>", 200, b"[{}]", content_type=f"application/{kind}"),
            id=f"{path} {kind}",
        )
        for path in ("security", "csp-report")
        for kind in ("reports+json", "expect-ct-report", "expect-ct-report+json", "expect-staple-report", "json")
    ),
    *(
        pytest.param(
            Row(f"/api/<channel>/nel{at}?sentry_key=<key>", 200, NEL, content_type=f"application/{kind}"),
            id=f"network errors {kind} {at}",
            marks=pytest.mark.clause("Sentry 11d"),
        )
        for kind in ("reports+json", "json")
        for at in ("", "/")
    ),
    pytest.param(
        Row("/api/<channel>/minidump/?sentry_key=<key>", 200, DUMP[0], content_type=DUMP[1], answered_type=TEXT),
        id="minidump",
    ),
    pytest.param(
        Row("/api/<channel>/minidump/", 200, PACKED_DUMP[0], content_type=PACKED_DUMP[1], answered_type=TEXT),
        id="a minidump compressed in its part",
        marks=pytest.mark.clause("Sentry 12c"),
    ),
    pytest.param(Row("/api/<channel>/unreal/<key>/", 200, b"UE4", answered_type=TEXT), id="unreal"),
    pytest.param(Row("/api/<channel>/cron/nightly/<key>/?status=ok", 202, method="GET"), id="cron"),
    pytest.param(Row("/api/<channel>/cron/nightly/?status=ok", 202, method="GET"), id="cron by header"),
    pytest.param(
        Row("/api/<channel>/cron/nightly/<key>/", 202, b'{"status":"in_progress"}', content_type="application/json"),
        id="cron by JSON",
    ),
    pytest.param(
        Row("/api/<channel>/cron/nightly/", 202, b'{"status":"error"}', content_type="application/json"),
        id="cron by JSON and header",
    ),
    pytest.param(
        Row(f"/api/<channel>/events/{EVENT_ID}/attachments/", 201, DUMP[0], content_type=DUMP[1]), id="attachments"
    ),
)


@pytest.mark.clause("Sentry 9a", "Sentry 10a", "Sentry 10b", "Sentry 10c", "Sentry 11a", "Sentry 12a", "Sentry 12b")
@pytest.mark.clause("Sentry 13a", "Sentry 13b", "Sentry 16a", "Sentry 16b")
@pytest.mark.parametrize("row", ROWS)
def test_an_endpoint_takes_what_it_is_for(shop: Shop, row: Row) -> None:
    before = shop.records()
    headers = {"Content_Type": row.content_type} if row.content_type else {}
    answer = shop.send(row.path, row.body, method=row.method, key="<key>" not in row.path, **headers)
    assert answer.status == row.status, answer
    assert row.answered_type in (None, answer.headers.get("content-type"))
    assert row.answered in answer.body.decode("latin-1")
    if row.answered_type == TEXT:
        assert DASHED.fullmatch(answer.body.decode())
    if row.answered_type == "image/gif":
        assert answer.body.startswith(b"GIF89a")
        assert answer.body[6:10] == b"\1\0\1\0"  # one pixel wide, one high
    if row.path.endswith(("security/?sentry_key=<key>", "csp-report/?sentry_key=<key>")) or "/nel" in row.path:
        assert answer.body == b""
    check_exposed(answer)
    assert answer.headers["x-axonpush-resolved-environment"] == "production"
    assert shop.records() == before + 1


PATHS = (
    ("/api/<channel>/envelope", envelope(), "POST"),
    ("/api/<channel>/cron/a%20job/<key>", b"", "GET"),
    ("/api/<channel>/unreal/<key>", b"UE4", "POST"),
    ("/api/store", EVENT, "POST"),
)


@pytest.mark.clause("Sentry 9b", "Sentry 9c")
@pytest.mark.parametrize("prefix", ["", "/", "/a/prefix", "/api/prefix"])
@pytest.mark.parametrize("suffix", ["", "/", "//"])
@pytest.mark.parametrize("row", PATHS, ids=lambda row: row[0])
def test_slashes_and_prefixes_do_not_matter(shop: Shop, row: tuple[str, bytes, str], prefix: str, suffix: str) -> None:
    path, body, method = row
    answer = shop.send(f"{prefix}{path}{suffix}?status=ok", body, method=method)
    assert answer.status in (200, 202), answer


REFUSED = (
    pytest.param(("POST", "/api/<channel>/security/", CSP, "text/plain", 415), id="a report of another type"),
    pytest.param(("POST", "/api/<channel>/security/", b"", "application/csp-report", 400), id="no report"),
    pytest.param(("POST", "/api/<channel>/nel/", CSP, "application/csp-report", 415), id="no network errors"),
    pytest.param(("POST", "/api/<channel>/nel/", b"", "application/reports+json", 400), id="no network error"),
    *(
        pytest.param(("POST", f"/api/<channel>/{path}", b"x", "", 404), id=path)
        for path in ("upload/", "playstation/", "integration/vercel/logs/", "integration/heroku/logs/")
    ),
    pytest.param(("GET", "/api/<channel>/store/", b"", "", 400), id="an image without an event"),
    pytest.param(("POST", "/api/<channel>/envelope/", b"", "", 400), id="no envelope"),
    pytest.param(("POST", "/api/<channel>/minidump/", b"x", "", 400), id="no minidump"),
    pytest.param(("POST", "/api/<channel>/cron/nightly/", b"", "", 400), id="a check-in without a status"),
    pytest.param(("POST", "/api/<channel>/events/x/attachments/", *DUMP, 400), id="attachments of no event"),
    pytest.param(("POST", f"/api/<channel>/events/{EVENT_ID}/attachments/", b"x", "", 415), id="attachments, no form"),
    pytest.param(("POST", "/api/<channel>/unreal/<key>/", b"", "", 400), id="no Unreal report"),
    pytest.param(("POST", "/api/<channel>/nothing/", b"", "", 404), id="no endpoint"),
    pytest.param(("GET", "/api/0/organizations/", b"", "", 404), id="another of Sentry's interfaces"),
    pytest.param(("GET", "/api/<channel>/envelope/", b"", "", 405), id="another method"),
    pytest.param(("POST", "/api/shop/envelope/", envelope(), "", 400), id="a project that is no number"),
    pytest.param(("POST", "/api/shop/minidump/", *DUMP, 400), id="a minidump of no number"),
    pytest.param(("POST", "/api/999999999999/envelope/", envelope(), "", 403), id="another project"),
)


@pytest.mark.clause("Sentry 1c", "Sentry 11b", "Sentry 16a", "Sentry 16b", "Sentry 18a", "Sentry 21")
@pytest.mark.parametrize("row", REFUSED)
def test_what_is_refused_is_told_in_sentrys_form(shop: Shop, row: tuple[str, str, bytes, str, int]) -> None:
    method, path, body, content_type, status = row
    before = shop.records()
    answer = shop.send(path, body, method=method, Content_Type=content_type)
    SENTRY.check_error(answer, status, "")
    assert shop.records() == before


def basic(user: str) -> str:
    return base64.b64encode(f"{user}:".encode()).decode()


AUTHS: tuple[tuple[str, str, Mapping[str, str], int], ...] = (
    ("the header", "", {"X-Sentry-Auth": "sEnTrY sentry_key=<key>, sentry_client=x/1"}, 200),
    ("Authorization", "", {"Authorization": "Sentry sentry_key=<key>,sentry_version=7"}, 200),
    ("Basic", "", {"Authorization": "Basic <basic>"}, 200),
    ("the query", "?sentry_key=<key>", {}, 200),
    ("another scheme, then the query", "?sentry_key=<key>", {"X-Sentry-Auth": "Bearer x"}, 200),
    ("twice the same", "?sentry_key=<key>", {"X-Sentry-Auth": "Sentry sentry_key=<key>"}, 200),
    ("none", "", {}, 401),
    ("two different ones", "?sentry_key=<key>", {"X-Sentry-Auth": "Sentry sentry_key=ak_x"}, 401),
    ("two in two headers", "", {"X-Sentry-Auth": "Sentry sentry_key=<key>", "Authorization": "Basic <other>"}, 401),
    ("two in the query", "?sentry_key=<key>&sentry_key=ak_x", {}, 401),
    ("a version that is too new", "?sentry_key=<key>&sentry_version=8", {}, 400),
    ("a version too new in the header", "", {"X-Sentry-Auth": "Sentry sentry_key=<key>, sentry_version=8"}, 400),
    ("a version too new beside", "?sentry_version=8", {"X-Sentry-Auth": "Sentry sentry_key=<key>"}, 400),
    ("other characters", "?sentry_key=ak-x", {}, 400),
    ("wrong check digits", "?sentry_key=<key>x", {}, 403),
    ("something else", "?sentry_key=public", {}, 403),
)


BODIES = {"envelope": envelope(), "store": EVENT, "security": CSP}


@pytest.mark.clause("Sentry 17a", "Sentry 17b", "Sentry 17c", "Sentry 17d", "Sentry 18a", "Sentry 18b")
@pytest.mark.parametrize(("query", "headers", "status"), [row[1:] for row in AUTHS], ids=[row[0] for row in AUTHS])
@pytest.mark.parametrize("endpoint", list(BODIES))
def test_the_key_may_stand_where_clients_put_it(
    shop: Shop, endpoint: str, query: str, headers: Mapping[str, str], status: int
) -> None:
    filled = {"<key>": shop.key, "<basic>": basic(shop.key), "<other>": basic("ak_prod_other")}
    given = {"Content-Type": "application/json", **headers}
    for name, value in filled.items():
        given = {header: text.replace(name, value) for header, text in given.items()}
        query = query.replace(name, value)
    answer = send(f"{shop.world.url}/api/{shop.app.channel}/{endpoint}/{query}", headers=given, body=BODIES[endpoint])
    assert answer.status == status, answer
    if status != 200:
        SENTRY.check_error(answer, status, "")


@pytest.mark.clause("Sentry 17d", "Sentry 18a")
@pytest.mark.parametrize(("key", "header", "status"), [("ak_x", True, 401), ("ak_x", False, 403), ("a-k", False, 400)])
@pytest.mark.parametrize("path", ["unreal/{}/", "cron/nightly/{}/?status=ok"])
def test_a_key_in_the_path_counts_as_any_other(shop: Shop, path: str, key: str, status: int, *, header: bool) -> None:
    answer = shop.send(f"/api/<channel>/{path.format(key)}", b"UE4", key=header)
    SENTRY.check_error(answer, status, "")


@pytest.mark.clause("Sentry 19a", "Sentry 17a")
@pytest.mark.parametrize("path", ["/api/<channel>/envelope/", "/api/<channel>/store/"])
def test_a_tunnel_brings_its_key_in_the_first_line(shop: Shop, path: str) -> None:
    body = envelope(dsn=f"https://{shop.key}@host/{shop.app.channel}")
    answer = shop.send(path, body, key=False, Content_Type="application/x-sentry-envelope")
    assert answer.status == 200, answer


@pytest.mark.clause("Sentry 15")
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("envelope/", "POST"),
        ("store/", "GET, POST"),
        ("security/", "POST"),
        ("nel/", "POST"),
        ("cron/nightly/", "GET, POST"),
        ("integration/otlp/v1/traces", "POST"),
        ("integration/otlp/v1/logs/", "POST"),
        ("otlp/v1/traces/", "POST"),
    ],
)
def test_a_browser_may_ask(shop: Shop, path: str, methods: str) -> None:
    answer = shop.send(f"/api/<channel>/{path}", method="OPTIONS", key=False, Origin="https://shop.example")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == methods
    assert answer.headers["access-control-max-age"] == "3600"
    asked = {name.strip() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert asked >= {"x-sentry-auth", "x-api-key", "x-axonpush-channel", "x-axonpush-environment", "content-type"}
    assert asked >= {"content-encoding", "authorization", "sentry-trace", "baggage", "x-requested-with", "origin"}
    assert asked >= {"referer", "accept"}


@pytest.mark.clause("Sentry 11d", "Sentry 12a", "Sentry 12b", "Sentry 13a")
def test_some_endpoints_are_told_no_limit(shop: Shop, world: World) -> None:
    key = shop.app.key(rate={"requestsPerSecond": 0.001, "burst": 1})
    one = Shop(world, shop.app, key)
    assert one.send("/api/<channel>/envelope/", envelope()).status == 200
    assert one.send("/api/<channel>/envelope/", envelope()).status == 429
    before = shop.records()
    told: list[str] = []
    for _ in range(2):
        for answer in (
            one.send("/api/<channel>/unreal/<key>/", b"UE4", key=False),
            one.send("/api/<channel>/minidump/", DUMP[0], Content_Type=DUMP[1]),
        ):
            assert (answer.status, answer.headers["content-type"]) == (200, TEXT)
            assert DASHED.fullmatch(answer.body.decode())
            told.append(answer.body.decode())
        answer = one.send("/api/<channel>/nel/", NEL, Content_Type="application/reports+json")
        assert (answer.status, answer.body) == (200, b"")
        answer = one.send("/api/<channel>/cron/nightly/<key>/?status=ok", key=False, method="GET")
        assert (answer.status, answer.body) == (202, b"")
    assert len(set(told)) == len(told)
    assert shop.records() == before


@pytest.mark.clause("Sentry 1a", "Sentry 1b", "Sentry 6a", "Sentry 6b", "Sentry 6c", "Sentry 27a")
@pytest.mark.parametrize(
    ("body", "answered"),
    [
        (b'{"event_id":"%s"}' % EVENT_ID.encode(), {"id": EVENT_ID}),
        (b"{}\n", {}),
        (b'{"event_id":"9EC79C33-EC99-42AB-8353-589FCB2E04DC"}\n{"type":"event"}\n{}', {"id": EVENT_ID}),
        (b'{"event_id":"%s"}\n{"type":"event"}\n{"event_id":"%s"}' % (EVENT_ID.encode(), b"1" * 32), {"id": EVENT_ID}),
        (b'{}\n{"type":"event"}\n{"event_id":"%s"}' % EVENT_ID.encode(), {"id": EVENT_ID}),
        (b'{}\n{"type":"event"}\n{}', None),
    ],
)
def test_the_answer_names_the_event(shop: Shop, body: bytes, answered: dict[str, str] | None) -> None:
    for _ in range(2):
        answer = shop.send("/api/<channel>/envelope/", body)
        assert answer.status == 200, answer
        if answered is None:
            assert re.fullmatch("[0-9a-f]{32}", answer.json()["id"])
        else:
            assert answer.json() == answered


@pytest.mark.clause("Sentry 20a")
@pytest.mark.parametrize("encoding", ["", "identity", "UTF-8", "utf-8", "Identity"])
def test_encodings_that_mean_none(shop: Shop, encoding: str) -> None:
    assert shop.send("/api/<channel>/envelope/", envelope(), Content_Encoding=encoding).status == 200


@pytest.mark.clause("Sentry 7")
def test_headers_that_are_wrong_are_passed_over_and_counted(shop: Shop) -> None:
    def counted() -> list[float]:
        text = send(f"{shop.world.url}/metrics", method="GET").body.decode()
        pattern = r'axonpush_sentry_ignored_headers_total\{{header="{}"\}} ([0-9.]+)'
        found = [re.search(pattern.format(name), text) for name in ("sent_at", "trace")]
        return [float(each[1]) if each else 0.0 for each in found]

    before = counted()
    assert shop.send("/api/<channel>/envelope/", envelope(sent_at="yesterday", trace=7)).status == 200
    assert shop.send("/api/<channel>/envelope/", envelope(sent_at="2026-11-22T10:00:00Z")).status == 200
    assert counted() == [before[0] + 1, before[1] + 1]
