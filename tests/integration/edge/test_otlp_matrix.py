"""Each signal in both encodings: what is wrong with a request, its encodings, limits and keys, and its connection."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from google.protobuf.message import Message
from msgspec import Struct

from gateway.identity.tokens import mint
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from gateway.runtime.settings import Limits
from schemas.environment import Kind
from schemas.signals import Signal
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, Connection, send
from tests.acceptance.stack import App
from tests.integration.edge.codecs import CODECS
from tests.integration.edge.forms import JSON, PROTOBUF, Form
from tests.integration.edge.test_otlp import REQUESTS
from tests.integration.edge.world import World, running
from tests.unit.protocols.test_otlp_validate import as_json

SIZES = {"body_max_bytes": 20_000, "otlp_inflated_max_bytes": 40_000, "in_flight_max_bytes": 100_000}
FORMS = (PROTOBUF, JSON)
EACH = pytest.mark.parametrize("signal", list(REQUESTS))
BOTH = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)


class Shop(Struct):
    """An app, its key, and keys that are refused, each with the status that says so."""

    world: World
    app: App
    key: str
    bad: dict[str, tuple[str | None, int]]

    @property
    def production(self) -> str:
        """The environment that the key is of."""
        return self.app.environments["production"]

    def send(self, form: Form, signal: str, body: Any, key: str | None = "", **more: str) -> Answer:
        """Send a body; a key that is "" is the good one."""
        named = {name.replace("_", "-"): text for name, text in more.items()}
        headers = form.headers(self.key if key == "" else key) | named
        return send(f"{self.world.url}/v1/{signal}", headers=headers, body=body)

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records([self.production])


@pytest.fixture(scope="module")
def shop(joining: tuple[dict[str, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run an edge with small limits; make an app and its keys."""
    env, management_key = joining
    env = env | {f"AXONPUSH_LIMITS_{name.upper()}": str(size) for name, size in SIZES.items()}
    with running(env, tmp_path_factory.mktemp("edge"), management_key) as world:
        app = world.control.app()
        paused = app.environment("paused")
        key, revoked = app.key(), app.made_key()
        bad: dict[str, tuple[str | None, int]] = {
            "none": (None, 401),
            "unknown": (mint(Kind.API_KEY, "prod", new_ulid(now_ns()), bytes(32)), 401),
            "with wrong check digits": (f"{key[:-1]}{'1' if key[-1] == '0' else '0'}", 401),
            "revoked": (revoked["key"], 401),
            "for Sentry only": (app.key(scopes=["sentry"]), 403),
            "of a suspended environment": (app.key("paused"), 403),
            "of a management key": (management_key, 403),
        }
        shop = Shop(world, app, key, bad)
        world.control.post(f"/api-keys/{revoked['id']}/revoke", status=200)
        world.control.post(f"/environments/{paused}/pause", status=200)
        suspended = bad["of a suspended environment"][0]
        # Changes are seen in their order.
        wait_until(lambda: shop.send(JSON, "logs", JSON.payload, suspended).status == 403, "it is paused")
        yield shop


def written(form: Form, request: Message) -> bytes:
    """Write a request in an encoding."""
    return request.SerializeToString() if form is PROTOBUF else json.dumps(as_json(request)).encode()


def padded(form: Form, signal: str, size_bytes: int) -> bytes:
    """Write a request of exactly this size: with blanks, or a field that nobody knows."""
    body = written(form, REQUESTS[signal])
    room = size_bytes - len(body)
    if form is JSON:
        return body + b" " * room
    room -= 5
    return body + b"\xc2\x3e" + bytes([room & 127 | 128, room >> 7 & 127 | 128, room >> 14]) + bytes(room)


@pytest.mark.clause("OTLP 4b", "OTLP 4c", "OTLP 7a", "OTLP 7b", "OTLP 7c")
@BOTH
@EACH
def test_what_cannot_be_read_is_told_by_what_and_where(shop: Shop, signal: str, form: Form) -> None:
    body = written(form, REQUESTS[signal])
    middle = len(body) // 2
    before = shop.records()
    where = f"byte 2 of {middle}, in resource_{signal.replace('traces', 'spans')}[0]"
    cut = where if form is PROTOBUF else f"of {middle} bytes cannot be read"
    wrong = {
        body[:middle]: cut,
        b"\xff" * 12: "byte 0 of 12" if form is PROTOBUF else "cannot be read",
        (b"\x0e\x00" if form is PROTOBUF else b'{"a": nope}'): "byte 0 of 2" if form is PROTOBUF else "(byte 7)",
    }
    for bad, says in wrong.items():
        form.check_error(shop.send(form, signal, bad), 400, says)
    form.check_error(shop.send(form, signal, body, Content_Encoding="gzip"), 400, f"starts with {body[:4].hex(' ')}")
    assert shop.records() == before


