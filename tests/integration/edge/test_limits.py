"""Every limit of the edge is a setting: what is just within it is taken, what is just above is refused."""

import gzip
import http.client
import json
import secrets
import socket
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from msgspec import Struct, structs

from gateway.runtime.settings import Limits
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, Connection, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import FORMS, JSON, PROTOBUF, SENTRY, Form, envelope, logs_protobuf
from tests.integration.edge.raw import tap
from tests.integration.edge.world import World

LINE_MAX_BYTES = 2048
HEADERS_MAX_COUNT = 16
BODY_MAX_BYTES = 60_000
LARGE_BODY_MAX_BYTES = 70_000
OTLP_INFLATED_MAX_BYTES = 100_000
ENVELOPE_INFLATED_MAX_BYTES = 200_000
EVENT_MAX_BYTES = 20_000
IN_FLIGHT_MAX_BYTES = 420_000
# What one environment may hold of them where it is alone.
SHARE_BYTES = IN_FLIGHT_MAX_BYTES * Limits().in_flight_environment_percent // 100
CONNECTIONS_MAX_COUNT = 12
TIMEOUT_SECONDS = 1
MIN_BYTES_PER_SECOND = 4000


class Strict(Struct):
    """An edge with small limits, an app and its key."""

    url: str
    app: App
    key: str


@pytest.fixture(scope="module")
def strict(world: World) -> Iterator[Strict]:
    """Run an edge whose limits are all small."""
    app = world.control.app()
    with world.edge(
        limits_line_max_bytes=LINE_MAX_BYTES,
        limits_headers_max_count=HEADERS_MAX_COUNT,
        limits_body_max_bytes=BODY_MAX_BYTES,
        limits_large_body_max_bytes=LARGE_BODY_MAX_BYTES,
        limits_otlp_inflated_max_bytes=OTLP_INFLATED_MAX_BYTES,
        limits_envelope_inflated_max_bytes=ENVELOPE_INFLATED_MAX_BYTES,
        limits_event_max_bytes=EVENT_MAX_BYTES,
        limits_in_flight_max_bytes=IN_FLIGHT_MAX_BYTES,
        limits_connections_max_count=CONNECTIONS_MAX_COUNT,
        server_header_timeout_seconds=TIMEOUT_SECONDS,
        server_body_timeout_seconds=TIMEOUT_SECONDS,
        server_body_min_bytes_per_second=MIN_BYTES_PER_SECOND,
        server_keepalive_timeout_seconds=TIMEOUT_SECONDS,
    ) as (_, url):
        yield Strict(url, app, app.key())


def padded(form: Form, size_bytes: int) -> bytes:
    """Write a request of exactly this size."""
    if form is JSON:
        return form.payload + b" " * (size_bytes - len(form.payload))
    if form.is_sentry:
        item = b'\n{"type":"attachment","length":0000000}\n'
        room = size_bytes - len(form.payload) - len(item)
        return form.payload + item.replace(b"0000000", b"%7d" % room) + b"x" * room
    overhead = len(logs_protobuf("x" * size_bytes)) - size_bytes
    body = logs_protobuf("x" * (size_bytes - overhead))
    assert len(body) == size_bytes
    return body


def is_served(url: str) -> bool:
    """Tell whether one more connection is answered; one too many is closed, perhaps before it has read the request."""
    try:
        return send(f"{url}/healthz", method="GET").status == 200
    except (ConnectionResetError, http.client.RemoteDisconnected):
        return False


