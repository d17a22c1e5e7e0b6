"""What SDKs are told where categories are limited: each leaves out what is limited, as far as it can tell it apart."""

from collections.abc import Iterable
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_sdk.envelope import Item

from gateway.protocols.sentry.categories import LIMITABLE, announced_as, categories_of

# What is sent: the type of an item, and the platform that its header names.
Sent = tuple[str, str]
_TYPES = (
    *("event", "unreal_report", "transaction", "security", "raw_security", "feedback", "user_report", "attachment"),
    *("session", "sessions", "log", "span", "trace_metric", "profile", "replay_event", "replay_recording"),
    *("replay_video", "check_in", "client_report", "statsd", "otel_log", "nel", "something_new"),
)
SENT: tuple[Sent, ...] = (
    *((kind, "") for kind in _TYPES),
    *(("profile_chunk", platform) for platform in ("python", "java", "android", "cocoa", "javascript")),
)

Names = dict[str | None, tuple[str, ...]]
_COMMON: Names = {
    "event": ("error",),
    "session": ("session",),
    "transaction": ("transaction",),
    "span": ("span",),
    "attachment": ("attachment",),
    "profile": ("profile",),
    "log": ("log_item",),
}
# By what names SDKs look for a limit of an item: sentry-python's Item.data_category (2.75), sentry-javascript's
# envelopeItemTypeToDataCategory (11.12 and 10.75), sentry-java's RateLimiter.getCategoryFromItemType and sentry-cocoa's
# SentryDataCategory. None stands for every type that is not named.
NAMES: dict[str, Names] = {
    "python": _COMMON
    | {
        "sessions": ("session",),
        "trace_metric": ("trace_metric",),
        "client_report": ("internal",),
        "profile_chunk": ("profile_chunk",),
        "check_in": ("monitor",),
        None: ("default",),
    },
    # What is not named goes by its type, such as feedback.
    "javascript": _COMMON
    | {
        "sessions": ("session",),
        "trace_metric": ("trace_metric",),
        "client_report": ("internal",),
        "user_report": ("default",),
        "profile_chunk": ("profile",),
        "replay_event": ("replay",),
        "replay_recording": ("replay",),
        "check_in": ("monitor",),
        "raw_security": ("security",),
    },
    "java": _COMMON
    | {
        "log": ("log_item", "log_byte"),
        "trace_metric": ("trace_metric", "trace_metric_byte"),
        "profile_chunk": ("profile_chunk_ui", "profile_chunk"),
        "check_in": ("monitor",),
        "replay_video": ("replay",),
        "feedback": ("feedback",),
        None: (),
    },
    "cocoa": _COMMON
    | {
        "trace_metric": ("trace_metric",),
        "profile_chunk": ("profile_chunk_ui",),
        "replay_video": ("replay",),
        "feedback": ("feedback",),
        "statsd": ("metric_bucket",),
        None: ("default",),
    },
}
NAMES["javascript 10"] = NAMES["javascript"] | {"trace_metric": ("metric",)}
# The platforms whose chunks of profiles an SDK sends.
PLATFORMS = {
    "python": ("python",),
    "javascript": ("javascript",),
    "javascript 10": ("javascript",),
    "java": ("java", "android"),
    "cocoa": ("cocoa",),
}
# What none of JavaScript's SDKs sends: crashes of games, what came before metrics, and what native SDKs record.
NEVER_SENT = {"javascript": {"unreal_report", "statsd", "replay_video"}}
NEVER_SENT["javascript 10"] = NEVER_SENT["javascript"]
# Where an SDK leaves out more than is limited: a category's own name is always told, and this is what it means to it.
MORE = {
    ("javascript", "profile_chunk", "profile"),
    ("javascript 10", "profile_chunk", "profile"),
    ("java", "profile_chunk", "profile_chunk"),
    ("java", "profile_chunk", "profile_chunk_ui"),
}


def names_of(sdk: str, kind: str) -> tuple[str, ...]:
    """Answer the names that an SDK looks for before it sends an item."""
    known = NAMES[sdk]
    return known[kind] if kind in known else known.get(None, (kind,))


def sent_by(sdk: str) -> list[Sent]:
    never = NEVER_SENT.get(sdk, set())
    return [sent for sent in SENT if sent[0] not in never and (not sent[1] or sent[1] in PLATFORMS[sdk])]


def is_limited(sent: Sent, limited: Iterable[str]) -> bool:
    kind, platform = sent
    return not set(categories_of(kind, {"platform": platform}, b"", None)).isdisjoint(limited)


def is_exact(name: str, limited: Iterable[str]) -> bool:
    """Tell whether nobody would leave out by this name what is not limited."""
    return all(is_limited(sent, limited) for sdk in NAMES for sent in sent_by(sdk) if name in names_of(sdk, sent[0]))


def check(limited: tuple[str, ...]) -> None:
    told = announced_as(limited)
    assert set(told) >= set(limited)
    assert len(set(told)) == len(told)
    assert "internal" not in told
    for sdk in NAMES:
        for sent in sent_by(sdk):
            names = names_of(sdk, sent[0])
            heard = [name for name in names if name in told]
            if is_limited(sent, limited):
                assert heard or not any(is_exact(name, limited) for name in names), (sdk, sent)
            else:
                assert {(sdk, sent[0], name) for name in heard} <= MORE, (sdk, sent)


@pytest.mark.clause("Sentry 23d", "Sentry 24")
@pytest.mark.parametrize("limited", [*combinations(LIMITABLE, 1), *combinations(LIMITABLE, 2), LIMITABLE])
def test_an_sdk_leaves_out_what_is_limited_and_nothing_else(limited: tuple[str, ...]) -> None:
    check(limited)


@given(st.lists(st.sampled_from(LIMITABLE), unique=True, min_size=1))
def test_so_it_is_for_any_categories(limited: list[str]) -> None:
    check(tuple(limited))


# Limits of one category, and what SDKs do then with items of it: whether they leave them out.
HEARD = [
    ("log_byte", "log", {"python": True, "javascript": True, "java": True, "cocoa": True}),
    ("log_item", "log", {"python": True, "javascript": True, "java": True, "cocoa": True}),
    ("metric", "trace_metric", {"python": True, "javascript": True, "javascript 10": True, "java": True}),
    ("profile_chunk_ui", "profile_chunk", {"javascript": False, "java": True, "cocoa": True}),
    ("profile_chunk", "profile_chunk", {"python": True, "java": True}),
    ("feedback", "user_report", {"python": False, "javascript": False, "java": False, "cocoa": False}),
    ("feedback", "feedback", {"javascript": True, "java": True, "cocoa": True}),
    ("security", "raw_security", {"javascript": True}),
    ("replay", "replay_recording", {"javascript": True}),
    ("monitor", "check_in", {"python": True, "javascript": True, "java": True}),
]


@pytest.mark.clause("Sentry 23d")
@pytest.mark.parametrize(("limited", "kind", "heard"), HEARD)
def test_who_hears_of_a_limit(limited: str, kind: str, heard: dict[str, bool]) -> None:
    told = announced_as((limited,))
    assert {sdk: not set(names_of(sdk, kind)).isdisjoint(told) for sdk in heard} == heard


@pytest.mark.parametrize("kind", [*_TYPES, "profile_chunk"])
def test_the_names_are_those_of_the_sdk_that_is_here(kind: str) -> None:
    assert names_of("python", kind) == (Item(b"", headers={"type": kind}).data_category,)