@pytest.mark.clause("OTLP 13a")
@pytest.mark.parametrize("codec", list(CODECS))
@BOTH
@EACH
def test_each_encoding_carries_each_signal(shop: Shop, signal: str, form: Form, codec: str) -> None:
    encoding, compress = CODECS[codec]
    body = written(form, REQUESTS[signal])
    before = shop.records()
    answer = shop.send(form, signal, compress(body), Content_Encoding=encoding)
    assert answer.status == 200, answer
    assert shop.records() == before + 1
    record = shop.world.topics.last(shop.production)
    assert (record.signal, record.inflated_bytes) == (Signal(signal), len(body))


@pytest.mark.clause("OTLP 13b", "OTLP 14a")
@pytest.mark.parametrize("codec", ["gzip", "deflate", "zstd"])
@BOTH
@EACH
def test_a_broken_body_a_bomb_and_an_unknown_encoding_are_refused(
    shop: Shop, signal: str, form: Form, codec: str
) -> None:
    encoding, compress = CODECS[codec]
    before, body = shop.records(), compress(written(form, REQUESTS[signal]))
    broken = shop.send(form, signal, body[: len(body) // 2], Content_Encoding=encoding)
    form.check_error(broken, 400, "incomplete")
    bomb = shop.send(form, signal, compress(bytes(1_000_000)), Content_Encoding=encoding)
    form.check_error(bomb, 413, str(SIZES["otlp_inflated_max_bytes"]))
    unknown = shop.send(form, signal, body, Content_Encoding=f"{encoding}x")
    form.check_error(unknown, 415, f"{encoding}x")
    assert unknown.headers["accept-encoding"] == "gzip, deflate, br, zstd"
    assert shop.records() == before


@pytest.mark.clause("OTLP 14a", "OTLP b1")
@BOTH
@EACH
def test_a_size_is_taken_up_to_its_limit(shop: Shop, signal: str, form: Form) -> None:
    _, compress = CODECS["gzip"]
    for more, status in ((0, 200), (1, 413)):
        before = shop.records()
        plain = padded(form, signal, SIZES["body_max_bytes"] + more)
        large = compress(padded(form, signal, SIZES["otlp_inflated_max_bytes"] + more))
        assert len(plain) == SIZES["body_max_bytes"] + more
        answers = (
            (shop.send(form, signal, plain), "body_max_bytes"),
            (shop.send(form, signal, iter([plain])), "body_max_bytes"),
            (shop.send(form, signal, large, Content_Encoding="gzip"), "otlp_inflated_max_bytes"),
            (shop.send(form, signal, iter([large]), Content_Encoding="gzip"), "otlp_inflated_max_bytes"),
        )
        for answer, setting in answers:
            assert answer.status == status, answer
            if status == 413:
                form.check_error(answer, 413, str(SIZES[setting]))
        assert shop.records() == before + (4 if status == 200 else 0)


BAD = (
    *("none", "unknown", "with wrong check digits", "revoked", "for Sentry only", "of a suspended environment"),
    *("of a management key",),
)


@pytest.mark.clause("OTLP 15a", "OTLP 15b", "OTLP 15c")
@pytest.mark.parametrize("kind", BAD)
@BOTH
@EACH
def test_a_key_that_may_not_send_is_refused_before_the_body(shop: Shop, signal: str, form: Form, kind: str) -> None:
    key, status = shop.bad[kind]
    # The body that is announced never comes.
    answer = shop.send(form, signal, None, key, Content_Length="1000")
    form.check_error(answer, status, "")
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.clause("OTLP 15b")
@BOTH
@EACH
def test_a_scope_lets_in_its_own_signal_and_a_channel_its_own_app(shop: Shop, signal: str, form: Form) -> None:
    for key in (shop.app.key(scopes=[signal]), shop.app.token(scopes=[signal])):
        for other, request in REQUESTS.items():
            answer = shop.send(form, other, written(form, request), key)
            if other == signal:
                assert answer.status == 200, answer
            else:
                form.check_error(answer, 403, f"may not send {other}")
    foreign = shop.send(form, signal, b"", X_Axonpush_Channel="999999")
    form.check_error(foreign, 403, "channel 999999")


@pytest.mark.clause("OTLP 17b")
@BOTH
@EACH
def test_a_rate_and_a_quota_are_429_for_each_signal(shop: Shop, signal: str, form: Form) -> None:
    body = written(form, REQUESTS[signal])
    limits: tuple[dict[str, Any], ...] = (
        {"rate": {"requestsPerSecond": 0.01, "burst": 1}},
        {"monthlyQuota": {"requests": 1}},
    )
    for limit, says in zip(limits, ("sends more", "quota"), strict=True):
        key = shop.app.key(**limit)
        assert shop.send(form, signal, body, key).status == 200
        answer = shop.send(form, signal, body, key)
        form.check_error(answer, 429, says)
        assert 1 <= int(answer.headers["retry-after"]) <= 600


@pytest.mark.clause("OTLP 17a")
def test_an_overload_is_503_for_each_signal(shop: Shop) -> None:
    # All that one environment may hold.
    share_bytes = SIZES["in_flight_max_bytes"] * Limits().in_flight_environment_percent // 100
    size_bytes = share_bytes // 5
    sent = [(form, signal, written(form, request)) for form in FORMS for signal, request in REQUESTS.items()]
    with ExitStack() as stack:
        for _ in range(5):
            connection = stack.enter_context(Connection(shop.world.url))
            connection.http.putrequest("POST", "/v1/logs")
            for name, value in (PROTOBUF.headers(shop.key) | {"Content-Length": str(size_bytes)}).items():
                connection.http.putheader(name, value)
            connection.http.endheaders(bytes(size_bytes - 1))
        wait_until(lambda: shop.send(*sent[0]).status == 503, "as much as may be is in hand")
        before = shop.records()
        for form, signal, body in sent:
            answer = shop.send(form, signal, body)
            form.check_error(answer, 503, "in hand")
            assert 1 <= int(answer.headers["retry-after"]) <= 5
        assert shop.records() == before
    wait_until(lambda: shop.send(*sent[0]).status == 200, "there is room again")
    assert {shop.send(*each).status for each in sent} == {200}


@pytest.mark.clause("OTLP 22a")
@BOTH
@EACH
def test_a_connection_is_kept_whatever_is_answered_once_the_body_was_sent(shop: Shop, signal: str, form: Form) -> None:
    good = written(form, REQUESTS[signal])
    rows: list[tuple[int, bytes, dict[str, str]]] = [
        (200, good, form.headers(shop.key)),
        (400, good[:-1], form.headers(shop.key)),
        (401, good, form.headers(None)),
        (401, good, form.headers(shop.bad["unknown"][0])),
        (403, good, form.headers(shop.bad["for Sentry only"][0])),
        (415, good, form.headers(shop.key) | {"Content-Type": "text/plain"}),
        (415, good, form.headers(shop.key) | {"Content-Encoding": "snappy"}),
        (200, good, form.headers(shop.key)),
    ]
    with Connection(shop.world.url) as connection:
        addresses: set[Any] = set()
        for status, body, headers in rows:
            answer = connection.send(f"/v1/{signal}", headers=headers, body=body)
            assert answer.status == status, answer
            assert answer.headers.get("connection", "keep-alive") == "keep-alive", status
            addresses.add(connection.http.sock.getsockname())
        assert len(addresses) == 1


@pytest.mark.clause("OTLP 5d", "OTLP 4b")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json", "application/x-protobuf"])
def test_the_root_names_the_right_path_whatever_the_type_and_the_key(shop: Shop, content_type: str | None) -> None:
    for key in ({}, {"X-API-Key": shop.key}):
        headers = key | ({} if content_type is None else {"Content-Type": content_type})
        for target in ("", "/", "//"):
            answer = send(f"{shop.world.url}{target}", headers=headers, body=PROTOBUF.payload)
            form = PROTOBUF if content_type == PROTOBUF.content_type else JSON
            form.check_error(answer, 404, "/v1/traces, /v1/logs and /v1/metrics")