def read_all(connection: socket.socket) -> bytes:
    """Read until the edge closes the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


@pytest.mark.clause("OTLP 14a", "OTLP b1")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_body_as_sent(strict: Strict, form: Form) -> None:
    limit_bytes = LARGE_BODY_MAX_BYTES if form is SENTRY else BODY_MAX_BYTES
    for in_pieces in (False, True):
        for size_bytes, status in ((limit_bytes, 200), (limit_bytes + 1, 413)):
            body = padded(form, size_bytes)
            answer = form.send(strict.url, strict.key, strict.app.channel, body=iter([body]) if in_pieces else body)
            assert answer.status == status, (in_pieces, size_bytes, answer)
        form.check_error(answer, 413, str(limit_bytes))


# Where a body goes, and how many bytes of it are taken.
BODIES = [
    ("/api/{}/envelope/", LARGE_BODY_MAX_BYTES),
    ("/api/{}/minidump/", LARGE_BODY_MAX_BYTES),
    ("/api/{}/unreal/{}/", LARGE_BODY_MAX_BYTES),
    ("/api/{}/events/%s/attachments/" % ("a" * 32), LARGE_BODY_MAX_BYTES),
    ("/api/{}/store/", BODY_MAX_BYTES),
    ("/api/{}/security/", BODY_MAX_BYTES),
    ("/api/{}/nel/", BODY_MAX_BYTES),
    ("/v1/logs", BODY_MAX_BYTES),
]


@pytest.mark.clause("Sentry b2")
@pytest.mark.parametrize(("path", "max_bytes"), BODIES)
def test_where_large_files_come_a_body_may_be_larger(strict: Strict, path: str, max_bytes: int) -> None:
    url = strict.url + path.format(strict.app.channel, strict.key)
    for size_bytes in (max_bytes, max_bytes + 1):
        # As an announcement alone, and in pieces of unknown number.
        for body in (b"x" * size_bytes, iter([b"x" * 1000] * (size_bytes // 1000) + [b"x" * (size_bytes % 1000)])):
            answer = send(url, headers={"X-API-Key": strict.key, "Content-Type": "application/json"}, body=body)
            is_too_large = answer.status == 413 and b"The body is larger than" in answer.body
            assert is_too_large == (size_bytes > max_bytes), answer


@pytest.mark.clause("Sentry b2")
@pytest.mark.clause("OTLP 14a", "OTLP b1")
def test_the_defaults_of_bodies() -> None:
    limits = Limits()
    assert (limits.body_max_bytes, limits.large_body_max_bytes) == (20 * 1024 * 1024, 100 * 1024 * 1024)
    assert limits.otlp_inflated_max_bytes == 64 * 1024 * 1024


@pytest.mark.clause("Sentry 22", "Sentry b1")
@pytest.mark.clause("OTLP 14a", "OTLP b1")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_a_body_once_decompressed(strict: Strict, form: Form) -> None:
    limit_bytes = ENVELOPE_INFLATED_MAX_BYTES if form is SENTRY else OTLP_INFLATED_MAX_BYTES
    for size_bytes, status in ((limit_bytes, 200), (limit_bytes + 1, 413)):
        body = gzip.compress(padded(form, size_bytes))
        answer = form.send(strict.url, strict.key, strict.app.channel, body=body, more={"Content-Encoding": "gzip"})
        assert answer.status == status, (size_bytes, answer)
    form.check_error(answer, 413, str(limit_bytes))


@pytest.mark.clause("Sentry 22", "Sentry b3")
@pytest.mark.parametrize("kind", ["event", "transaction"])
def test_an_event_of_an_envelope(strict: Strict, kind: str) -> None:
    for size_bytes, status in ((EVENT_MAX_BYTES, 200), (EVENT_MAX_BYTES + 1, 413)):
        event = b'{"message":"%s"}' % (b"x" * (size_bytes - 14))
        body = b'{}\n{"type":"%s"}\n%s' % (kind.encode(), event)
        answer = SENTRY.send(strict.url, strict.key, strict.app.channel, body=body)
        assert answer.status == status, (size_bytes, answer)
    # Not 400: mobile SDKs would send that again for ever.
    SENTRY.check_error(answer, 413, str(EVENT_MAX_BYTES))


def test_header_lines(strict: Strict) -> None:
    needed = {"Host": "x", "Connection": "close", "Content-Length": str(len(PROTOBUF.payload))}
    needed |= PROTOBUF.headers(strict.key)
    for count, status in ((HEADERS_MAX_COUNT, b"200"), (HEADERS_MAX_COUNT + 1, b"431")):
        headers = needed | {f"X-{number}": "1" for number in range(count - len(needed))}
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        with tap(strict.url) as connection:
            connection.sendall(b"POST /v1/logs HTTP/1.1\r\n%s\r\n%s" % ("".join(lines).encode(), PROTOBUF.payload))
            assert read_all(connection).split()[1] == status, count


UNREADABLE = [
    pytest.param(b"POST /v1/logs HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400, "cannot be read", id="no host"),
    pytest.param(
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-Long: %s\r\n\r\n" % (b"x" * 4000),
        431,
        f"longer than {LINE_MAX_BYTES} bytes",
        id="a long header",
    ),
    pytest.param(
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\n%s\r\n" % (b"X: x\r\n" * HEADERS_MAX_COUNT),
        431,
        f"more than {HEADERS_MAX_COUNT} header lines",
        id="many headers",
    ),
    pytest.param(
        b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
        "or chunk of it",
        id="a broken chunk",
    ),
    pytest.param(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", 400, "cannot be read", id="TLS"),
]


@pytest.mark.clause("OTLP 4b", "OTLP 4c")
@pytest.mark.clause("Sentry 16a", "Sentry 16b", "Sentry 21")
@pytest.mark.parametrize(("data", "status", "told"), UNREADABLE)
def test_a_head_that_cannot_be_read_is_told_in_every_form_at_once(
    strict: Strict, data: bytes, status: int, told: str
) -> None:
    with tap(strict.url) as connection:
        connection.sendall(data)
        response = http.client.HTTPResponse(connection)
        response.begin()
        body = json.loads(response.read())
    answer = Answer(response.status, response.reason, {k.lower(): v for k, v in response.getheaders()}, b"")
    assert (body["status"], body["detail"]) == (response.status, body["message"])
    for form, names in ((JSON, ("code", "message")), (SENTRY, ("detail", "causes"))):
        said = json.dumps({name: body[name] for name in names}).encode()
        form.check_error(structs.replace(answer, body=said), status, told)
    assert set(body) == {"code", "message", "detail", "causes", "type", "title", "status"}


def test_a_header_line(strict: Strict) -> None:
    for size_bytes, is_taken in ((LINE_MAX_BYTES - 100, True), (LINE_MAX_BYTES + 100, False)):
        headers = PROTOBUF.headers(strict.key) | {"X-Long": "x" * size_bytes}
        answer = send(f"{strict.url}/v1/logs", headers=headers, body=PROTOBUF.payload)
        assert answer.status == (200 if is_taken else 431), (size_bytes, answer)


def test_the_request_line(strict: Strict) -> None:
    for size_bytes, is_taken in ((LINE_MAX_BYTES - 100, True), (LINE_MAX_BYTES + 100, False)):
        path = SENTRY.path(strict.app.channel) + "?x=" + "y" * size_bytes
        answer = send(strict.url + path, headers=SENTRY.headers(strict.key), body=envelope())
        assert answer.status == (200 if is_taken else 431), (size_bytes, answer)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_the_time_for_a_body(strict: Strict, form: Form) -> None:
    began = time.monotonic()
    headers = form.headers(strict.key, strict.app.channel) | {"Content-Length": str(len(form.payload))}
    with Connection(strict.url) as connection:
        connection.http.putrequest("POST", form.path(strict.app.channel))
        for name, value in headers.items():
            connection.http.putheader(name, value)
        connection.http.endheaders(form.payload[:-1])
        answer = connection.receive()
    form.check_error(answer, 408, f"{TIMEOUT_SECONDS} s")
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2


def begun(connection: Connection, strict: Strict, size_bytes: int) -> socket.socket:
    """Send the head of a request with a body of so many bytes, and answer where the body goes."""
    connection.http.putrequest("POST", PROTOBUF.path(strict.app.channel))
    for name, value in (PROTOBUF.headers(strict.key) | {"Content-Length": str(size_bytes)}).items():
        connection.http.putheader(name, value)
    connection.http.endheaders()
    return connection.http.sock


def test_a_body_on_a_slow_line_has_the_time_that_it_takes(strict: Strict) -> None:
    body = padded(PROTOBUF, 12_000)
    began = time.monotonic()
    with Connection(strict.url) as connection:
        line = begun(connection, strict, len(body))
        for start in range(0, len(body), 1000):
            time.sleep(1000 / MIN_BYTES_PER_SECOND / 1.5)
            line.sendall(body[start : start + 1000])
        answer = connection.receive()
    assert answer.status == 200, answer
    assert time.monotonic() - began > 1.5 * TIMEOUT_SECONDS


def test_the_time_for_a_body_is_not_prolonged_by_bytes_that_trickle_or_are_announced(strict: Strict) -> None:
    began = time.monotonic()
    with Connection(strict.url) as connection:
        line = begun(connection, strict, BODY_MAX_BYTES)
        line.settimeout(0.1)
        received = b""
        while not received and time.monotonic() - began < TIMEOUT_SECONDS + 4:
            line.sendall(b"x")
            with suppress(TimeoutError):
                received = line.recv(65536)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2


def test_the_time_for_a_head(strict: Strict) -> None:
    began = time.monotonic()
    with tap(strict.url) as connection:
        connection.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert read_all(connection) == b""
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2


def test_the_time_for_a_head_is_not_prolonged_by_bytes_that_trickle(strict: Strict) -> None:
    began = time.monotonic()
    with tap(strict.url) as connection:
        connection.settimeout(0.2)
        connection.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        while time.monotonic() - began < TIMEOUT_SECONDS + 2:
            try:
                connection.sendall(b"x")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 1.5


def test_an_idle_connection(strict: Strict) -> None:
    with tap(strict.url) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        assert read_all(connection).endswith(b"ok\n")
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2


def test_a_connection_that_says_nothing(strict: Strict) -> None:
    began = time.monotonic()
    with tap(strict.url) as connection:
        assert read_all(connection) == b""
    assert TIMEOUT_SECONDS <= time.monotonic() - began < TIMEOUT_SECONDS + 2


def test_open_connections(strict: Strict) -> None:
    with ExitStack() as stack:
        connections = [stack.enter_context(tap(strict.url)) for _ in range(CONNECTIONS_MAX_COUNT)]
        for connection in connections:  # an answer shows that each was taken
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert not is_served(strict.url)
    wait_until(lambda: is_served(strict.url), "closed connections make room", 5)


class Sender(Struct, frozen=True):
    """Somebody who sends requests of one kind, and the form in which they are answered."""

    form: Form
    path: str
    headers: dict[str, str]
    body: bytes

    def half_send(self, url: str, stack: ExitStack) -> None:
        """Send a request but for its last byte, which the connection owes until the stack ends."""
        connection = stack.enter_context(Connection(url))
        connection.http.putrequest("POST", self.path)
        for name, value in {**self.headers, "Content-Length": str(len(self.body))}.items():
            connection.http.putheader(name, value)
        connection.http.endheaders(self.body[:-1])

    def send(self, url: str) -> Answer:
        """Send a whole request."""
        return send(url + self.path, headers=self.headers, body=self.body)


def sender(strict: Strict, form: Form, *, is_tunnel: bool = False) -> Sender:
    """Send as the app's key; through a tunnel the key stands only in the body, and the environment is known late."""
    headers = {} if is_tunnel else form.headers(strict.key)
    if is_tunnel:
        form = structs.replace(form, payload=envelope(dsn=strict.app.dsn(strict.key)))
    return Sender(form, form.path(strict.app.channel), headers, padded(form, BODY_MAX_BYTES))


