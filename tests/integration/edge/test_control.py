"""The control plane over HTTP: who asks is known before a body is read, and a body has a limit of its own."""

import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import brotli
import pytest
from msgspec import Struct

from gateway.runtime.settings import Limits
from tests.acceptance.sending import Answer, Connection, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import PROTOBUF, logs_protobuf
from tests.integration.edge.raw import tap
from tests.integration.edge.world import World

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODY_MAX_BYTES = 60_000
CONTROL_BODY_MAX_BYTES = 20_000
IN_FLIGHT_MAX_BYTES = 200_000


class Narrow(Struct):
    """An edge with little room for bodies, an app and a key of it, and an administrator's key."""

    url: str
    app: App
    key: str
    management_key: str

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Make a call as the administrator; `if_match` becomes `If-Match`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        own = {"Authorization": f"Bearer {self.management_key}", "Content-Type": "application/json"}
        encoded = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return send(self.url + path, method=method, headers={**own, **more}, body=encoded)


@pytest.fixture(scope="module")
def narrow(world: World) -> Iterator[Narrow]:
    """Run an edge whose limits of bodies are small."""
    app = world.control.app()
    with world.edge(
        limits_body_max_bytes=BODY_MAX_BYTES,
        limits_control_body_max_bytes=CONTROL_BODY_MAX_BYTES,
        limits_in_flight_max_bytes=IN_FLIGHT_MAX_BYTES,
        limits_in_flight_environment_percent=99,
    ) as (_, url):
        yield Narrow(url, app, app.key(), world.control.management_key)


