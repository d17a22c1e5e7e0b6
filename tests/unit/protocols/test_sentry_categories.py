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
    assert categories_of(item_type, headers) == categories
    assert set(categories) <= set(CATEGORIES)


@pytest.mark.parametrize("platform", [None, 7, [], {}, "Android "])
def test_a_platform_that_is_none_is_no_error(platform: Any) -> None:
    assert categories_of("profile_chunk", {"platform": platform}) == ("profile_chunk",)