@contextmanager
def holding(strict: Strict, holder: Sender) -> Generator[None]:
    """Hold so much by requests that never end that one more is too much."""
    with ExitStack() as stack:
        for _ in range(SHARE_BYTES // BODY_MAX_BYTES):
            holder.half_send(strict.url, stack)
        wait_until(lambda: holder.send(strict.url).status == 503, "all that one may hold is held", 5)
        yield


def others(strict: Strict) -> list[Strict]:
    """Answer another app's environment, and another of the same app."""
    other = strict.app.control.app()
    slug = f"t{secrets.token_hex(6)}"
    strict.app.environment(slug)
    return [Strict(strict.url, other, other.key()), Strict(strict.url, strict.app, strict.app.key(slug))]


@pytest.mark.clause("OTLP 17a", "Sentry d4")
@pytest.mark.parametrize(("form", "is_tunnel"), [*((form, False) for form in FORMS), (SENTRY, True)])
def test_bytes_in_hand_of_one_environment_are_bounded_and_refuse_no_other(
    strict: Strict, form: Form, *, is_tunnel: bool
) -> None:
    holder = sender(strict, form, is_tunnel=is_tunnel)
    with holding(strict, holder):
        answer = holder.send(strict.url)
        form.check_error(
            answer, 503, f" {SHARE_BYTES // BODY_MAX_BYTES * (BODY_MAX_BYTES - 1)} bytes of requests in hand of "
        )
        assert answer.headers["retry-after"] == "1"
        assert answer.headers["x-axonpush-resolved-environment"] == "production"
        for other in others(strict):
            for each in FORMS:
                answer = each.send(strict.url, other.key, other.app.channel, body=padded(each, BODY_MAX_BYTES))
                assert answer.status == 200, (each, answer)
    wait_until(lambda: holder.send(strict.url).status == 200, "what was held is given back", 5)


@pytest.mark.clause("Sentry d4")
def test_bytes_in_hand_of_the_control_plane_are_bounded_and_refuse_no_environment(strict: Strict) -> None:
    # A stranger's are not read at all: tests/integration/edge/test_control.py.
    key = strict.app.control.management_key
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with holding(strict, Sender(JSON, "/apps", headers, b" " * BODY_MAX_BYTES)):
        for form in FORMS:
            answer = sender(strict, form).send(strict.url)
            assert answer.status == 200, answer
            if form.is_sentry:
                answer = sender(strict, form, is_tunnel=True).send(strict.url)
                assert answer.status == 200, answer


@pytest.mark.clause("Sentry d4")
def test_the_defaults_of_bytes_in_hand() -> None:
    limits = Limits()
    share_bytes = limits.in_flight_max_bytes * limits.in_flight_environment_percent // 100
    # A crash dump in hand is held as it was sent, and as the envelope that is made of it.
    assert share_bytes >= 2 * limits.large_body_max_bytes
    # Several environments that hold all they may leave room for ordinary requests of another.
    left_bytes = limits.in_flight_max_bytes
    for _ in range(8):
        left_bytes -= left_bytes * limits.in_flight_environment_percent // 100
    assert left_bytes * limits.in_flight_environment_percent // 100 >= limits.event_max_bytes
