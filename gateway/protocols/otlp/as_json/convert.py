"""From the structs to the protobuf message of the same request."""

from binascii import unhexlify
from collections.abc import Callable
from functools import cache
from typing import Any, cast

from msgspec import Struct
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from gateway.protocols.otlp.as_json import structs
from gateway.protocols.otlp.as_json.read import JsonRequest
from gateway.protocols.otlp.as_json.structs import SNAKE
from gateway.protocols.otlp.messages import REQUESTS, Request
from schemas.signals import Signal

_UINT64_MAX = 2**64 - 1

Plan = tuple[tuple[str, str | None, Callable[[Any], Any]], ...]


def to_message(signal: Signal, request: JsonRequest) -> Request:
    """Make the protobuf message of a request that was read from JSON.

    Raises:
        ValueError: an id is no hex.
    """
    return REQUESTS[signal](**_fields(request))


def to_key_value(pair: structs.KeyValue) -> KeyValue:
    """Make the protobuf message of one attribute."""
    return KeyValue(**_key_values([pair])[0])


def to_any_value(value: structs.AnyValue) -> AnyValue:
    """Make the protobuf message of one value."""
    return AnyValue(**_any_value(value))


def _fields(value: Struct) -> dict[str, Any]:
    """Answer the fields that are set, as the arguments of a protobuf message."""
    fields: dict[str, Any] = {}
    for name, snake_name, convert in _plan(type(value)):
        found = getattr(value, name)
        if found is None and snake_name is not None:
            found = getattr(value, snake_name)
        if found is not None:
            fields[name] = convert(found)
    return fields


@cache
def _plan(struct: type[Struct]) -> Plan:
    fields = struct.__struct_fields__
    return tuple(
        (name, SNAKE + name if SNAKE + name in fields else None, _CONVERTERS.get(name, _convert))
        for name, written in zip(fields, struct.__struct_encode_fields__, strict=True)
        if written and not name.startswith(SNAKE)
    )


def _convert(value: Any) -> Any:  # noqa: ANN401 (a field of any type)
    if isinstance(value, Struct):
        return _fields(value)
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_fields(item) if isinstance(item, Struct) else item for item in items]
    return value


def _any_value(value: structs.AnyValue) -> dict[str, Any]:
    """Convert a value; most are a text or a number in camelCase."""
    if value.string_value is not None:
        return {"string_value": value.string_value}
    if value.int_value is not None:
        return {"int_value": value.int_value}
    return _fields(value)


def _key_values(pairs: list[structs.KeyValue]) -> list[dict[str, Any]]:
    return [
        {"key": pair.key or "", "value": _any_value(pair.value)} if pair.value is not None else {"key": pair.key or ""}
        for pair in pairs
    ]


def _uint64(number: int) -> int:
    """Saturate: protobuf has no larger number, and one absurd time must not cost the whole request."""
    return min(number, _UINT64_MAX)


def _uint64s(numbers: list[int]) -> list[int]:
    return [min(number, _UINT64_MAX) for number in numbers]


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "attributes": _key_values,
    "filtered_attributes": _key_values,
    "metadata": _key_values,
    "body": _any_value,
    "trace_id": unhexlify,
    "span_id": unhexlify,
    "parent_span_id": unhexlify,
    "start_time_unix_nano": _uint64,
    "end_time_unix_nano": _uint64,
    "time_unix_nano": _uint64,
    "observed_time_unix_nano": _uint64,
    "count": _uint64,
    "zero_count": _uint64,
    "bucket_counts": _uint64s,
}
