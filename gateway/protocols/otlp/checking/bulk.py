"""How many messages a protobuf request may hold, looked at before it is parsed.

An empty message takes two bytes, and up to ninety times that once it is parsed.
"""

import contextlib
from collections.abc import Iterable

from gateway.protocols.otlp import walk
from gateway.protocols.otlp.messages import LEVELS
from schemas.errors import Malformed, PayloadTooLarge
from schemas.signals import Signal

LEVEL_MAX_COUNT = 250_000  # resources, scopes or items of one request; exporters send some hundred
# Walking costs about as much as parsing what is common: what is smaller takes 90 MiB at the worst.
_WALKED_MIN_BYTES = 1024 * 1024
_STEPS_MAX_COUNT = 2 * LEVEL_MAX_COUNT
_SHORT_MAX_COUNT = 4_000_000  # fields of a few bytes; 64 MiB of common spans have 1.4 million
_SHORT_MIN_BYTES = 2

_LENGTH_DELIMITED = 2
_SHORT_LENGTH_MAX = 7
_GOES_ON = 0x80  # the bit of a number's byte that says that more follow


def _class_of(byte: int) -> bytes:
    """Answer the letter of a byte: what can it be of the beginning of a short field, its tag and its length?

    A number may be written in more bytes than it needs, the rest of them zeros: `p`, and at last `n`. So `h` begins a
    tag of several bytes, and of a tag in one byte, `t`, the length may begin with `l`, `n` or `p`.
    """
    value = byte & ~_GOES_ON
    if value == 0:
        return b"p" if byte else b"n"
    if value & 7 == _LENGTH_DELIMITED:
        return b"h" if byte & _GOES_ON else b"t"
    return b"l" if value <= _SHORT_LENGTH_MAX else b"."


_CLASSES = b"".join(map(_class_of, range(0x100)))
# Hardly any of these stands in a text: none in one of letters, whatever their script.
_BEGINNINGS = (b"tl", b"tn", b"tp", b"hn", b"pn")


def check(signal: Signal, data: bytes) -> None:
    """Return if a request, which need not be one, holds no more than is worth parsing.

    Its items are counted; of all that is within them, what looks like the beginning of a short field, in text as well.

    Raises:
        PayloadTooLarge: it holds too many items, or too many short fields.
    """
    if len(data) <= _WALKED_MIN_BYTES:
        return
    with contextlib.suppress(Malformed):  # the parser says it better
        _check_levels(signal, walk.levels(data, walk.Steps(_STEPS_MAX_COUNT)))
    if len(data) > _SHORT_MIN_BYTES * _SHORT_MAX_COUNT:
        count = sum(map(data.translate(_CLASSES).count, _BEGINNINGS))
        if count > _SHORT_MAX_COUNT:
            raise PayloadTooLarge(f"The request has {count} short fields; {_SHORT_MAX_COUNT} is the limit.")


def _check_levels(signal: Signal, levels: Iterable[int]) -> None:
    counts = [0, 0, 0]
    for level in levels:
        counts[level] += 1
        if counts[level] > LEVEL_MAX_COUNT:
            raise too_many(LEVELS[signal][level])


def too_many(name: str) -> PayloadTooLarge:
    """Say that a request has too many items, or too much of what surrounds them."""
    return PayloadTooLarge(f"The request has more than {LEVEL_MAX_COUNT} {name}. Send it in parts.")
