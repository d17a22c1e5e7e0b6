"""Sentry's data categories: what each type of item is limited and counted as.

Source: develop.sentry.dev, Rate Limiting (Categories); getsentry/relay where that is silent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

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
_UI_PLATFORMS = frozenset({"android", "cocoa", "javascript"})
# Whose chunks of profiles are of these platforms where nothing else says so.
_UI_SDKS = ("sentry.javascript.", "sentry.cocoa", "sentry.java.android")
_READ_MAX_BYTES = 1024 * 1024  # a larger one travels in pieces, and the worker is to find the same category

# Every category that an item can have, in the order of the table.
CATEGORIES: tuple[str, ...] = tuple(
    dict.fromkeys(name for names in (*_BY_TYPE.values(), _UI_PROFILE_CHUNK) for name in names)
)

# All that can be limited; a client report tells of what was lost, and is never limited itself.
LIMITABLE: tuple[str, ...] = tuple(name for name in CATEGORIES if name != "internal")
# SDKs do not agree on what they call one, and an SDK minds only what it knows: the bytes of logs few of them.
_ALSO_CALLED = {"metric": "trace_metric", "log_byte": "log_item"}


class _Chunk(Struct):
    """What is looked for in a chunk of a profile."""

    platform: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)


def announced_as(categories: Iterable[str]) -> tuple[str, ...]:
    """Answer what SDKs are told of, where categories are limited: each by every name that stands for nothing else.

    Some items an SDK cannot be told of without silencing others. To sentry-javascript a `profile_chunk` is a `profile`,
    so it goes on sending chunks where they alone are limited, and stops them where profiles are. A `user_report` is
    `default` to most SDKs, as is all that they do not know. sentry-java takes the two categories of chunks for one.
    """
    names = [name for category in categories for name in (category, _ALSO_CALLED.get(category)) if name is not None]
    return tuple(dict.fromkeys(names))


def categories_of(
    item_type: str, headers: Mapping[str, Any], payload: bytes | memoryview, sdk: object
) -> tuple[str, ...]:
    """Answer the categories of an item, the one that it is kept under first.

    Args:
        item_type: The `type` of its header.
        headers: Its header.
        payload: Its payload; that of a chunk of a profile is read where its header names no platform.
        sdk: What the envelope says of the SDK, an object with a `name`; it is asked where the payload says nothing.

    Returns:
        Nothing for `otel_log`, `nel` and types that are unknown: they are kept and belong to no category.
    """
    if item_type == "profile_chunk" and _is_of_ui(headers, payload, sdk):
        return _UI_PROFILE_CHUNK
    return _BY_TYPE.get(item_type, ())


def _is_of_ui(headers: Mapping[str, Any], payload: bytes | memoryview, sdk: object) -> bool:
    """Tell whether a chunk of a profile is of a user interface; some versions of SDKs send it without its platform."""
    platform = headers.get("platform")
    if not isinstance(platform, str):
        platform = _platform_in(payload)
    if isinstance(platform, str):
        return platform in _UI_PLATFORMS
    name = cast("dict[str, Any]", sdk).get("name") if isinstance(sdk, dict) else None
    return isinstance(name, str) and name.startswith(_UI_SDKS)


def _platform_in(payload: bytes | memoryview) -> object:
    if len(payload) > _READ_MAX_BYTES:
        return None
    try:
        return _CHUNK.decode(payload).platform
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
