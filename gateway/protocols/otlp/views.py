"""Other ways to parse a protobuf request: with attributes, bodies, or whole items and resources left as bytes.

Protobuf's wire format carries numbers and no names, so that other declarations than the official ones can read it too.
"""

from collections.abc import Set as AbstractSet
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor

from gateway.protocols.otlp.messages import LEVELS, REQUESTS
from schemas.signals import Signal

_COMMON = ".opentelemetry.proto.common.v1."
_VALUES = {f"{_COMMON}KeyValue", f"{_COMMON}AnyValue"}
_RESOURCE = "opentelemetry.proto.resource.v1.Resource"


def _item_name(signal: Signal) -> str:
    """Answer the full name of the message of an item, such as `opentelemetry.proto.trace.v1.Span`."""
    found: Any = REQUESTS[signal].DESCRIPTOR
    for level in LEVELS[signal]:
        found = found.fields_by_name[level].message_type
    return found.full_name


def _declared(signal: Signal, left_as_bytes: AbstractSet[str]) -> descriptor_pool.DescriptorPool:
    """Declare the requests of a signal anew."""
    pool = descriptor_pool.DescriptorPool()
    _add(REQUESTS[signal].DESCRIPTOR.file, pool, left_as_bytes)
    return pool


def _add(file: FileDescriptor, pool: descriptor_pool.DescriptorPool, left_as_bytes: AbstractSet[str]) -> None:
    for dependency in file.dependencies:
        _add(dependency, pool, left_as_bytes)
    declared = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(declared)
    messages = list(declared.message_type)
    for message in messages:  # grows while it is walked: nested messages are appended
        messages.extend(message.nested_type)
        for field in message.field:
            if field.type_name in left_as_bytes:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
    pool.AddSerializedFile(declared.SerializeToString())


def _class(pool: descriptor_pool.DescriptorPool, name: str) -> Any:  # noqa: ANN401 (a class made by protobuf)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


_LEAN = {signal: _declared(signal, _VALUES) for signal in REQUESTS}
_SHALLOW = {signal: _declared(signal, {*_VALUES, f".{_RESOURCE}", f".{_item_name(signal)}"}) for signal in REQUESTS}

LEAN: dict[Signal, type[Any]] = {
    signal: _class(pool, REQUESTS[signal].DESCRIPTOR.full_name) for signal, pool in _LEAN.items()
}
"""The class of each signal's requests in which attributes and bodies are bytes."""
LEAN_ITEMS: dict[Signal, type[Any]] = {signal: _class(pool, _item_name(signal)) for signal, pool in _LEAN.items()}
"""The class of each signal's items in which they are."""
LEAN_RESOURCE: type[Any] = _class(_LEAN[Signal.TRACES], _RESOURCE)
"""The class of resources in which they are."""
SHALLOW: dict[Signal, type[Any]] = {
    signal: _class(pool, REQUESTS[signal].DESCRIPTOR.full_name) for signal, pool in _SHALLOW.items()
}
"""The class of each signal's requests in which resources and items are bytes."""
