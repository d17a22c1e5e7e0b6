"""Another way to parse a protobuf request: with every attribute, and every body of a log, left as bytes.

Protobuf's wire format carries numbers and no names, so that other declarations than the official ones can read it too.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor

from gateway.protocols.otlp.messages import REQUESTS
from schemas.signals import Signal

_COMMON = ".opentelemetry.proto.common.v1."
_LEFT_AS_BYTES = {f"{_COMMON}KeyValue", f"{_COMMON}AnyValue"}


def _lean(signal: Signal) -> type[Any]:
    """Declare the requests of a signal anew."""
    official = REQUESTS[signal].DESCRIPTOR
    pool = descriptor_pool.DescriptorPool()
    _add(official.file, pool)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(official.full_name))


def _add(file: FileDescriptor, pool: descriptor_pool.DescriptorPool) -> None:
    for dependency in file.dependencies:
        _add(dependency, pool)
    declared = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(declared)
    messages = list(declared.message_type)
    for message in messages:  # grows while it is walked: nested messages are appended
        messages.extend(message.nested_type)
        for field in message.field:
            if field.type_name in _LEFT_AS_BYTES:
                field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
                field.ClearField("type_name")
    pool.AddSerializedFile(declared.SerializeToString())


LEAN: dict[Signal, type[Any]] = {signal: _lean(signal) for signal in REQUESTS}
"""The class of each signal's requests in which attributes and bodies are bytes."""
