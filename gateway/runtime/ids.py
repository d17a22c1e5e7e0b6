"""Ids that sort by time: ULIDs for what people make, UUIDv7 for what arrives."""

import secrets

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NS_PER_MS = 1_000_000


def new_ulid(now_ns: int) -> str:
    """Make a ULID: 26 characters of Crockford's base 32, 48 bits of milliseconds and 80 random ones."""
    number = (now_ns // _NS_PER_MS) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def new_ingest_id(now_ns: int) -> bytes:
    """Make a UUIDv7 (RFC 9562, section 5.7) as 16 bytes: 48 bits of milliseconds, then random ones."""
    number = (now_ns // _NS_PER_MS) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 7 << 76
    number = number & ~(0b11 << 62) | 0b10 << 62
    return number.to_bytes(16, "big")
