"""Reading what Sentry SDKs write: fields that may be absent, of another type than documented, or out of range."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from consumers.rows import values
from consumers.rows.binary import INT8_MAX

_TEXT_MAX_DEPTH = 16
_UUID_CHARACTERS, _UUID_DASHES = 36, (8, 13, 18, 23)
_SECONDS_MAX = INT8_MAX // 10**9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    """Answer an object; anything else is an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:  # noqa: ANN401 (any JSON value)
    """Answer a list; anything else is an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def text(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    """Answer a text; another value is written as JSON, null is empty."""
    if isinstance(value, str):
        return value
    return "" if value is None else values.dump(value, _TEXT_MAX_DEPTH)[0].decode()


def hex_id(value: Any, size_bytes: int) -> bytes | None:  # noqa: ANN401 (any JSON value)
    """Read an id in hexadecimal, also with a UUID's dashes; None if it is none, or zero."""
    if not isinstance(value, str):
        return None
    digits = value.strip()
    if len(digits) == _UUID_CHARACTERS and "".join(digits[at] for at in _UUID_DASHES) == "----":
        digits = digits.replace("-", "")
    if len(digits) != 2 * size_bytes:
        return None
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return None
    return data if len(data) == size_bytes and any(data) else None


def moment_ns(value: Any) -> int | None:  # noqa: ANN401 (any JSON value)
    """Read RFC 3339 (UTC where it names no zone) or seconds since 1970, as nanoseconds since 1970.

    A number that is too large for seconds is one of milliseconds, which some clients send.

    Returns:
        None if it is neither, or not within 1970 to 2262, what a bigint of nanoseconds holds.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            return _seconds_ns(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return _bounded((aware - _EPOCH) // timedelta(microseconds=1) * 1000)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _seconds_ns(value)
    return None


def _seconds_ns(value: str | float) -> int | None:
    """Read seconds since 1970; a double of today is exact to a microsecond."""
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if seconds > _SECONDS_MAX:
        seconds /= 1000
    return _bounded(round(seconds * 1e6) * 1000) if math.isfinite(seconds * 1e6) else None


def _bounded(ns: int) -> int | None:
    return ns if 0 <= ns <= INT8_MAX else None
