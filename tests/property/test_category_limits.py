"""Limits of Sentry's categories: what they let in, and that SDKs can read what is told of them."""

import re
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.accounting.category_limits import CategoryLimits, Passed
from gateway.protocols.replies import sentry_error
from gateway.protocols.sentry.categories import CATEGORIES, LIMITABLE, categories_of
from gateway.protocols.sentry.envelope import Item
from gateway.protocols.sentry.quotas import CategoriesLimited, Limited, rate_limits
from schemas.environment import CategoryLimit, Environment
from schemas.errors import RateLimited

NS_PER_SECOND = 1_000_000_000
# develop.sentry.dev, Rate Limiting; categories are always named here.
ENTRY = re.compile(r"[1-9][0-9]*:[a-z_]+(?:;[a-z_]+)*:(?:organization|project|key):[a-z_]+")
TYPES = (
    *("event", "transaction", "attachment", "session", "log", "span", "trace_metric", "profile", "profile_chunk"),
    *("replay_event", "check_in", "client_report", "otel_log", "unheard_of"),
)


def item(kind: str, payload: bytes = b"{}", **headers: object) -> Item:
    return Item(kind, {"type": kind, **headers}, payload)


class World:
    """The limits of one environment, and the clock."""

    def __init__(self, limits: Mapping[str, int], processes_count: int = 1) -> None:
        self.now_ns = 10**18
        self.environment: Environment | None = None
        self.limits = CategoryLimits(lambda _: self.environment, lambda: self.now_ns)
        self.set(limits)
        self.limits.share(processes_count)

    def set(self, limits: Mapping[str, int]) -> None:
        """Let other limits hold."""
        categories = {name: CategoryLimit(per_minute) for name, per_minute in limits.items()}
        self.environment = Environment("e", "app", "slug", categories=categories)
        self.limits.forget()

    def send(self, *items: Item) -> Passed:
        """Send an envelope."""
        return self.limits.admit("e", list(items), None)

    def taken(self, kind: str, count: int) -> int:
        """Send so many envelopes of one item each, and answer how many were taken."""
        taken = 0
        for _ in range(count):
            with suppress(CategoriesLimited):
                taken += len(self.send(item(kind)).items)
        return taken


def check_header(value: str) -> list[list[str]]:
    """See that SDKs can read a header, and answer its entries, each in its parts."""
    entries = value.split(", ")
    for entry in entries:
        assert ENTRY.fullmatch(entry), entry
    return [entry.split(":") for entry in entries]


@pytest.mark.clause("Sentry 23c", "Sentry c1")
@given(
    limits=st.dictionaries(st.sampled_from(LIMITABLE), st.integers(0, 3), max_size=6),
    envelopes=st.lists(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5), min_size=1, max_size=8),
)
def test_what_is_told_has_the_grammar_and_names_what_was_left_out(
    limits: dict[str, int], envelopes: list[list[str]]
) -> None:
    world = World(limits)
    unwanted = {name for name, per_minute in limits.items() if not per_minute}
    for kinds in envelopes:
        items = [item(kind) for kind in kinds]
        try:
            passed = world.send(*items)
        except CategoriesLimited as error:
            headers = dict(sentry_error(error).headers)
            entries = check_header(headers["X-Sentry-Rate-Limits"])
            assert int(headers["Retry-After"]) == max(int(seconds) for seconds, *_ in entries)
            assert all(set(categories_of(each.type, each.headers, each.payload, None)) & set(limits) for each in items)
            continue
        assert len(passed.items) + sum(passed.dropped.values()) == len(items)
        assert all(
            not set(categories_of(each.type, each.headers, each.payload, None)) & unwanted for each in passed.items
        )
        told = {
            name
            for entry in (check_header(passed.announced) if passed.announced else [])
            for name in entry[1].split(";")
        }
        assert told >= unwanted | {category for category, _ in passed.dropped}
        for each in items:
            if each.type in {"client_report", "otel_log", "unheard_of"}:
                assert each in passed.items


