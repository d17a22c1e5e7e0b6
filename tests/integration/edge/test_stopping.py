"""After SIGTERM clients are turned away, what is in flight is finished, and what hangs is not waited for."""

import signal
import time

import pytest

from tests.acceptance.database import wait_until
from tests.acceptance.sending import Connection, send
from tests.integration.edge.forms import PROTOBUF
from tests.integration.edge.world import World


def begin(url: str, key: str) -> Connection:
    """Send all of a request but its last byte."""
    connection = Connection(url)
    connection.http.putrequest("POST", "/v1/logs")
    for name, value in PROTOBUF.headers(key).items():
        connection.http.putheader(name, value)
    connection.http.putheader("Content-Length", str(len(PROTOBUF.payload)))
    connection.http.endheaders(PROTOBUF.payload[:-1])
    return connection


@pytest.mark.clause("OTLP 23b")
def test_balancers_are_told_before_anything_is_refused(world: World) -> None:
    key = world.control.app().key()
    with world.edge(server_drain_delay_seconds=2) as (process, url):
        kept = Connection(url)
        assert "connection" not in kept.send("/v1/logs", headers=PROTOBUF.headers(key), body=PROTOBUF.payload).headers
        process.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: send(f"{url}/readyz", method="GET").status == 503, "the edge is not ready any more", 2)
        for connection in (kept, Connection(url)):
            answer = connection.send("/v1/logs", headers=PROTOBUF.headers(key), body=PROTOBUF.payload)
            assert answer.status == 200, answer
            assert answer.headers["connection"].lower() == "close"
        assert process.popen.wait(10) == 0


@pytest.mark.clause("OTLP 23b")
def test_a_request_in_flight_is_finished(world: World) -> None:
    key = world.control.app().key()
    with world.edge() as (process, url):
        assert send(f"{url}/healthz", method="GET").status == 200
        connection = begin(url, key)
        process.popen.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(url), "nobody listens any more", 5)
        connection.http.send(PROTOBUF.payload[-1:])
        assert connection.receive().status == 200
        assert process.popen.wait(10) == 0


def test_a_request_that_hangs_is_not_waited_for(world: World) -> None:
    key = world.control.app().key()
    with world.edge(server_shutdown_timeout_seconds=1) as (process, url):
        connection = begin(url, key)
        began = time.monotonic()
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(10) == 0
        assert 1 <= time.monotonic() - began < 5
        with pytest.raises(OSError):  # noqa: PT011 (reset or closed: either is an end)
            connection.receive()


def test_an_idle_connection_holds_nothing_up(world: World) -> None:
    with world.edge() as (process, url):
        kept = Connection(url)
        assert kept.send("/healthz", "GET").status == 200
        began = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - began < 5


def listens(url: str) -> bool:
    try:
        Connection(url).http.connect()
    except ConnectionRefusedError:
        return False
    return True
