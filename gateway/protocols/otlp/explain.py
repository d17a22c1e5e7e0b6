"""What is wrong with a protobuf body: the byte and the field where it breaks, or the signal that it belongs to.

upb itself says no more than that something is.
"""

from collections import Counter

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError

from gateway.protocols.otlp.levels import first_item, is_typical
from gateway.protocols.otlp.messages import REQUESTS
from schemas.signals import Signal

_FIELDS_MAX_COUNT = 50_000  # a few milliseconds; a larger body is told without the place
_VARINT_MAX_BYTES = 10
_NESTING_MAX_DEPTH = 100  # upb's own limit
_FIXED_BYTES = {1: 8, 5: 4}
_VARINT, _LENGTH_DELIMITED = 0, 2


class _Broken(Exception):
    """Where the walk ended: the byte, the path of the field, and what is wrong there."""

    def __init__(self, position: int, path: str, what: str) -> None:
        super().__init__(position, path, what)
        self.position, self.path, self.what = position, path, what


def explain(signal: Signal, data: bytes) -> str:
    """Say in a sentence why these bytes are no request of this signal; upb has refused them."""
    if data.lstrip()[:1] == b"{":
        return "The body starts with '{': it looks like JSON. Send it as Content-Type: application/json."
    if data.startswith(b"\x1f\x8b"):
        return "The body starts with 1f 8b: it looks compressed. Send it with Content-Encoding: gzip."
    descriptor = REQUESTS[signal].DESCRIPTOR
    try:
        _Walk(data).message(0, len(data), descriptor, "", 1)
    except _Broken as broken:
        place = f", in {broken.path}" if broken.path else ""
        return f"The protobuf body is broken at byte {broken.position} of {len(data)}{place}: {broken.what}."
    return f"The protobuf body of {len(data)} bytes is no {descriptor.name}."


def other_signal(signal: Signal, data: bytes) -> Signal | None:
    """Answer the other signal whose request these bytes are, where there is one: a mistaken path is common."""
    return next((other for other in REQUESTS if other is not signal and _fits(other, data)), None)


def _fits(signal: Signal, data: bytes) -> bool:
    """Tell whether bytes are a request of a signal, by what every real item has and no other signal's."""
    try:
        request = REQUESTS[signal].FromString(data)
    except DecodeError:
        return False
    item = first_item(signal, request)
    if item is None:
        return False
    match signal:
        case Signal.TRACES:
            return len(item.trace_id) == 16 and len(item.span_id) == 8  # noqa: PLR2004 (sizes of ids)
        case Signal.LOGS:
            return is_typical(signal, item)
        case _:
            return is_typical(signal, item) and item.WhichOneof("data") is not None


class _Walk:
    """A walk over protobuf's wire format (protobuf.dev, Encoding) along a descriptor."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._fields_left = _FIELDS_MAX_COUNT

    def message(self, position: int, end: int, descriptor: Descriptor, path: str, depth: int) -> None:
        """Walk one message, which stands in [position, end).

        Raises:
            _Broken: something is wrong there.
        """
        if depth > _NESTING_MAX_DEPTH:
            raise _Broken(position, path, f"messages are nested deeper than {_NESTING_MAX_DEPTH} levels")
        seen: Counter[str] = Counter()
        while position < end:
            self._fields_left -= 1
            if not self._fields_left:
                raise _Broken(position, path, "the fault is somewhere after this byte")
            start = position
            tag, position = self._varint(position, end, path)
            number, wire_type = tag >> 3, tag & 7
            field = descriptor.fields_by_number.get(number)
            inner = _inner(path, field, number, seen)
            if number == 0:
                raise _Broken(start, inner, "field number 0 does not exist")
            if wire_type == _VARINT:
                _, position = self._varint(position, end, inner)
                continue
            if wire_type == _LENGTH_DELIMITED:
                size_bytes, position = self._varint(position, end, inner)
            elif wire_type in _FIXED_BYTES:
                size_bytes = _FIXED_BYTES[wire_type]
            else:
                raise _Broken(start, inner, f"wire type {wire_type} is not used by OTLP")
            if size_bytes > end - position:
                what = f"the field says {size_bytes} bytes, but only {end - position} are left"
                raise _Broken(position, inner, what)
            if field is not None and wire_type == _LENGTH_DELIMITED:
                self._content(position, position + size_bytes, field, inner, depth)
            position += size_bytes

    def _content(self, position: int, end: int, field: FieldDescriptor, path: str, depth: int) -> None:
        if field.message_type is not None:
            self.message(position, end, field.message_type, path, depth + 1)
        elif field.type == FieldDescriptor.TYPE_STRING:
            try:
                self._data[position:end].decode()
            except UnicodeDecodeError as error:
                raise _Broken(position + error.start, path, "the text is no UTF-8") from error

    def _varint(self, position: int, end: int, path: str) -> tuple[int, int]:
        value = 0
        for index in range(_VARINT_MAX_BYTES):
            if position + index >= end:
                raise _Broken(end, path, "the bytes end within a number")
            byte = self._data[position + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:  # noqa: PLR2004 (the last byte of a number)
                return value, position + index + 1
        raise _Broken(position, path, f"a number has more than {_VARINT_MAX_BYTES} bytes")


def _inner(path: str, field: FieldDescriptor | None, number: int, seen: Counter[str]) -> str:
    """Name a field within its message as `path.name` or `path.name[index]`."""
    name = field.name if field is not None else f"field {number}"
    index = f"[{seen[name]}]" if field is not None and field.is_repeated else ""
    seen[name] += 1
    return f"{path}.{name}{index}" if path else name + index
