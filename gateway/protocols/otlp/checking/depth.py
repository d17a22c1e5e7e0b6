"""How deep a protobuf request nests, found out while it is parsed: upb is given less room than its 100 levels.

Looking at each value again would cost as much as all the rest.
"""

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from gateway.protocols.otlp.decode import parse
from gateway.protocols.otlp.messages import REQUESTS, Request
from gateway.protocols.otlp.walk import framed
from schemas.signals import Signal

_PARSER_MAX_DEPTH = 100  # messages within the outermost one that upb parses
# Of a resource's attribute, the least deep, down to its value: request, resource_*, resource, KeyValue and AnyValue.
_VALUE_DEPTH = 5
# A list is an ArrayValue and an AnyValue; a map is a message more, and is taken for a list and a half.
_LIST_DEPTH = 2
_START, _END = b"\x0b", b"\x0c"  # of the group that is field 1
_REQUEST = 2
# The frame costs a small request as much as parsing it; few of those have so many bytes that can begin a list or a map.
SMALL_MAX_BYTES = 4096
_LIST_TAG = b"\x2a"  # of AnyValue.array_value
_MAP_TAG = b"\x32"  # of AnyValue.kvlist_value


class _Frame(NamedTuple):
    """What stands around a request: groups within one another, and how to reach the request in their innermost."""

    message: Any
    before: bytes
    after: bytes
    request: Callable[[Any], Any]


def parse_measured(signal: Signal, data: bytes, values_max_depth: int) -> tuple[Request, bool]:
    """Parse a request, and answer whether its lists and maps may nest deeper than so.

    False is certain of whatever a protobuf library writes.

    Raises:
        Malformed: see `decode.parse`.
    """
    if len(data) <= SMALL_MAX_BYTES and data.count(_LIST_TAG) + data.count(_MAP_TAG) <= values_max_depth:
        return parse(signal, data), False
    frame = _frame(signal, values_max_depth)
    try:
        framed_request = b"".join((frame.before, framed(_REQUEST, len(data)), data, frame.after))
        return frame.request(frame.message.FromString(framed_request)), False
    except DecodeError:
        return parse(signal, data), True


@cache
def _frame(signal: Signal, values_max_depth: int) -> _Frame:
    """Make the frame that leaves no room for a value within one list more than allowed."""
    too_deep = _VALUE_DEPTH + _LIST_DEPTH * (values_max_depth + 1)
    count = max(0, _PARSER_MAX_DEPTH + 1 - too_deep)
    message = _message(signal)
    return _Frame(message, _START * count, _END * count, attrgetter("frame." * count + "request"))


@cache
def _message(signal: Signal) -> Any:  # noqa: ANN401 (a class made by protobuf)
    """Declare `message Frame { optional group Frame frame = 1; optional Export…ServiceRequest request = 2; }`."""
    request = REQUESTS[signal].DESCRIPTOR
    package = f"axonpush.{signal}"
    file = FileDescriptorProto(
        name=f"axonpush/{signal}.proto", package=package, syntax="proto2", dependency=[request.file.name]
    )
    frame = file.message_type.add(name="Frame")
    optional = FieldDescriptorProto.LABEL_OPTIONAL
    for name, number, kind, type_name in (
        ("frame", 1, FieldDescriptorProto.TYPE_GROUP, f"{package}.Frame"),
        ("request", _REQUEST, FieldDescriptorProto.TYPE_MESSAGE, request.full_name),
    ):
        frame.field.add(name=name, number=number, type=kind, label=optional, type_name=f".{type_name}")
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Frame"))
