"""What Sentry's SDKs are told of each kind of limit, which endpoints are told none, and each item type's category."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec import Struct

from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App
from tests.integration.edge.endpoints import ENDPOINTS, EVENT_ID, Endpoint
from tests.integration.edge.forms import SENTRY, check_exposed, limits_told
from tests.integration.edge.world import World
from tests.unit.protocols.test_sentry_categories import ITEMS

SLOW = {"requestsPerSecond": 0.001, "burst": 1}
ONE = {"requests": 1}
CRASH = ("error", "attachment", "monitor")
# What a client that knows one name alone has to be told.
ALSO = {"metric": {"metric", "trace_metric"}}
EVERY = {name for _, _, categories in ITEMS for name in categories} - {"internal"}


def envelope(*kinds: str, **headers: Any) -> bytes:
    """Write an envelope with an empty item of each type."""
    lines: list[dict[str, Any]] = [{"event_id": EVENT_ID}]
    for kind in kinds:
        lines += [{"type": kind, **headers}, {}]
    return b"\n".join(json.dumps(line).encode() for line in lines)


class Shop(Struct):
    """An app of which production is limited."""

    world: World
    app: App
    key: str

    def send(self, body: bytes) -> Answer:
        """Send an envelope; its answer is never 202, and a 429 is one that every SDK and every page can read."""
        answer = SENTRY.send(self.world.url, self.key, self.app.channel, body=body)
        assert answer.status in (200, 429), answer
        assert answer.headers["content-type"] == "application/json"
        check_exposed(answer)
        if answer.status == 429:
            SENTRY.check_error(answer, 429, "")
            assert int(answer.headers["retry-after"]) == max(seconds for seconds, _, _ in limits_told(answer).values())
        return answer

    def records(self) -> int:
        """Count what was published."""
        return self.world.topics.records([self.app.environments["production"]])


class Kind(Struct, frozen=True):
    """A kind of limit: what is set, of the key or the environment, and what SDKs are told of it."""

    name: str
    scope: str
    reason: str
    policy: Mapping[str, Any] = {}
    fields: Mapping[str, Any] = {}
    categories: tuple[str, ...] = ()


KINDS = (
    Kind("a rate of the key", "key", "rate_limited", fields={"rate": SLOW}),
    Kind("a quota of the key", "key", "quota_exceeded", fields={"monthlyQuota": ONE}),
    Kind("a rate of the environment", "project", "rate_limited", {"rate": SLOW}),
    Kind("a quota of the environment", "project", "quota_exceeded", {"monthlyQuota": ONE}),
    Kind(
        "categories",
        "project",
        "rate_limited",
        {"categories": {name: {"perMinute": 1} for name in CRASH}},
        categories=CRASH,
    ),
    Kind(
        "categories that are not wanted",
        "organization",
        "not_wanted",
        {"categories": {name: {"perMinute": 0} for name in CRASH}},
        categories=CRASH,
    ),
)


class Limited(Struct):
    """A limit that is in force, and the answer that said so."""

    kind: Kind
    shop: Shop
    answer: Answer


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.name)
def limited(request: pytest.FixtureRequest, world: World) -> Limited:
    """Set a limit, and send until nothing passes it any more."""
    kind: Kind = request.param
    app = world.control.app()
    shop = Shop(world, app, app.key(**kind.fields))
    if kind.policy:
        world.control.patch(f"/environments/{app.environments['production']}/policy", kind.policy)
    answers: list[Answer] = []

    def holds() -> bool:
        before = shop.records()
        answers.append(shop.send(envelope("event", "attachment", "check_in")))
        return shop.records() == before

    wait_until(holds, "the limit holds")
    return Limited(kind, shop, answers[-1])


@pytest.mark.clause("Sentry 9a", "Sentry 23a", "Sentry 23c", "Sentry 24", "Sentry d5")
def test_each_kind_of_limit_is_told_in_the_grammar_with_its_categories(limited: Limited) -> None:
    kind, answer = limited.kind, limited.answer
    is_unwanted = kind.reason == "not_wanted"
    assert answer.status == (200 if is_unwanted else 429), answer
    if is_unwanted:
        assert answer.json() == {"id": EVENT_ID}
    found = limits_told(answer)
    assert set(found) == (set(kind.categories) or EVERY | ALSO["metric"] | {"default"})
    assert {(scope, reason) for _, scope, reason in found.values()} == {(kind.scope, kind.reason)}
    if kind.categories:  # a part of it is left out
        before = limited.shop.records()
        answer = limited.shop.send(envelope("event", "session"))
        assert (answer.status, answer.json()) == (200, {"id": EVENT_ID})
        assert set(limits_told(answer)) >= {"error"}
        assert limited.shop.records() == before + 1


PATIENT = [each for each in ENDPOINTS if each.name.startswith(("minidump", "unreal", "cron", "nel"))]
NEVER = [
    *((each, "POST") for each in PATIENT),
    *((each, "GET") for each in PATIENT if each.status == 202),
]


@pytest.mark.clause("Sentry 11d", "Sentry 12a", "Sentry 12b", "Sentry 13a")
@pytest.mark.parametrize(("endpoint", "method"), NEVER, ids=[f"{method} {each.name}" for each, method in NEVER])
def test_crash_reporters_and_jobs_are_told_no_limit_of_any_kind(
    limited: Limited, endpoint: Endpoint, method: str
) -> None:
    shop = limited.shop
    before = shop.records()
    answer = endpoint.send(
        shop.world.url,
        shop.app.channel,
        shop.key,
        method=method,
        query="?status=ok" if method == "GET" else "",
        body=b"" if method == "GET" else None,
        headers={} if endpoint.has_key else {"X-Sentry-Auth": f"Sentry sentry_key={shop.key}"},
    )
    assert answer.status == endpoint.status, answer
    check_exposed(answer)
    # Reports of browsers about their network have no category that could be limited.
    is_taken = endpoint.name == "nel" and bool(limited.kind.categories)
    assert shop.records() == before + is_taken


@pytest.fixture(scope="module")
def strict(world: World) -> Shop:
    """Limit every category but that of bytes to one item a minute."""
    app = world.control.app()
    shop = Shop(world, app, app.key())
    categories = {name: {"perMinute": 1} for name in EVERY - {"log_byte"}}
    world.control.patch(f"/environments/{app.environments['production']}/policy", {"categories": categories})
    wait_until(lambda: shop.send(envelope("event")).status == 429, "the limits hold")
    return shop


def dropped(shop: Shop) -> Counter[str]:
    """Answer how many items were left out, by category."""
    text = send(f"{shop.world.url}/metrics", method="GET").body.decode()
    environment = shop.app.environments["production"]
    lines = rf'dropped_items_total\{{category="(\w+)",environment="{environment}",reason="rate_limited"\}} ([0-9.]+)'
    return Counter({category: int(float(count)) for category, count in re.findall(lines, text)})


@pytest.mark.clause("Sentry c1", "Sentry d2")
@pytest.mark.parametrize(("kind", "headers", "categories"), ITEMS)
def test_each_item_type_is_limited_and_counted_as_its_category(
    strict: Shop, kind: str, headers: dict[str, Any], categories: tuple[str, ...]
) -> None:
    is_limited = bool(set(categories) & EVERY)
    if is_limited:
        wait_until(lambda: strict.send(envelope(kind, **headers)).status == 429, "its category has no room")
    before, published = dropped(strict), strict.records()
    alone = strict.send(envelope(kind, **headers))
    beside = strict.send(envelope(kind, "otel_log", **headers))
    assert (alone.status, beside.status) == (429 if is_limited else 200, 200)
    for answer in (alone, beside):
        assert set(limits_told(answer)) == (ALSO.get(categories[0], {categories[0]}) if is_limited else set())
    # Of a request that is refused as a whole the request is counted.
    assert dropped(strict) - before == Counter(categories[:1] if is_limited else ())
    assert strict.records() == published + (1 if is_limited else 2)


@pytest.mark.clause("Sentry c1")
def test_logs_are_limited_by_their_bytes_too(world: World) -> None:
    app = world.control.app()
    shop = Shop(world, app, app.key())
    policy = {"categories": {"log_byte": {"perMinute": 1}}}
    world.control.patch(f"/environments/{app.environments['production']}/policy", policy)
    answers: list[Answer] = []

    def is_refused() -> bool:
        answers.append(shop.send(envelope("log")))
        return answers[-1].status == 429

    wait_until(is_refused, "the limit holds")
    # SDKs know the category of a log by its count alone.
    assert set(limits_told(answers[-1])) == {"log_byte", "log_item"}