@pytest.mark.clause("Sentry 23c")
@given(
    limits=st.lists(
        st.builds(
            Limited,
            st.integers(1, 86_400),
            st.lists(st.sampled_from(CATEGORIES), min_size=1, max_size=4).map(tuple),
            st.sampled_from(["organization", "project", "key"]),
            st.sampled_from(["rate_limited", "not_wanted", "quota_exceeded"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_limits_are_written_in_the_grammar(limits: list[Limited]) -> None:
    parts = check_header(rate_limits(limits))
    assert [Limited(int(s), tuple(c.split(";")), scope, reason) for s, c, scope, reason in parts] == limits


@pytest.mark.parametrize("scope", ["key", "environment"])
def test_a_limit_of_requests_names_every_category_but_internal(scope: str) -> None:
    error = RateLimited("m", retry_after_seconds=3, scope="key" if scope == "key" else "environment")
    entries = check_header(dict(sentry_error(error).headers)["X-Sentry-Rate-Limits"])
    assert set(entries[0][1].split(";")) >= set(LIMITABLE)
    assert "internal" not in entries[0][1].split(";")


@given(
    per_minute=st.integers(1, 30), processes_count=st.integers(1, 3), pauses=st.lists(st.integers(0, 90), max_size=8)
)
def test_a_rate_is_kept(per_minute: int, processes_count: int, pauses: list[int]) -> None:
    world = World({"error": per_minute}, processes_count)
    share = per_minute / processes_count
    taken = world.taken("event", 40)
    assert taken == max(1, int(share))
    for seconds in pauses:
        world.now_ns += seconds * NS_PER_SECOND
        taken += world.taken("event", 40)
    assert taken <= max(1, share) + sum(pauses) / 60 * share + 0.001


def test_an_envelope_of_which_a_part_is_limited_keeps_the_rest() -> None:
    world = World({"error": 1, "span": 0})
    assert world.send(item("event")).items == [item("event")]
    passed = world.send(item("event"), item("session"), item("span"), item("client_report"))
    assert [each.type for each in passed.items] == ["session", "client_report"]
    assert passed.dropped == {("error", "rate_limited"): 1, ("span", "not_wanted"): 1}
    assert passed.announced == "60:error:project:rate_limited, 86400:span:organization:not_wanted"
    with pytest.raises(CategoriesLimited) as caught:
        world.send(item("event"), item("span"))
    assert caught.value.limits == (Limited(60, ("error",), "project", "rate_limited"),)
    world.now_ns += 60 * NS_PER_SECOND
    assert world.send(item("event")).items == [item("event")]


@pytest.mark.clause("Sentry 24")
def test_what_is_not_wanted_is_announced_and_never_an_error() -> None:
    world = World({"replay": 0, "profile": 0, "metric": 0})
    for passed in (world.send(item("replay_event")), world.send(item("event")), world.send()):
        assert passed.announced == "86400:replay;profile;metric;trace_metric:organization:not_wanted"
    assert world.send(item("replay_event"), item("replay_recording")).items == []
    world.set({"replay": 0})
    assert world.send(item("profile")).announced == "86400:replay:organization:not_wanted"


@pytest.mark.parametrize(
    ("category", "sent"),
    [
        ("log_item", item("log", b"x", item_count=3)),
        ("log_byte", item("log", b"xxx", item_count=1)),
        ("span", item("span", b"x", item_count=3)),
        ("profile_chunk_ui", item("profile_chunk", platform="cocoa", item_count=3)),
    ],
)
def test_a_container_counts_what_is_in_it(category: str, sent: Item) -> None:
    world = World({category: 7})
    for _ in range(2):
        assert world.send(sent).items == [sent]
    with pytest.raises(CategoriesLimited):
        world.send(sent)


def test_a_chunk_of_a_profile_is_limited_by_what_the_envelope_says_of_its_sdk() -> None:
    world = World({"profile_chunk_ui": 0})
    chunk = item("profile_chunk")
    assert world.send(chunk).items == [chunk]
    assert world.limits.admit("e", [chunk], {"name": "sentry.javascript.react"}).items == []
    assert world.send(item("profile_chunk", b'{"platform":"javascript"}')).items == []


def test_without_limits_everything_is_taken() -> None:
    world = World({})
    assert world.taken("event", 100) == 100
    world.environment = None
    world.limits.forget()
    assert world.taken("event", 100) == 100
