"""What each type of item is limited and counted as."""

from typing import Any

import pytest

from gateway.protocols.sentry.categories import CATEGORIES, categories_of

# Item type, header, categories.
ITEMS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("event", {}, ("error",)),
    ("unreal_report", {}, ("error",)),
    ("transaction", {}, ("transaction",)),
    ("security", {}, ("security",)),
    ("raw_security", {}, ("security",)),
    ("feedback", {}, ("feedback",)),
    ("user_report", {}, ("feedback",)),
    ("attachment", {}, ("attachment",)),
    ("session", {}, ("session",)),
    ("sessions", {}, ("session",)),
    ("log", {}, ("log_item", "log_byte")),
    ("span", {}, ("span",)),
    ("trace_metric", {}, ("metric",)),
    ("profile", {}, ("profile",)),
    ("profile_chunk", {}, ("profile_chunk",)),
    ("profile_chunk", {"platform": "python"}, ("profile_chunk",)),
    ("profile_chunk", {"platform": "javascript"}, ("profile_chunk_ui",)),
    ("profile_chunk", {"platform": "cocoa"}, ("profile_chunk_ui",)),
    ("profile_chunk", {"platform": "android"}, ("profile_chunk_ui",)),
    ("replay_event", {}, ("replay",)),
    ("replay_recording", {}, ("replay",)),
    ("replay_video", {}, ("replay",)),
    ("check_in", {}, ("monitor",)),
    ("client_report", {}, ("internal",)),
    ("statsd", {}, ("metric_bucket",)),
    ("otel_log", {}, ()),
    ("nel", {}, ()),
    ("something_new", {}, ()),
]


@pytest.mark.clause("Sentry c1")
@pytest.mark.parametrize(("item_type", "headers", "categories"), ITEMS)
def test_every_item_type_has_its_category(item_type: str, headers: dict[str, Any], categories: tuple[str, ...]) -> None:
    assert categories_of(item_type, headers, b"", None) == categories
    assert set(categories) <= set(CATEGORIES)


BROWSER = {"name": "sentry.javascript.browser", "version": "10.20.0"}
# Header, payload and the envelope's `sdk` of a chunk of a profile, and whether it is of a user interface.
CHUNKS: list[tuple[dict[str, Any], bytes, Any, bool]] = [
    ({}, b'{"platform":"javascript"}', None, True),
    ({}, b'{"version":"2","profile":{"platform":"x"},"platform":"cocoa"}', None, True),
    ({"platform": None}, b'{"platform":"android"}', None, True),
    ({}, b'{"platform":"node"}', BROWSER, False),
    ({"platform": "node"}, b'{"platform":"javascript"}', BROWSER, False),
    ({"platform": "javascript"}, b'{"platform":"node"}', None, True),
    ({}, b'{"platform":7}', BROWSER, True),
    ({}, b"{}", BROWSER, True),
    ({}, b"{", BROWSER, True),
    ({}, b"\xff", {"name": "sentry.cocoa"}, True),
    ({}, b"", {"name": "sentry.java.android.react-native"}, True),
    ({}, b"", {"name": "sentry.java.spring"}, False),
    ({}, b"", {"name": "sentry.python"}, False),
    ({}, b'["javascript"]', {"name": 7}, False),
    ({}, b"", "sentry.javascript.browser", False),
    # What is larger is cut into pieces on its way: nobody reads it.
    ({}, b'{"platform":"cocoa","x":"%b"}' % (b"x" * 1024 * 1024), None, False),
    ({}, b'{"platform":"node","x":"%b"}' % (b"x" * 1024 * 1024), BROWSER, True),
]


@pytest.mark.clause("Sentry c1")
@pytest.mark.parametrize(("headers", "payload", "sdk", "is_of_ui"), CHUNKS)
def test_a_chunk_of_a_profile_without_a_platform_tells_it_elsewhere(
    headers: dict[str, Any], payload: bytes, sdk: object, is_of_ui: bool
) -> None:
    expected = ("profile_chunk_ui",) if is_of_ui else ("profile_chunk",)
    assert categories_of("profile_chunk", headers, payload, sdk) == expected
    assert categories_of("profile_chunk", headers, memoryview(payload), sdk) == expected
    assert categories_of("profile", headers, payload, sdk) == ("profile",)


@pytest.mark.parametrize("platform", [None, 7, [], {}, "Android "])
def test_a_platform_that_is_none_is_no_error(platform: Any) -> None:
    assert categories_of("profile_chunk", {"platform": platform}, b"", None) == ("profile_chunk",)
