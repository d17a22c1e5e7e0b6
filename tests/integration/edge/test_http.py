"""What HTTP itself lets a client do, whoever it is: framing, early answers, half-closed connections, odd paths."""

import http.client
import socket
import time
from contextlib import ExitStack

import pytest

from tests.acceptance.sending import Answer, send
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, SENTRY, Form
from tests.integration.edge.raw import tap
from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World

MIB = 1024 * 1024


def head(form: Form, shop: Shop, *lines: str, version: str = "1.1") -> bytes:
    """Write the head of a request that is in order, with these lines more."""
    headers = {"Host": "x", **form.headers(shop.key, shop.app.channel)}
    written = [f"{name}: {text}" for name, text in headers.items()]
    text = "\r\n".join([f"POST {form.path(shop.app.channel)} HTTP/{version}", *written, *lines, "", ""])
    return text.encode()


def chunk(data: bytes) -> bytes:
    """Write a chunk of a body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def answer_of(connection: socket.socket) -> Answer:
    """Read one answer."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    headers = {name.lower(): text for name, text in response.getheaders()}
    return Answer(response.status, response.reason, headers, response.read())


def is_closed(connection: socket.socket) -> bool:
    """Tell whether the server has ended a connection, and said nothing more."""
    return connection.recv(65536) == b""


@pytest.mark.clause("OTLP 4b")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("broken", [b"zz\r\n", b"3\r\nabcd\r\n", b"0\r\nno trailer\r\n\r\n"])
def test_a_body_whose_chunks_break_is_refused_at_once_in_the_callers_form(
    world: World, shop: Shop, form: Form, broken: bytes
) -> None:
    with tap(world.url) as connection:
        connection.sendall(head(form, shop, "Transfer-Encoding: chunked") + chunk(b"abcde"))
        time.sleep(0.1)  # the head comes by itself
        began = time.monotonic()
        connection.sendall(broken)
        form.check_error(answer_of(connection), 400, "framing is wrong")
        assert is_closed(connection)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_client_that_says_that_it_sends_no_more_is_answered(world: World, shop: Shop, form: Form) -> None:
    body = form.payload
    with tap(world.url) as connection:
        for _ in range(2):
            connection.sendall(head(form, shop, f"Content-Length: {len(body)}") + body)
        connection.shutdown(socket.SHUT_WR)
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answers.count(b"HTTP/1.1 200 ") == 2
    assert answers.count(b"Connection: close") == 1


def test_a_client_that_sends_no_more_within_its_body_is_not_waited_for(world: World, shop: Shop) -> None:
    began = time.monotonic()
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, shop, "Content-Length: 100") + b"abc")
        connection.shutdown(socket.SHUT_WR)
        assert is_closed(connection)
    assert time.monotonic() - began < 3


def test_a_head_that_comes_with_its_connection_has_its_time_too(world: World) -> None:
    with (
        world.edge(server_header_timeout_seconds=1, server_keepalive_timeout_seconds=30) as (_, url),
        ExitStack() as all_,
    ):
        connections = [all_.enter_context(tap(url)) for _ in range(20)]
        for connection in connections:
            connection.sendall(b"GET /hea")
        began = time.monotonic()
        assert all(map(is_closed, connections))
        assert time.monotonic() - began < 10


UNASKED = [
    ("Expect: 100-continue", "Content-Length: 100"),
    (f"Content-Length: {MIB + 1}",),
    ("Transfer-Encoding: chunked",),
]


@pytest.mark.clause("OTLP 15c")
@pytest.mark.parametrize("lines", UNASKED, ids=lambda lines: lines[0])
def test_an_answer_that_does_not_wait_for_its_body_says_that_the_connection_ends(
    world: World, shop: Shop, lines: tuple[str, ...]
) -> None:
    stranger = Shop(shop.app, "ak_prod_wrong")
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, stranger, *lines))
        answer = answer_of(connection)
        PROTOBUF.check_error(answer, 401, "key")
        assert answer.headers["connection"] == "close"


@pytest.mark.clause("OTLP 22a")
def test_a_refused_request_whose_short_body_comes_later_costs_no_connection(world: World, shop: Shop) -> None:
    stranger = Shop(shop.app, "ak_prod_wrong")
    body = PROTOBUF.payload.ljust(MIB)
    with tap(world.url) as connection:
        for method, status in (("POST", 401), ("PUT", 405), ("OPTIONS", 204)):
            early = head(PROTOBUF, stranger, f"Content-Length: {len(body)}").replace(b"POST", method.encode())
            connection.sendall(early)
            assert answer_of(connection).status == status
            connection.sendall(body)
        body = PROTOBUF.payload
        connection.sendall(head(PROTOBUF, shop, f"Content-Length: {len(body)}") + body)
        assert answer_of(connection).status == 200


@pytest.mark.clause("OTLP 14c")
@pytest.mark.parametrize(("key", "size_bytes", "status"), [("ak_prod_wrong", 10 * MIB, 401), (None, 30 * MIB, 413)])
def test_an_early_answer_waits_for_a_client_that_uploads_slowly(
    world: World, shop: Shop, key: str | None, size_bytes: int, status: int
) -> None:
    """One that writes all of its body before it reads, at about 2 MB/s: longer than a pause may be."""
    caller = shop if key is None else Shop(shop.app, key)
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, caller, f"Content-Length: {size_bytes}"))
        for _ in range(80):
            connection.sendall(bytes(64 * 1024))
            time.sleep(0.03)  # the pace of a slow line
        assert answer_of(connection).status == status


@pytest.mark.parametrize(
    ("form", "path"),
    [
        (PROTOBUF, "/%761/l%6fgs"),
        (JSON, "/v1%2flogs"),
        (SENTRY, "/%61pi/{channel}/envelop%65/"),
        (SENTRY, "/api/{channel}/envelope%2F"),
    ],
)
def test_letters_of_a_path_may_be_percent_encoded(world: World, shop: Shop, form: Form, path: str) -> None:
    """RFC 3986 6.2.2.2: what need not be encoded means the same encoded; a slash does not."""
    headers = form.headers(shop.key, shop.app.channel)
    answer = send(world.url + path.format(channel=shop.app.channel), headers=headers, body=form.payload)
    assert answer.status == (404 if "%2f" in path.lower() else 200), answer


def test_another_transfer_coding_is_not_taken_for_chunks(world: World, shop: Shop) -> None:
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, shop, "Transfer-Encoding: gzip, chunked"))
        connection.sendall(chunk(PROTOBUF.payload) + b"0\r\n\r\n")
        PROTOBUF.check_error(answer_of(connection), 501, "may only be chunked")


def test_a_client_of_http_1_0_that_sends_chunks_is_not_kept(world: World, shop: Shop) -> None:
    lines = ("Transfer-Encoding: chunked", "Connection: keep-alive")
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, shop, *lines, version="1.0") + chunk(PROTOBUF.payload) + b"0\r\n\r\n")
        assert answer_of(connection).status == 200
        assert is_closed(connection)


@pytest.mark.clause("OTLP 21b", "OTLP 21a")
@pytest.mark.parametrize(
    ("path", "status"), [("/v1/nowhere", 204), ("/v1development/profiles", 204), ("/api/1/nowhere/", 200)]
)
def test_a_page_is_told_too_that_nothing_stands_at_a_path(world: World, path: str, status: int) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    preflight = send(world.url + path, method="OPTIONS", headers=asked, body=None)
    assert preflight.status == status
    assert "POST" in preflight.headers["access-control-allow-methods"]
    answer = send(world.url + path, headers={**asked, "Content-Type": "application/json"}, body=b"{}")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (404, "*")
