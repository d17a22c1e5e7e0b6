"""OTLP: JSON means what protobuf means, and any bytes are a request or Malformed."""

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from gateway.protocols import otlp
from gateway.protocols.otlp.messages import LEVELS, REQUESTS
from schemas.errors import Malformed
from schemas.signals import Format, Signal

SIGNALS = sorted(REQUESTS)
IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
OF_PROFILES = {"key_strindex", "string_value_strindex"}  # fields of the profiles signal, which is not spoken here
WAY = {name for levels in LEVELS.values() for name in levels} | {"data_points"}  # always drawn: what matters is below
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS: dict[int, SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=12),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False) | st.just(float("nan")),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_FIXED32: st.integers(0, 2**32 - 1),
    FieldDescriptor.TYPE_SINT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_ENUM: st.integers(0, 26),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scope_spans",
                    "spans",
                    "traceId",
                    "attributes",
                    "key",
                    "value",
                    "arrayValue",
                    "values",
                ]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@st.composite
def messages(draw: DrawFn, descriptor: Descriptor, depth: int = 0) -> Message:
    """Draw a message with any of its fields; ids are valid ones."""
    fields: dict[str, Any] = {}
    chosen = {group.name: draw(st.sampled_from([field.name for field in group.fields])) for group in descriptor.oneofs}
    for field in descriptor.fields:
        oneof = field.containing_oneof
        is_left_out = field.name in OF_PROFILES or (oneof is not None and chosen[oneof.name] != field.name)
        if is_left_out or (field.message_type is not None and depth > 9):
            continue
        is_on_the_way = field.name in WAY or (oneof is not None and oneof.name == "data")
        if not (is_on_the_way or draw(st.booleans())):
            continue
        values = values_of(field, depth)
        lists = st.lists(values, min_size=int(is_on_the_way), max_size=2)
        fields[field.name] = draw(lists if field.is_repeated else values)
    if descriptor.name == "Span":
        fields |= {name: draw(st.binary(min_size=IDS[name], max_size=IDS[name])) for name in ("trace_id", "span_id")}
    return GetMessageClass(descriptor)(**fields)


def values_of(field: FieldDescriptor, depth: int) -> SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, depth + 1)
    if field.name in IDS:
        return st.binary(min_size=IDS[field.name], max_size=IDS[field.name])
    return SCALARS[field.type]


def with_hex_ids(value: Any, upper: bool) -> Any:
    """Write ids as OTLP does: the protobuf mapping would write them in base64."""
    if isinstance(value, list):
        return [with_hex_ids(item, upper) for item in value]
    if not isinstance(value, dict):
        return value
    written = {key: with_hex_ids(item, upper) for key, item in value.items()}
    for key in ("traceId", "spanId", "parentSpanId", *IDS):
        if key in written:
            digits = base64.b64decode(written[key]).hex()
            written[key] = digits.upper() if upper else digits
    return written


def with_numbers(value: Any) -> Any:
    """Write 64-bit integers as numbers, which protobuf's own mapping writes as texts."""
    if isinstance(value, list):
        return [with_numbers(item) for item in value]
    if isinstance(value, dict):
        numeric = {"intValue", "asInt", "timeUnixNano", "startTimeUnixNano", "endTimeUnixNano", "count", "zeroCount"}
        return {key: int(item) if key in numeric else with_numbers(item) for key, item in value.items()}
    return value


@pytest.mark.clause("OTLP 8a", "OTLP 8b", "OTLP 8c", "OTLP 8d", "OTLP 8e", "OTLP 8h")
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data(), snake=st.booleans(), names=st.booleans())
def test_json_means_what_protobuf_means(signal: Signal, data: st.DataObject, snake: bool, names: bool) -> None:
    message = data.draw(messages(REQUESTS[signal].DESCRIPTOR))
    written = MessageToDict(message, preserving_proto_field_name=snake, use_integers_for_enums=not names)
    written = with_hex_ids(written, upper=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        written = with_numbers(written)
    body = json.dumps(written, allow_nan=False).encode()
    decoded = otlp.decode(signal, Format.JSON, body)
    assert decoded.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


def sprinkled(value: Any, descriptor: Any) -> Any:
    """Add to an object on every level what means nothing: unknown fields, and null for what is absent."""
    names = {name: field for field in descriptor.fields for name in (field.name, field.json_name)}
    written: dict[str, Any] = {}
    for name, item in value.items():
        inner = names[name].message_type
        if inner is None:
            written[name] = item
        elif isinstance(item, list):
            written[name] = [sprinkled(each, inner) for each in item]
        else:
            written[name] = sprinkled(item, inner)
    absent = [field for field in descriptor.fields if not {field.name, field.json_name} & set(value)]
    nulls = {field.json_name: None for field in absent if field.containing_oneof is None}
    return written | nulls | {"new": {"a": [1.5, None, {}]}, "": True}


@pytest.mark.clause("OTLP 8f", "OTLP 8g")
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data())
def test_unknown_fields_and_nulls_mean_nothing_on_any_level(signal: Signal, data: st.DataObject) -> None:
    message = data.draw(messages(REQUESTS[signal].DESCRIPTOR))
    written = sprinkled(with_hex_ids(MessageToDict(message), upper=False), message.DESCRIPTOR)
    decoded = otlp.decode(signal, Format.JSON, json.dumps(written).encode())
    assert decoded.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data())
def test_both_formats_get_the_same_verdict(signal: Signal, data: st.DataObject) -> None:
    message = data.draw(messages(REQUESTS[signal].DESCRIPTOR))
    body = json.dumps(with_hex_ids(MessageToDict(message), upper=False)).encode()
    verdicts = []
    for payload_format, payload in ((Format.PROTOBUF, message.SerializeToString()), (Format.JSON, body)):
        try:
            verdict = otlp.validate(signal, payload_format, payload)
        except Malformed:
            verdicts.append(None)
        else:
            verdicts.append((verdict.accepted, verdict.rejected, verdict.message))
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize("payload_format", [Format.PROTOBUF, Format.JSON])
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data())
def test_damaged_requests_are_a_value_or_malformed(signal: Signal, payload_format: Format, data: st.DataObject) -> None:
    message = data.draw(messages(REQUESTS[data.draw(st.sampled_from(SIGNALS))].DESCRIPTOR))
    body = bytearray(
        message.SerializeToString()
        if payload_format is Format.PROTOBUF
        else json.dumps(with_hex_ids(MessageToDict(message), upper=False)).encode()
    )
    for position, byte in data.draw(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3)):
        if body:
            body[position % len(body)] = byte
    check_total(signal, payload_format, bytes(body))


@pytest.mark.parametrize("payload_format", [Format.PROTOBUF, Format.JSON])
@pytest.mark.parametrize("signal", SIGNALS)
@given(body=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(signal: Signal, payload_format: Format, body: bytes) -> None:
    check_total(signal, payload_format, body)


@given(value=JSON_VALUES)
def test_any_json_is_a_value_or_malformed(value: Any) -> None:
    check_total(Signal.TRACES, Format.JSON, json.dumps(value).encode())


def check_total(signal: Signal, payload_format: Format, body: bytes) -> None:
    """Validate, and decode what passed: what was accepted has to be readable by the worker, items and all."""
    with suppress(Malformed):
        verdict = otlp.validate(signal, payload_format, body)
        passed = body if verdict.rewritten is None else verdict.rewritten
        again = otlp.validate(signal, payload_format, passed)
        assert (again.accepted, again.rejected, again.rewritten) == (verdict.accepted, 0, None)
        otlp.decode(signal, payload_format, passed)
