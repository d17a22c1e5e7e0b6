r"""JSON for jsonb columns: what PostgreSQL takes, and the stated mapping of what it does not.

NaN and infinities become the strings "NaN", "Infinity" and "-Infinity", bytes become base64, integers beyond 64 bits
become doubles, U+0000 is stripped, a lone surrogate becomes U+FFFD, and what is nested too deep becomes `TOO_DEEP`.
"""

import base64
import math
from typing import Any, cast

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from consumers.rows.binary import INT8_MAX, INT8_MIN
from gateway.protocols.text import read_json

TOO_DEEP = "[nested too deep]"
_AS_THEY_ARE = ("string_value", "int_value", "bool_value")
_NESTING = (dict, list)
# The most that limits.nesting_max_depth can be set to.
NESTING_MAX_DEPTH = 64


def finite(value: float) -> float | str:
    """Answer a number that JSON can write, or the name of one that it cannot."""
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def plain(value: AnyValue) -> Any:  # noqa: ANN401 (any JSON value)
    """Turn an OTLP value into Python values that JSON can write; the parser has bounded how deep it nests (100)."""
    kind = value.WhichOneof("value")
    if kind in _AS_THEY_ARE:
        return getattr(value, kind)
    match kind:
        case "double_value":
            return finite(value.double_value)
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return None  # not set, or a reference into a dictionary that only profiles have


def load(data: bytes) -> Any:  # noqa: ANN401 (any JSON value)
    """Read JSON, also as old SDKs write it, into values that `dump` can write.

    Raises:
        Malformed: it is not even that.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return with_plain_numbers(read_json(data))


def with_plain_numbers(value: Any, left: int = NESTING_MAX_DEPTH) -> Any:  # noqa: ANN401 (any JSON value)
    """Copy a value that Python's lenient JSON reader made, its numbers as `dump` can write them.

    What nests deeper than any setting allows stays as it is: `dump` cuts it.
    """
    if isinstance(value, dict) and left:
        return {key: with_plain_numbers(item, left - 1) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list) and left:
        return [with_plain_numbers(item, left - 1) for item in cast("list[Any]", value)]
    is_number = isinstance(value, float) or (isinstance(value, int) and not INT8_MIN <= value <= INT8_MAX)
    return _as_double(cast("float", value)) if is_number else cast("Any", value)


def dump(value: Any, max_depth: int) -> tuple[bytes, bool]:  # noqa: ANN401 (any JSON value)
    """Write JSON text for a jsonb column.

    Args:
        value: What `plain` or `load` answered, or a composition of such values.
        max_depth: Objects and lists within one another; 0 allows none.

    Returns:
        The text, and whether something had to be changed.
    """
    if not (isinstance(value, dict | list) and _is_deeper(cast("Any", value), max_depth)):
        try:
            text = orjson.dumps(value)
        except orjson.JSONEncodeError:
            pass  # a lone surrogate
        else:
            if b"\\u0000" not in text:
                return text, False
    cleaned = _clean(value, max_depth)
    return orjson.dumps(cleaned), cleaned != value


def clean_text(text: str) -> str:
    """Answer text that PostgreSQL stores: without U+0000 and without lone surrogates."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _as_double(value: float) -> float | str:
    """Answer a number as a double, or the name of what a double lacks."""
    try:
        return finite(float(value))
    except OverflowError:
        return "Infinity" if value > 0 else "-Infinity"


def _is_deeper(value: dict[str, Any] | list[Any], max_depth: int) -> bool:
    """Tell whether objects and lists nest deeper than `max_depth`, level by level: most values are large and flat."""
    level: list[Any] = [value]
    for _ in range(max_depth):
        inner: list[Any] = []
        for one in level:
            items = cast("dict[str, Any]", one).values() if isinstance(one, dict) else cast("list[Any]", one)
            inner += [item for item in items if isinstance(item, _NESTING)]
        if not inner:
            return False
        level = inner
    return True


def _clean(value: Any, left: int) -> Any:  # noqa: ANN401 (any JSON value)
    """Copy a value, changed where PostgreSQL would refuse it or it nests too deep."""
    if isinstance(value, str):
        return clean_text(value)
    if not isinstance(value, dict | list):
        return value
    if left == 0:
        return TOO_DEEP
    if isinstance(value, dict):
        return {clean_text(key): _clean(item, left - 1) for key, item in cast("dict[str, Any]", value).items()}
    return [_clean(item, left - 1) for item in cast("list[Any]", value)]
