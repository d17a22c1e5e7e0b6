"""What one request of Sentry's may carry, at every endpoint: what is just within a limit is taken, one more is 413."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct

from tests.acceptance.sending import Answer
from tests.acceptance.stack import App
from tests.integration.edge.endpoints import ENDPOINTS, FORM_TYPE, Endpoint, form_of
from tests.integration.edge.forms import SENTRY
from tests.integration.edge.world import World, running

SIZES = {
    "body_max_bytes": 20_000,
    "event_max_bytes": 1000,
    "attachment_max_bytes": 3000,
    "container_max_bytes": 2000,
    "check_in_max_bytes": 800,
    "client_report_max_bytes": 900,
    "profile_max_bytes": 2500,
    "replay_recording_max_bytes": 1500,
}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


class Shop(Struct):
    """An app, and its key."""

    world: World
    app: App
    key: str

    def send(self, endpoint: Endpoint, body: bytes) -> Answer:
        """Send a body to an endpoint."""
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={self.key}"}
        return endpoint.send(self.world.url, self.app.channel, self.key, body=body, headers=headers)

    def check(self, endpoint: Endpoint, within: bytes, above: bytes, says: str) -> None:
        """See that one body is taken, and that another one is too large and leaves nothing."""
        before = self.records()
        assert self.send(endpoint, within).status == endpoint.status
        assert self.records() == before + 1
        # Not 400: mobile SDKs would send that again for ever.
        endpoint.form.check_error(self.send(endpoint, above), 413, says)
        assert self.records() == before + 1

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records([self.app.environments["production"]])


@pytest.fixture(scope="module")
def shop(joining: tuple[dict[str, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Run an edge whose limits of sizes are all small; those of numbers are as they are by default."""
    env, management_key = joining
    env = env | {f"AXONPUSH_LIMITS_{name.upper()}": str(size) for name, size in SIZES.items()}
    with running(env, tmp_path_factory.mktemp("edge"), management_key) as world:
        app = world.control.app()
        yield Shop(world, app, app.key())


def text(size_bytes: int) -> bytes:
    """Write a text in JSON of so many bytes."""
    return b'"' + b"x" * (size_bytes - 2) + b'"'


def envelope(*items: tuple[str, bytes], **headers: Any) -> bytes:
    """Write an envelope of items, each with its length and these headers."""
    lines = [b"{}"]
    for kind, payload in items:
        lines += [json.dumps({"type": kind, "length": len(payload), **headers}).encode(), payload]
    return b"\n".join(lines)


ITEMS = [
    *(
        pytest.param(kind, "event_max_bytes", marks=pytest.mark.clause("Sentry b3"))
        for kind in ("event", "transaction", "security", "raw_security", "feedback", "user_report", "replay_event")
    ),
    pytest.param("attachment", "attachment_max_bytes", marks=pytest.mark.clause("Sentry b4")),
    pytest.param("unreal_report", "attachment_max_bytes", marks=pytest.mark.clause("Sentry b4")),
    pytest.param("log", "container_max_bytes", marks=pytest.mark.clause("Sentry b6")),
    pytest.param("span", "container_max_bytes", marks=pytest.mark.clause("Sentry b6")),
    pytest.param("trace_metric", "container_max_bytes", marks=pytest.mark.clause("Sentry b6")),
    pytest.param("check_in", "check_in_max_bytes", marks=pytest.mark.clause("Sentry b7")),
    pytest.param("client_report", "client_report_max_bytes", marks=pytest.mark.clause("Sentry b7")),
    pytest.param("profile", "profile_max_bytes", marks=pytest.mark.clause("Sentry b8")),
    pytest.param("profile_chunk", "profile_max_bytes", marks=pytest.mark.clause("Sentry b8")),
    pytest.param("replay_recording", "replay_recording_max_bytes", marks=pytest.mark.clause("Sentry b8")),
    pytest.param("replay_video", "replay_recording_max_bytes", marks=pytest.mark.clause("Sentry b8")),
]


@pytest.mark.clause("Sentry 22", "Sentry d3")
@pytest.mark.parametrize(("kind", "setting"), ITEMS)
def test_one_byte_more_than_an_item_may_have_is_413(shop: Shop, kind: str, setting: str) -> None:
    max_bytes = SIZES[setting]
    # A sibling that is in order does not save it.
    within, above = (envelope(("session", b"{}"), (kind, text(max_bytes + more))) for more in (0, 1))
    shop.check(BY_NAME["envelope"], within, above, f"Item 1 ({kind}) has {max_bytes + 1} bytes; at most {max_bytes}")


