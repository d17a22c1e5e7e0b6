"""What somebody sees who may not see everything: names, times, counts and types, and of values only that they exist.

Bodies, payloads, the values of attributes and tags, and what a user or a request brought are masked; pure.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

T = TypeVar("T", bound=Struct)
MASK = "***"
_MASK_RAW = Raw(msgspec.json.encode(MASK))


def redact(event: T) -> T:
    """Answer an event with what is not for everybody masked; what is absent stays absent."""
    masked = {name: mask(value) for name, mask in _MASKS.items() if (value := getattr(event, name, None)) is not None}
    return msgspec.structs.replace(event, **masked)


def _text(_: str) -> str:
    return MASK


def _texts(values: list[str]) -> list[str]:
    return [MASK] * len(values)


def _whole(_: Raw) -> Raw:
    return _MASK_RAW


def _values(raw: Raw) -> Raw:
    """Mask every value of an object, and keep its names; what is no object is masked as a whole."""
    return Raw(msgspec.json.encode(_masked_values(msgspec.json.decode(raw))))


def _inner_attributes(raw: Raw) -> Raw:
    """Mask the attributes of each object in a list."""
    items: Any = msgspec.json.decode(raw)
    return Raw(msgspec.json.encode([{**item, "attributes": _masked_values(item.get("attributes"))} for item in items]))


def _masked_values(value: Any) -> Any:  # noqa: ANN401 (any JSON value)
    return dict.fromkeys(cast("dict[str, Any]", value), MASK) if isinstance(value, dict) else MASK


_MASKS: dict[str, Callable[[Any], Any]] = {
    # Of telemetry.
    "resource": _values,
    "attributes": _values,
    "scope_attributes": _values,
    "metadata": _values,
    "trace_state": _text,
    "status_message": _text,
    "events": _inner_attributes,
    "links": _inner_attributes,
    "exemplars": _inner_attributes,
    "gen_ai_conversation_id": _text,
    "body": _whole,
    # Of Sentry.
    "value": _text,
    "fingerprint": _texts,
    "user": _values,
    "tags": _values,
    "payload": _whole,
    "headers": _values,
    "envelope_headers": _values,
    "filename": _text,
    "json": _whole,
}
