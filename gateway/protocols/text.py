"""JSON as clients write it, where that is not quite JSON."""

import json
import re
from typing import Any

import msgspec
import orjson

from schemas.errors import Malformed

BOM = b"\xef\xbb\xbf"

# An escape of two characters, a pair of surrogates, or half of one. Going over every escape keeps `\\ud800`, which is
# a backslash followed by letters, from being taken for a surrogate.
_ESCAPE = re.compile(
    rb"\\(?:[^u]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2}))",
    re.DOTALL,
)


def mend_surrogates(data: bytes) -> bytes:
    r"""Replace each half of a surrogate pair (`\ud83d` alone) by U+FFFD.

    JavaScript writes such a half where a text was cut in the middle of an emoji. No UTF-8 text can hold it.
    """
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], data)


def read_json(data: bytes) -> Any:  # noqa: ANN401 (any JSON)
    """Read JSON, forgiving what old Sentry SDKs write: a byte order mark, NaN, Infinity, broken text.

    What is no UTF-8, and half of a surrogate pair, becomes U+FFFD; NaN and Infinity are floats.

    Raises:
        Malformed: it is no JSON even so; the message says where.
    """
    data = data.removeprefix(BOM)
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(mend_surrogates(data).decode("utf-8", "replace"), strict=False)
    except RecursionError as error:
        raise Malformed("The JSON is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg} at character {error.pos}.") from error
    except ValueError as error:  # a number of more than 4300 digits
        raise Malformed(f"{error}.") from error


def write_json(value: Any) -> bytes:  # noqa: ANN401 (any JSON)
    """Write what `read_json` has read; numbers of any size too, and NaN as null.

    Raises:
        Malformed: it is nested too deeply.
    """
    try:
        return msgspec.json.encode(value)
    except (OverflowError, UnicodeEncodeError, RecursionError):
        pass
    try:
        return json.dumps(value).encode()
    except RecursionError as error:
        raise Malformed("The JSON is nested too deeply.") from error


def plain(text: str) -> str:
    """Replace what no UTF-8 text can hold: bytes of a path or a header that were no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