CONTAINER = b'{"items":[{}]}'
COUNTS = [
    pytest.param(("attachment",), 30, {}, "30 attachment", marks=pytest.mark.clause("Sentry b4")),
    pytest.param(("session", "sessions"), 100, {}, "100 session", marks=pytest.mark.clause("Sentry b5")),
    *(
        pytest.param((kind,), 1, {"item_count": 1}, f"type {kind}", marks=pytest.mark.clause("Sentry b6"))
        for kind in ("log", "span", "trace_metric")
    ),
]


@pytest.mark.clause("Sentry 22", "Sentry d3")
@pytest.mark.parametrize(("kinds", "max_count", "headers", "says"), COUNTS)
def test_one_item_more_than_an_envelope_may_have_is_413(
    shop: Shop, kinds: tuple[str, ...], max_count: int, headers: dict[str, Any], says: str
) -> None:
    items = [(kinds[number % len(kinds)], CONTAINER) for number in range(max_count + 1)]
    within, above = envelope(*items[:-1], **headers), envelope(*items, **headers)
    shop.check(BY_NAME["envelope"], within, above, says)


@pytest.mark.clause("Sentry b6")
def test_containers_of_each_type_and_single_spans_come_together(shop: Shop) -> None:
    one_each = envelope(*((kind, CONTAINER) for kind in ("log", "span", "trace_metric")), item_count=1)
    spans = b"\n".join([b"{}", *[b'{"type":"span"}', b"{}"] * 50])
    for body in (one_each, spans):
        before = shop.records()
        assert shop.send(BY_NAME["envelope"], body).status == 200
        assert shop.records() == before + 1


def check_in(size_bytes: int) -> bytes:
    """Write a check-in that has so many bytes once it carries its monitor's slug."""
    frame = len(b'{"status":"ok","x":"","monitor_slug":"nightly"}')
    return b'{"status":"ok","x":"%s"}' % (b"x" * (size_bytes - frame))


FILES: list[tuple[str, str, Callable[[int], bytes]]] = [
    ("store", "event_max_bytes", lambda size: b'{"message":%s}' % text(size - 12)),
    ("store of a key", "event_max_bytes", lambda size: b'{"message":%s}' % text(size - 12)),
    ("security", "event_max_bytes", lambda size: b'{"csp-report":%s}' % text(size - 15)),
    ("csp-report", "event_max_bytes", lambda size: b'[{},{"type":%s}]' % text(size - 9)),
    ("minidump", "attachment_max_bytes", lambda size: form_of("upload_file_minidump", b"MDMP" + bytes(size - 4))),
    ("unreal", "attachment_max_bytes", bytes),
    ("attachments", "attachment_max_bytes", lambda size: form_of("core", bytes(size))),
    ("cron", "check_in_max_bytes", check_in),
    ("cron with its key", "check_in_max_bytes", check_in),
]


@pytest.mark.clause("Sentry 22", "Sentry b3", "Sentry b4", "Sentry b7", "Sentry d3")
@pytest.mark.parametrize(("name", "setting", "body"), FILES)
def test_what_other_endpoints_take_has_the_limits_of_the_items_that_it_becomes(
    shop: Shop, name: str, setting: str, body: Callable[[int], bytes]
) -> None:
    max_bytes = SIZES[setting]
    shop.check(BY_NAME[name], body(max_bytes), body(max_bytes + 1), f"has {max_bytes + 1} bytes; at most {max_bytes}")


SMALL = ("store", "store of a key", "security", "csp-report", "cron", "cron with its key", "otlp logs", "otlp traces")


@pytest.mark.clause("Sentry b2", "Sentry d3")
@pytest.mark.parametrize("name", SMALL)
def test_a_body_where_no_files_come_has_the_smaller_limit(shop: Shop, name: str) -> None:
    endpoint, max_bytes = BY_NAME[name], SIZES["body_max_bytes"]
    # Blanks where no item keeps them: after what is one, and between those of a list.
    start, end = {"security": (b"[" + endpoint.body, b"]"), "csp-report": (b"[{}", b"]")}.get(
        name, (endpoint.body, b"")
    )
    within, above = (start + b" " * (max_bytes + more - len(start + end)) + end for more in (0, 1))
    assert len(within) == max_bytes
    shop.check(endpoint, within, above, f"{max_bytes} bytes")


@pytest.mark.clause("Sentry b4", "Sentry d3")
def test_a_form_of_more_files_than_an_envelope_may_have_is_413(shop: Shop) -> None:
    endpoint = BY_NAME["attachments"]
    assert endpoint.content_type == FORM_TYPE
    part = form_of("core", b"x").removesuffix(b"--xyz--\r\n")
    shop.check(endpoint, part * 30 + b"--xyz--\r\n", part * 31 + b"--xyz--\r\n", "30 attachment")
    SENTRY.check_error(shop.send(endpoint, part * 1001 + b"--xyz--\r\n"), 413, "1000 parts")
