"""Limits of Sentry's categories through HTTP: how they are set, what they leave out, and what SDKs are told of it."""

import gzip
import json
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import SENTRY, limits_told
from tests.integration.edge.world import World

# Its time is long past.
REPORT = ("client_report", {"timestamp": 1, "discarded_events": []})
EVENT = ("event", {"message": "hello"})
SESSION = ("session", {"sid": "1"})
# What is read of a request that is over its limit.
READ_MAX_BYTES = 1024 * 1024


def envelope(*items: tuple[str, Any], **headers: Any) -> bytes:
    """Write an envelope of items."""
    lines = [{"event_id": secrets.token_hex(16), **headers}]
    for kind, payload in items:
        lines += [{"type": kind}, payload]
    return b"\n".join(json.dumps(line).encode() for line in lines)


def of_size(size_bytes: int) -> bytes:
    """Write an envelope of so many bytes, with a client report."""
    empty = envelope(("attachment", ""), REPORT)
    return empty.replace(b'\n""\n', b'\n"%b"\n' % (b"x" * (size_bytes - len(empty))))


class Shop:
    """An app of its own, whose production environment gets limits."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.app: App = world.control.app()
        self.key = self.app.key()
        self.environment = self.app.environments["production"]
        self.path = f"/environments/{self.environment}/policy"

    def limit(self, sent: bytes, is_in_force: Callable[[Answer], bool], **policy: Any) -> Answer:
        """Set limits, and send until they hold."""
        self.world.control.patch(self.path, policy)
        answers: list[Answer] = []

        def holds() -> bool:
            answers.append(self.send(sent))
            return is_in_force(answers[-1])

        wait_until(holds, "the limits hold")
        return answers[-1]

    def send(self, body: bytes | Iterator[bytes], key: str | None = "", **more: str) -> Answer:
        """Send an envelope."""
        return SENTRY.send(self.world.url, self.key if key == "" else key, self.app.channel, body=body, more=more)

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records([self.environment])


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.mark.clause("Sentry 23a", "Sentry 23b", "Sentry 23c", "Sentry c1")
def test_a_category_over_its_rate_is_left_out_and_told(shop: Shop) -> None:
    answer = shop.limit(envelope(EVENT), lambda answer: answer.status == 429, categories={"error": {"perMinute": 1}})
    # Everything in it was limited.
    SENTRY.check_error(answer, 429, "error")
    assert set(limits_told(answer)) == {"error"}
    seconds, scope, reason = limits_told(answer)["error"]
    assert (str(seconds), scope, reason) == (answer.headers["retry-after"], "project", "rate_limited")
    assert 1 <= seconds <= 60
    before = shop.records()
    # A part of it was limited.
    event_id = secrets.token_hex(16)
    answer = shop.send(envelope(EVENT, SESSION, event_id=event_id))
    assert (answer.status, answer.json()) == (200, {"id": event_id})
    assert set(limits_told(answer)) == {"error"}
    # Nothing was.
    answer = shop.send(envelope(SESSION))
    assert answer.status == 200
    assert "x-sentry-rate-limits" not in answer.headers
    assert shop.records() == before + 2
    text = send(f"{shop.world.url}/metrics", method="GET").body.decode()
    dropped = re.search(
        rf'dropped_items_total\{{category="error",environment="{shop.environment}",reason="rate_limited"\}} (\d)', text
    )
    assert dropped is not None
    assert int(dropped[1]) >= 1


@pytest.mark.clause("Sentry 24")
def test_categories_that_are_not_wanted_are_announced_with_every_answer(shop: Shop) -> None:
    unwanted = {"replay": {"perMinute": 0}, "profile": {"perMinute": 0}}
    answer = shop.limit(envelope(EVENT), lambda answer: "x-sentry-rate-limits" in answer.headers, categories=unwanted)
    assert answer.status == 200
    assert answer.headers["x-sentry-rate-limits"] == "86400:replay;profile:organization:not_wanted"
    before = shop.records()
    answer = shop.send(envelope(("replay_event", {}), ("replay_recording", {})))
    assert answer.status == 200
    assert set(limits_told(answer)) == {"replay", "profile"}
    assert shop.records() == before
    assert shop.send(envelope(("replay_event", {}), EVENT)).status == 200
    assert shop.records() == before + 1


@pytest.mark.clause("Sentry c1")
def test_a_chunk_of_a_browsers_profile_is_known_without_its_platform(shop: Shop) -> None:
    unwanted = {"profile_chunk_ui": {"perMinute": 0}}
    shop.limit(envelope(EVENT), lambda answer: "x-sentry-rate-limits" in answer.headers, categories=unwanted)
    before = shop.records()
    chunk = ("profile_chunk", {"chunk_id": "c"})
    browsers = {"name": "sentry.javascript.browser", "version": "10.20.0"}
    for sent in (envelope(chunk, sdk=browsers), envelope(("profile_chunk", {"platform": "javascript"}))):
        assert shop.send(sent).status == 200
    assert shop.records() == before
    assert shop.send(envelope(chunk)).status == 200
    assert shop.records() == before + 1


def test_limits_of_categories_are_shown_changed_and_taken_away(shop: Shop) -> None:
    control = shop.world.control
    assert control.get(shop.path)["categories"] is None
    limits = {"error": {"perMinute": 6000}, "replay": {"perMinute": 0}}
    assert control.patch(shop.path, {"categories": limits})["categories"] == limits
    assert control.patch(shop.path, {"rate": None})["categories"] == limits
    assert control.patch(shop.path, {"categories": {"span": {"perMinute": 1}}})["categories"] == {
        "span": {"perMinute": 1}
    }
    for name in ("internal", "errors", ""):
        refused = control.call("PATCH", shop.path, {"categories": {name: {"perMinute": 1}}}, 422)
        assert "a category is one of error, " in refused["detail"]
    assert "perMinute" in control.call("PATCH", shop.path, {"categories": {"error": {"perMinute": -1}}}, 422)["detail"]
    assert control.patch(shop.path, {"categories": {}})["categories"] is None
    control.patch(shop.path, {"categories": limits})
    assert control.patch(shop.path, {"categories": None})["categories"] is None


@pytest.mark.clause("Sentry 26a", "Sentry 26b")
def test_a_client_report_is_never_limited(shop: Shop) -> None:
    slow = {"requestsPerSecond": 0.001, "burst": 1}
    shop.limit(envelope(EVENT), lambda answer: answer.status == 429, rate=slow)
    before = shop.records()
    for body, status in ((envelope(REPORT), 200), (envelope(EVENT, REPORT), 429), (envelope(EVENT), 429)):
        assert shop.send(body).status == status
        packed = shop.send(gzip.compress(body, mtime=0), **{"Content-Encoding": "gzip"})
        assert packed.status == status, packed
    # With the report alone that was beside an event.
    assert shop.records() == before + 4
    tunnelled = envelope(REPORT, dsn=f"https://{shop.key}@host/{shop.app.channel}")
    assert shop.send(tunnelled, key=None).status == 200
    assert shop.records() == before + 5
    # sentry-java adds its reports to whatever it sends.
    assert shop.send(of_size(READ_MAX_BYTES)).status == 429
    assert shop.send(gzip.compress(of_size(READ_MAX_BYTES), mtime=0), **{"Content-Encoding": "gzip"}).status == 429
    assert shop.records() == before + 7
    # A limit is no way to have much read, or decompressed.
    assert shop.send(of_size(READ_MAX_BYTES + 1)).status == 429
    assert shop.send(gzip.compress(of_size(READ_MAX_BYTES + 1), mtime=0), **{"Content-Encoding": "gzip"}).status == 429
    assert shop.records() == before + 7


@pytest.mark.clause("Sentry 26a")
@pytest.mark.parametrize(
    "rate",
    [{"requestsPerSecond": 0.001, "burst": 1}, {"bytesPerSecond": 1, "burstBytes": 1}],
    ids=["requests", "bytes"],
)
def test_a_client_report_is_never_limited_where_its_size_is_not_announced(shop: Shop, rate: dict[str, float]) -> None:
    def in_pieces(body: bytes, key: str | None = "") -> Answer:
        return shop.send(iter([body[:10], body[10:]]), key)

    wait = envelope(EVENT)
    shop.limit(wait, lambda _: in_pieces(wait).status == 429, rate=rate)
    before = shop.records()
    for body, status in ((envelope(REPORT), 200), (envelope(EVENT, REPORT), 429), (envelope(EVENT), 429)):
        assert in_pieces(body).status == status
    assert in_pieces(envelope(REPORT, dsn=f"https://{shop.key}@host/{shop.app.channel}"), key=None).status == 200
    assert shop.records() == before + 3
    assert in_pieces(of_size(READ_MAX_BYTES)).status == 429
    assert shop.records() == before + 4
    # A limit is no way to have much read.
    assert in_pieces(of_size(READ_MAX_BYTES + 1)).status == 429
    assert shop.records() == before + 4
