"""Connections of exporters: kept alive, ended at an age, answered before the body has come; gRPC is turned away."""

import time

import pytest

from gateway.runtime.settings import Limits, Server
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Connection, send
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, Form
from tests.integration.edge.raw import tap
from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World

MIB = 1024 * 1024
LIMITS = Limits()


def head(form: Form, key: str, channel: int, *, size_bytes: int) -> bytes:
    """Write the head of a request whose body has so many bytes."""
    headers = {"Host": "x", "Content-Length": str(size_bytes), **form.headers(key, channel)}
    lines = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    return f"POST {form.path(channel)} HTTP/1.1\r\n{lines}\r\n".encode()


@pytest.mark.clause("OTLP 22a")
def test_a_connection_is_kept_for_many_requests_also_after_a_refusal(world: World, shop: Shop) -> None:
    with Connection(world.url) as connection:
        addresses = set()
        for body in (PROTOBUF.payload, PROTOBUF.payload[:-1], PROTOBUF.payload):
            answer = connection.send("/v1/logs", headers=PROTOBUF.headers(shop.key), body=body)
            assert answer.status == (200 if body is PROTOBUF.payload else 400)
            assert answer.headers.get("connection", "keep-alive") == "keep-alive"
            addresses.add(connection.http.sock.getsockname())
        assert len(addresses) == 1


@pytest.mark.clause("OTLP 22b")
def test_a_connection_ends_with_the_first_answer_after_its_age(world: World, shop: Shop) -> None:
    assert Server().connection_max_age_seconds == 300
    with world.edge(server_connection_max_age_seconds=1) as (_, url):
        ages: list[float] = []
        connections = [Connection(url) for _ in range(8)]
        began = time.monotonic()
        open_ = list(connections)
        while open_:
            for connection in list(open_):
                sent_at = time.monotonic() - began
                answer = connection.send("/v1/logs", headers=PROTOBUF.headers(shop.key), body=PROTOBUF.payload)
                assert answer.status == 200
                if answer.headers.get("connection") == "close":
                    ages.append(sent_at)
                    open_.remove(connection)
                    assert connection.http.sock is None
        # Each a tenth earlier or later, and not all at once.
        assert 0.85 <= min(ages) < max(ages) < 2.5
        assert len({round(age, 2) for age in ages}) > 1


@pytest.mark.clause("OTLP 15c")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize(
    ("kind", "status"), [("unknown", 401), ("wrong scope", 403), ("wrong channel", 403), ("suspended", 403)]
)
def test_a_key_is_refused_while_its_body_has_not_come(
    world: World, shop: Shop, form: Form, kind: str, status: int
) -> None:
    app = shop.app
    key = app.key()
    channel = app.channel
    if kind == "unknown":
        key, status = "ak_prod_wrong", 403 if form.is_sentry else 401
    elif kind == "wrong scope":
        key = app.key(scopes=["metrics"])
    elif kind == "wrong channel":
        channel = 999_999
    else:
        environment = app.environment(f"paused-{form.name}")
        key = app.key(f"paused-{form.name}")
        world.control.post(f"/environments/{environment}/pause", status=200)
        wait_until(lambda: form.send(world.url, key, channel).status == 403, "the edge knows that it is paused", 5)
    with tap(world.url) as connection:
        connection.sendall(head(form, key, channel, size_bytes=MIB))
        answered = connection.recv(65536)
    assert answered.split()[1] == str(status).encode(), answered


@pytest.mark.clause("OTLP 14c")
@pytest.mark.parametrize("size_bytes", [LIMITS.body_max_bytes + 1, 200 * MIB])
def test_an_early_answer_is_read_by_a_client_that_sends_first(world: World, shop: Shop, size_bytes: int) -> None:
    """A client that writes its whole body before it reads must find the answer, not a reset."""
    piece = bytes(MIB)
    with tap(world.url) as connection:
        connection.sendall(head(PROTOBUF, shop.key, shop.app.channel, size_bytes=size_bytes))
        sent_bytes = 0
        try:
            while sent_bytes < min(size_bytes, 25 * MIB):
                connection.sendall(piece)
                sent_bytes += len(piece)
        except ConnectionError:
            pass  # it had its time to read
        answered = connection.recv(65536)
        assert answered.split()[1] == b"413", answered
        assert sent_bytes >= 20 * MIB


@pytest.mark.clause("OTLP 25")
def test_grpc_over_http2_is_refused_at_once_and_told_the_http_endpoint(world: World) -> None:
    settings = bytes([0, 0, 0, 4, 0]) + bytes(4)
    call = bytes([0, 0, 1, 1, 4, 0, 0, 0, 1]) + b"\x83"
    began = time.monotonic()
    with tap(world.url) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + call)
        answered = connection.recv(65536)
        assert time.monotonic() - began < 1
        assert b"Send OTLP over HTTP/1.1 to" in answered
        assert b"/v1/traces" in answered
        while connection.recv(65536):
            pass
    assert time.monotonic() - began < 5


@pytest.mark.clause("OTLP 25")
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/traces", 415),
        ("/v1/logs", 415),
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", 404),
    ],
)
@pytest.mark.parametrize("content_type", ["application/grpc", "application/grpc+proto"])
def test_grpc_through_a_proxy_is_refused_before_its_key_and_its_body(
    world: World, path: str, status: int, content_type: str
) -> None:
    headers = {"Content-Type": content_type, "Content-Length": str(MIB)}
    answer = send(world.url + path, headers=headers, body=None)
    JSON.check_error(answer, status, "/v1/traces")
    assert "/v1/metrics" in answer.json()["message"]


@pytest.mark.parametrize(
    ("version", "first_line"),
    [("HTTP/1.1", b"HTTP/1.1 100 Continue"), ("HTTP/1.0", b"HTTP/1.0 200 OK")],
)
def test_only_who_can_wait_is_told_to_go_on(world: World, shop: Shop, version: str, first_line: bytes) -> None:
    whole = head(PROTOBUF, shop.key, shop.app.channel, size_bytes=len(PROTOBUF.payload)).decode()
    whole = whole.replace("HTTP/1.1", version).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n")
    with tap(world.url) as connection:
        connection.sendall(whole.encode() + PROTOBUF.payload[:1])
        if version == "HTTP/1.0":  # nobody told it to go on
            connection.sendall(PROTOBUF.payload[1:])
        assert connection.recv(4096).startswith(first_line)