def head(method: str, path: str, **headers: object) -> bytes:
    """Write the head of a request; `content_length` becomes `Content-Length`."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode()


# What a stranger sends, and the status that it gets while most of the body has not come; `events` is a key for events.
STRANGERS = [
    ("POST", "/nope", None, 404),
    ("PUT", "/apps", None, 405),
    ("POST", "/openapi.json", None, 405),
    ("GET", "/openapi.json", None, 200),
    ("POST", "/apps", None, 401),
    ("POST", "/apps", "mk_admin_wrong", 401),
    ("POST", "/apps", "events", 403),
]


@pytest.mark.parametrize("row", STRANGERS, ids=lambda row: f"{row[0]} {row[1]} {row[2]}")
@pytest.mark.parametrize("expect", [{}, {"Expect": "100-continue"}], ids=["sends", "waits"])
def test_a_stranger_is_answered_before_the_body_and_holds_nothing_that_ingest_needs(
    narrow: Narrow, row: tuple[str, str, str | None, int], expect: dict[str, str]
) -> None:
    method, path, key, status = row
    shown = {} if key is None else {"Authorization": f"Bearer {narrow.key if key == 'events' else key}"}
    with ExitStack() as stack:
        for _ in range(IN_FLIGHT_MAX_BYTES // BODY_MAX_BYTES + 1):
            connection = stack.enter_context(tap(narrow.url))
            connection.sendall(head(method, path, Content_Length=BODY_MAX_BYTES, **shown, **expect))
            if not expect:
                connection.sendall(b" " * (BODY_MAX_BYTES - 1))
            assert connection.recv(4096).split()[1] == str(status).encode()
        answer = PROTOBUF.send(narrow.url, narrow.key, narrow.app.channel, body=logs_protobuf("x" * 50_000))
        assert answer.status == 200, answer


def test_a_caller_who_is_known_and_waits_is_told_to_go_on(narrow: Narrow) -> None:
    body = b'{"name":"Waited"}'
    key = f"Bearer {narrow.management_key}"
    with tap(narrow.url) as connection:
        connection.sendall(head("POST", "/apps", Authorization=key, Content_Length=len(body), Expect="100-continue"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(4096).startswith(b"HTTP/1.1 201 ")


def test_a_body_has_a_limit_of_its_own(narrow: Narrow) -> None:
    assert Limits().control_body_max_bytes == 1024 * 1024
    for size_bytes, status in ((CONTROL_BODY_MAX_BYTES, 201), (CONTROL_BODY_MAX_BYTES + 1, 413)):
        # As an announcement alone, and in pieces of unknown number.
        for is_in_pieces in (False, True):
            body = json.dumps({"name": f"Large {is_in_pieces}"}).encode().ljust(size_bytes)
            sent = iter([body[:1000], body[1000:]]) if is_in_pieces else body
            headers = {"Authorization": f"Bearer {narrow.management_key}", "Content-Type": "application/json"}
            answer = send(f"{narrow.url}/apps", headers=headers, body=sent)
            assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(CONTROL_BODY_MAX_BYTES) in answer.json()["detail"]


def test_a_body_that_no_call_takes_is_not_read(narrow: Narrow) -> None:
    with Connection(narrow.url) as connection:
        for _ in range(2):
            key = {"Authorization": f"Bearer {narrow.management_key}"}
            answer = connection.send("/whoami", "GET", key, b"{" * 1000)
            assert answer.status == 200, answer
            assert answer.headers.get("connection", "keep-alive") == "keep-alive"


@pytest.mark.parametrize("path", ["/openapi.json", "/apps", "/apps/{app}", "/apps/none", "/nope"])
def test_head_is_answered_as_get_without_the_body(narrow: Narrow, path: str) -> None:
    path = path.replace("{app}", narrow.app.id)
    asked, got = narrow.send("HEAD", path), narrow.send("GET", path)
    assert (asked.status, asked.headers, asked.body) == (got.status, got.headers | {"date": asked.headers["date"]}, b"")
    assert got.body


ALLOWED = [
    ("/openapi.json", "GET, HEAD, OPTIONS"),
    ("/apps", "POST, GET, HEAD, OPTIONS"),
    ("/apps/x", "GET, PATCH, DELETE, HEAD, OPTIONS"),
    ("/environments/x/pause", "POST, OPTIONS"),
]


@pytest.mark.parametrize(("path", "allowed"), ALLOWED)
def test_what_a_path_takes_is_told_without_a_key(narrow: Narrow, path: str, allowed: str) -> None:
    for method, status in (("OPTIONS", 204), ("PUT", 405), ("TRACE", 405)):
        answer = send(narrow.url + path, method=method, body=None)
        assert (answer.status, answer.headers["allow"]) == (status, allowed), (method, answer)


def test_nothing_is_told_of_a_path_that_there_is_not(narrow: Narrow) -> None:
    for method in ("OPTIONS", "HEAD", "TRACE"):
        assert send(f"{narrow.url}/nope", method=method, body=None).status == 404


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_may_be_compressed_within_the_same_limit(narrow: Narrow, coding: str) -> None:
    for size_bytes, status in ((CONTROL_BODY_MAX_BYTES, 201), (CONTROL_BODY_MAX_BYTES + 1, 413)):
        body = json.dumps({"name": f"Compressed {coding}"}).encode().ljust(size_bytes)
        answer = narrow.send("POST", "/apps", CODINGS[coding](body), Content_Encoding=coding)
        assert answer.status == status, answer
    assert str(CONTROL_BODY_MAX_BYTES) in answer.json()["detail"]


@pytest.mark.parametrize(("coding", "status"), [("bogus", 415), ("gzip, br", 415), ("gzip", 400)])
def test_a_coding_that_is_not_known_or_not_true_is_told(narrow: Narrow, coding: str, status: int) -> None:
    answer = narrow.send("POST", "/apps", {"name": "Coded"}, Content_Encoding=coding)
    assert answer.status == status, answer
    assert coding.partition(",")[0] in answer.json()["detail"]
    assert answer.headers.get("accept-encoding") == ("gzip, deflate, br, zstd" if status == 415 else None)


def test_a_repeat_in_another_coding_is_the_same_call(narrow: Narrow) -> None:
    body = b'{"name":"Repeated"}'
    first = narrow.send("POST", "/apps", body, Idempotency_Key="coded")
    again = narrow.send("POST", "/apps", gzip.compress(body), Idempotency_Key="coded", Content_Encoding="gzip")
    assert (first.status, again.status, again.body) == (201, 201, first.body)


TYPES = [
    ("application/json", True),
    ("Application/JSON; charset=utf-8", True),
    ("application/merge-patch+json", True),
    (None, True),
    ("text/plain", False),
    ("application/x-www-form-urlencoded", False),
    ("application/xml", False),
    ("application/jsonp", False),
    ("text/json, application/json", False),
]


@pytest.mark.parametrize(("content_type", "is_taken"), TYPES)
def test_a_body_is_json_and_says_so(narrow: Narrow, content_type: str | None, is_taken: bool) -> None:
    headers = {"Authorization": f"Bearer {narrow.management_key}"}
    headers |= {} if content_type is None else {"Content-Type": content_type}
    answer = send(f"{narrow.url}/apps/{narrow.app.id}", method="PATCH", headers=headers, body=b'{"name":"Typed"}')
    assert answer.status == (200 if is_taken else 415), answer
    if not is_taken:
        assert "Add the header Content-Type: application/json." in answer.json()["detail"]


def test_where_there_is_no_body_its_type_says_nothing(narrow: Narrow) -> None:
    key = narrow.app.made_key()
    # As `curl -d ''` sends it.
    form = "application/x-www-form-urlencoded"
    answer = narrow.send("POST", f"/api-keys/{key['id']}/rotate", b"", Content_Type=form, Content_Encoding="gzip")
    assert answer.status == 201, answer


# A call that reads the header; a second value of it, and of none of them is it known which one was meant.
TWICE = [
    ("POST", "/apps", "Idempotency-Key"),
    ("DELETE", "/environments/{environment}", "X-Confirm"),
    ("DELETE", "/environments/{environment}", "X-Confirm-Challenge"),
    ("DELETE", "/environments/{environment}", "X-Approval"),
]


@pytest.mark.parametrize(("method", "path", "name"), TWICE)
def test_a_header_with_two_values_is_refused(narrow: Narrow, method: str, path: str, name: str) -> None:
    url = narrow.url + path.replace("{environment}", narrow.app.environments["development"])
    own = [("Authorization", f"Bearer {narrow.management_key}")]
    answer = send(url, method=method, headers=[*own, (name, "a"), (name.lower(), "b")], body=b'{"name":"Twice"}')
    assert answer.status == 400, answer
    assert f"{name} was sent more than once" in answer.json()["detail"]


def test_an_idempotency_key_with_one_value_is_taken_twice_and_an_empty_one_never(narrow: Narrow) -> None:
    own = [("Authorization", f"Bearer {narrow.management_key}")]
    for keys, status in ((("same", "same"), 201), (("",), 400), (("", ""), 400)):
        headers = [*own, *(("Idempotency-Key", key) for key in keys)]
        answer = send(f"{narrow.url}/apps", headers=headers, body=b'{"name":"Same"}')
        assert answer.status == status, (keys, answer)


def test_if_match_on_several_lines_is_a_list(narrow: Narrow) -> None:
    path = f"/apps/{narrow.app.id}"
    own = [("Authorization", f"Bearer {narrow.management_key}")]
    for name, place, status in (("First", 0, 200), ("Last", 2, 200), ("Nowhere", None, 412)):
        tags = ['"other"', '"another"']
        if place is not None:
            tags.insert(place, narrow.send("GET", path).headers["etag"])
        headers = [*own, *(("If-Match", tag) for tag in tags)]
        answer = send(narrow.url + path, method="PATCH", headers=headers, body=json.dumps({"name": name}).encode())
        assert answer.status == status, (name, answer)


def test_what_the_caller_has_already_is_not_sent_again(narrow: Narrow) -> None:
    path = f"/apps/{narrow.app.id}"
    tag = narrow.send("GET", path).headers["etag"]
    own = [("Authorization", f"Bearer {narrow.management_key}")]
    for tags in ([tag], [f"W/{tag}"], [f'"other", {tag}'], ['"other"', tag], ["*"]):
        for method in ("GET", "HEAD"):
            headers = [*own, *(("If-None-Match", each) for each in tags)]
            answer = send(narrow.url + path, method=method, headers=headers, body=None)
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag), (tags, answer)
            assert "content-type" not in answer.headers
    assert narrow.send("GET", path, If_None_Match='"other"').status == 200
    assert narrow.send("GET", "/apps/none", If_None_Match="*").status == 404
    assert narrow.send("PATCH", path, {"name": "New"}).status == 200
    assert narrow.send("GET", path, If_None_Match=tag).status == 200
