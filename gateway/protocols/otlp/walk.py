"""A protobuf request down to its items without decoding one: where each begins and ends, and what surrounds it.

Source: protobuf.dev, Encoding. The field numbers are the same for all three signals (opentelemetry-proto 1.5).
"""

from collections.abc import Iterator
from typing import NamedTuple

from gateway.protocols.otlp.messages import METRIC_DATA
from schemas.errors import Malformed, PayloadTooLarge

_VARINT, _FIXED64, _LENGTH, _START_GROUP, _END_GROUP, _FIXED32 = range(6)
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_MAX_BYTES = 10
_ROOT_CHILD = 1  # Export*ServiceRequest.resource_*
_INNER_CHILD = 2  # Resource*.scope_*, Scope*.spans, .log_records and .metrics
_POINTS = 1  # data_points of each kind of a metric's data


class Steps:
    """How many fields may be walked over, in all of a request: unknown ones cost as much as others, and say nothing."""

    __slots__ = ("_left",)

    def __init__(self, max_count: int) -> None:
        self._left = max_count

    def take(self) -> None:
        """Take a step.

        Raises:
            PayloadTooLarge: there are too many.
        """
        self._left -= 1
        if self._left < 0:
            raise PayloadTooLarge("The request has too many fields. Send it in parts.")


class Slice(NamedTuple):
    """Bytes [start, end) of a request; of a field with its tag, where `content` is the start of what it holds."""

    start: int
    content: int
    end: int


class Level(NamedTuple):
    """A message: its repeated field that leads to the items, and all of its other fields as they came."""

    head: bytes
    children: list[Slice]


def resources(data: bytes, steps: Steps) -> list[Slice]:
    """Answer the resources of a request; whatever else it holds means nothing here.

    Raises:
        Malformed: the bytes are no message.
        PayloadTooLarge: see `Steps`.
    """
    return list(_children(data, _ROOT_CHILD, 0, len(data), steps))


def level(data: bytes, message: Slice, steps: Steps) -> Level:
    """Answer a resource with its scopes, or a scope with its items.

    Raises:
        Malformed: the bytes are no message.
        PayloadTooLarge: see `Steps`.
    """
    head: list[bytes] = []
    children: list[Slice] = []
    for number, field in _fields(data, message.content, message.end, steps):
        if number == _INNER_CHILD:
            children.append(field)
        else:
            head.append(data[field.start : field.end])
    return Level(b"".join(head), children)


def levels(data: bytes, steps: Steps) -> Iterator[int]:
    """Give 0 for each resource, 1 for each of its scopes, and 2 for each item of that, in the order of the request.

    Raises:
        Malformed: the bytes are no message.
        PayloadTooLarge: see `Steps`.
    """
    for resource in _children(data, _ROOT_CHILD, 0, len(data), steps):
        yield 0
        for scope in _children(data, _INNER_CHILD, resource.content, resource.end, steps):
            yield 1
            for _ in _children(data, _INNER_CHILD, scope.content, scope.end, steps):
                yield 2


def metric(data: bytes, message: Slice, steps: Steps) -> tuple[bytes, int | None, Level]:
    """Answer a metric without its data, the number of its kind of data (None without), and that with its data points.

    Of several kinds the last one counts; what stands there twice of one kind is one message in two pieces.

    Raises:
        Malformed: the bytes are no message.
        PayloadTooLarge: see `Steps`.
    """
    head: list[bytes] = []
    kind: int | None = None
    inner: list[bytes] = []
    points: list[Slice] = []
    for number, field in _fields(data, message.content, message.end, steps):
        if number not in METRIC_DATA:
            head.append(data[field.start : field.end])
            continue
        if number != kind:
            kind, inner, points = number, [], []
        for inner_number, each in _fields(data, field.content, field.end, steps):
            if inner_number == _POINTS:
                points.append(each)
            else:
                inner.append(data[each.start : each.end])
    return b"".join(head), kind, Level(b"".join(inner), points)


def framed(number: int, content_bytes: int) -> bytes:
    """Write the tag and the length of a message of so many bytes, as the field `number` (below 16)."""
    head = bytearray((number << 3 | _LENGTH,))
    while content_bytes > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        head.append(content_bytes & 0x7F | 0x80)
        content_bytes >>= 7
    head.append(content_bytes)
    return bytes(head)


def _children(data: bytes, child: int, position: int, end: int, steps: Steps) -> Iterator[Slice]:
    """Give the messages in [position, end) that are the field `child`."""
    return (field for number, field in _fields(data, position, end, steps) if number == child)


def _fields(data: bytes, position: int, end: int, steps: Steps) -> Iterator[tuple[int, Slice]]:
    """Give the fields in [position, end) with their numbers, 0 for what has another type than a message."""
    while position < end:
        steps.take()
        start = position
        tag, position = _varint(data, position, end)
        wire_type = tag & 7
        content = position
        if wire_type == _LENGTH:
            size_bytes, content = _varint(data, position, end)
            position = content + size_bytes
        else:
            position = _skip(data, position, end, wire_type)
        if position > end:
            raise _broken(start)
        yield (tag >> 3 if wire_type == _LENGTH else 0), Slice(start, content, position)


def _skip(data: bytes, position: int, end: int, wire_type: int) -> int:
    """Answer the position behind a value that is no message; a group, which is unknown here, goes to its own end."""
    depth = 0
    while True:
        if wire_type in _FIXED_BYTES:
            position += _FIXED_BYTES[wire_type]
        elif wire_type == _VARINT:
            _, position = _varint(data, position, end)
        elif wire_type == _LENGTH:
            size_bytes, position = _varint(data, position, end)
            position += size_bytes
        elif wire_type in (_START_GROUP, _END_GROUP):
            depth += 1 if wire_type == _START_GROUP else -1
        else:
            raise _broken(position)
        if depth <= 0:
            return position
        tag, position = _varint(data, position, end)
        wire_type = tag & 7


def _varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    if position < end and data[position] < 0x80:  # noqa: PLR2004 (one byte, as nearly all)
        return data[position], position + 1
    value = 0
    for index in range(min(_VARINT_MAX_BYTES, end - position)):
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 (the last byte of a number)
            return value, position + index + 1
    raise _broken(position)


def _broken(position: int) -> Malformed:
    return Malformed(f"The protobuf body is broken at byte {position}: it cannot be split into records.")
