"""Sentry's data categories: what each type of item is limited and counted as.

Source: develop.sentry.dev, Rate Limiting (Categories); getsentry/relay where that is silent.
"""

from collections.abc import Mapping
from typing import Any

_BY_TYPE: dict[str, tuple[str, ...]] = {
    "event": ("error",),
    "unreal_report": ("error",),
    "transaction": ("transaction",),
    "security": ("security",),
    "raw_security": ("security",),
    "feedback": ("feedback",),
    "user_report": ("feedback",),
    "attachment": ("attachment",),
    "session": ("session",),
    "sessions": ("session",),
    "log": ("log_item", "log_byte"),
    "span": ("span",),
    "trace_metric": ("metric",),
    "profile": ("profile",),
    "profile_chunk": ("profile_chunk",),
    "replay_event": ("replay",),
    "replay_recording": ("replay",),
    "replay_video": ("replay",),
    "check_in": ("monitor",),
    "client_report": ("internal",),
    "statsd": ("metric_bucket",),
}
_UI_PROFILE_CHUNK = ("profile_chunk_ui",)
_UI_PLATFORMS = ("android", "cocoa", "javascript")  # no set: a header may hold what cannot be hashed

# Every category that an item can have, in the order of the table.
CATEGORIES: tuple[str, ...] = tuple(
    dict.fromkeys(name for names in (*_BY_TYPE.values(), _UI_PROFILE_CHUNK) for name in names)
)


def categories_of(item_type: str, headers: Mapping[str, Any]) -> tuple[str, ...]:
    """Answer the categories of an item, the one that it is kept under first.

    Args:
        item_type: The `type` of its header.
        headers: Its header; the platform of a chunk of a profile stands there.

    Returns:
        Nothing for `otel_log`, `nel` and types that are unknown: they are kept and belong to no category.
    """
    if item_type == "profile_chunk" and headers.get("platform") in _UI_PLATFORMS:
        return _UI_PROFILE_CHUNK
    return _BY_TYPE.get(item_type, ())
