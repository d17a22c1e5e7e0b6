"""PostgreSQL's binary COPY format, field by field (PostgreSQL manual, COPY, "Binary Format").

A field is its length (int32) and its bytes; a tuple is the number of its fields (int16) and the fields.
"""

import struct
from collections.abc import Sequence

NULL = b"\xff\xff\xff\xff"
COUNT = struct.Struct(">h").pack
_LENGTH = struct.Struct(">i").pack
_INT2 = struct.Struct(">ih").pack
_INT4 = struct.Struct(">ii").pack
_INT8 = struct.Struct(">iq").pack
_FLOAT8 = struct.Struct(">id").pack
_JSONB = struct.Struct(">iB").pack
_ARRAY = struct.Struct(">iiiii").pack

TEXT_OID = 25
JSONB_VERSION = 1
INT8_MIN = -(2**63)
INT8_MAX = 2**63 - 1
# timestamptz counts microseconds from 2000-01-01.
EPOCH_2000_US = 946_684_800_000_000


def sized(data: bytes) -> bytes:
    """Write bytea, uuid (16 bytes) or text (UTF-8)."""
    return _LENGTH(len(data)) + data


def int2(value: int) -> bytes:
    """Write a smallint."""
    return _INT2(2, value)


def int4(value: int) -> bytes:
    """Write an integer."""
    return _INT4(4, value)


def int8(value: int) -> bytes:
    """Write a bigint."""
    return _INT8(8, value)


def float8(value: float) -> bytes:
    """Write a double precision; NaN and infinities are values like any other."""
    return _FLOAT8(8, value)


def boolean(value: bool) -> bytes:
    """Write a boolean."""
    return b"\x00\x00\x00\x01\x01" if value else b"\x00\x00\x00\x01\x00"


def timestamptz(unix_ns: int) -> bytes:
    """Write a timestamptz from nanoseconds since 1970; below a microsecond is cut."""
    return _INT8(8, unix_ns // 1000 - EPOCH_2000_US)


def jsonb(text: bytes) -> bytes:
    r"""Write a jsonb from JSON text, which must hold neither `\u0000` nor a lone surrogate."""
    return _JSONB(len(text) + 1, JSONB_VERSION) + text


def text_array(values: Sequence[str]) -> bytes:
    """Write a text[]."""
    if not values:
        body = _ARRAY(0, 0, TEXT_OID, 0, 0)[:12]
    else:
        body = _ARRAY(1, 0, TEXT_OID, len(values), 1) + b"".join([sized(value.encode()) for value in values])
    return sized(body)
