"""Splitting OTLP: the parts together are the request, each fits, and any bytes are split or Malformed."""

import json
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given, reject
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from gateway.protocols import otlp
from gateway.protocols.otlp.messages import LEVELS, METRIC_DATA, REQUESTS
from gateway.protocols.otlp.splitting.split import split
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.parts import Part, Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.examples import examples
from tests.property.test_protocols_otlp import SIGNALS, messages, with_hex_ids

FORMATS = sorted(Format)[1:]
ENDLESS = Sizes(record_max_bytes=1, item_max_bytes=10**9, value_max_bytes=10**9)
sizes = st.integers(1, 1500).map(lambda size: Sizes(record_max_bytes=size, item_max_bytes=10**9, value_max_bytes=10**9))


class Item(NamedTuple):
    """An item, and what it is in; a data point is in its metric, and a metric without any is an item itself."""

    resource: bytes
    scope: bytes
    metric: bytes
    item: bytes


def written(request: Message, payload_format: Format) -> bytes:
    if payload_format is Format.PROTOBUF:
        return request.SerializeToString()
    return json.dumps(with_hex_ids(MessageToDict(request, use_integers_for_enums=True), upper=False)).encode()


def items_of(signal: Signal, payload_format: Format, data: bytes) -> list[Item]:
    """List all items of a request, decoded."""
    resources, scopes, items = LEVELS[signal]
    found: list[Item] = []
    for resource in getattr(otlp.decode(signal, payload_format, data), resources):
        inner = list(getattr(resource, scopes))
        resource.ClearField(scopes)
        head = resource.SerializeToString(deterministic=True)
        for scope in inner:
            contents = [content for item in getattr(scope, items) for content in contents_of(signal, item)]
            scope.ClearField(items)
            scope_head = scope.SerializeToString(deterministic=True)
            found += [Item(head, scope_head, *content) for content in contents]
    return found


def contents_of(signal: Signal, item: Any) -> list[tuple[bytes, bytes]]:
    """Answer an item, or the data points of a metric, each with all the rest of it."""
    kind: str = (item.WhichOneof("data") if signal is Signal.METRICS else None) or ""
    points = [point.SerializeToString(deterministic=True) for point in getattr(item, kind).data_points] if kind else []
    if not points:
        return [(b"", item.SerializeToString(deterministic=True))]
    getattr(item, kind).ClearField("data_points")
    return [(item.SerializeToString(deterministic=True), point) for point in points]


def validated(data: st.DataObject, signal: Signal, payload_format: Format) -> tuple[Verdict, bytes]:
    """Draw a request, and answer what is left of it when it is validated."""
    body = written(data.draw(messages(REQUESTS[signal].DESCRIPTOR)), payload_format)
    try:
        verdict = otlp.validate(signal, payload_format, body)
    except Malformed:
        reject()
    return verdict, verdict.rewritten or body


def split_all(
    signal: Signal, payload_format: Format, verdict: Verdict, data: bytes, sizes: Sizes
) -> tuple[Verdict, list[Part]]:
    verdict, parts = split(signal, payload_format, data, verdict, sizes)
    return verdict, list(parts)


@pytest.mark.clause("OTLP b2")
@pytest.mark.parametrize("payload_format", FORMATS)
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data(), sizes=sizes)
@examples(20)
def test_the_parts_together_are_the_request(
    signal: Signal, payload_format: Format, data: st.DataObject, sizes: Sizes
) -> None:
    before, body = validated(data, signal, payload_format)
    verdict, parts = split_all(signal, payload_format, before, body, sizes)
    assert verdict == before
    found = [items_of(signal, payload_format, part.value) for part in parts]
    assert all(found)
    assert [item for items in found for item in items] == items_of(signal, payload_format, body)
    # A part that is larger than a record holds one item, or has as much room for items as what surrounds them is large.
    _, alone = split_all(signal, payload_format, before, body, ENDLESS)
    first = 0
    for items, part in zip(found, parts, strict=True):
        assert len(items) == 1 or len(part.value) <= sizes.record_max_bytes + len(alone[first].value)
        first += len(items)


def metric_of(kind: str, points_count: int) -> Any:
    """Draw a metric of a kind of data, with so many data points."""
    data_type = Metric.DESCRIPTOR.fields_by_name[kind].message_type
    assert data_type is not None
    points = data_type.fields_by_name["data_points"].message_type
    assert points is not None

    def made(drawn: tuple[Message, list[Message]]) -> Message:
        metric, data_points = drawn
        data = getattr(metric, kind)
        data.SetInParent()
        del data.data_points[:]
        data.data_points.extend(data_points)
        return metric

    many = st.lists(messages(points, 9), min_size=points_count, max_size=points_count)
    return st.tuples(messages(Metric.DESCRIPTOR, 8), many).map(made)


@pytest.mark.clause("OTLP b2")
@pytest.mark.parametrize("payload_format", FORMATS)
@pytest.mark.parametrize("kind", METRIC_DATA.values())
@given(data=st.data(), record_max_bytes=st.integers(100, 1500))
@examples(10)
def test_a_metric_is_split_by_its_data_points(
    kind: str, payload_format: Format, data: st.DataObject, record_max_bytes: int
) -> None:
    request = ExportMetricsServiceRequest()
    drawn = data.draw(st.lists(metric_of(kind, 12), min_size=1, max_size=2))
    request.resource_metrics.add().scope_metrics.add().metrics.extend(drawn)
    body = written(request, payload_format)
    verdict = otlp.validate(Signal.METRICS, payload_format, body)
    limited = Sizes(record_max_bytes=record_max_bytes, item_max_bytes=10**9, value_max_bytes=10**9)
    after, parts = split_all(Signal.METRICS, payload_format, verdict, body, limited)
    assert after == verdict
    found = [item for part in parts for item in items_of(Signal.METRICS, payload_format, part.value)]
    assert found == items_of(Signal.METRICS, payload_format, body)
    assert sum(otlp.validate(Signal.METRICS, payload_format, part.value).accepted for part in parts) == verdict.accepted


@pytest.mark.clause("OTLP b3")
@pytest.mark.parametrize("payload_format", FORMATS)
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data(), item_max_bytes=st.integers(0, 400))
@examples(20)
def test_items_that_are_too_large_are_counted_and_the_others_are_there(
    signal: Signal, payload_format: Format, data: st.DataObject, item_max_bytes: int
) -> None:
    before, body = validated(data, signal, payload_format)
    limited = Sizes(record_max_bytes=1000, item_max_bytes=item_max_bytes, value_max_bytes=10**9)
    _, alone = split_all(signal, payload_format, before, body, ENDLESS)
    assert len(alone) == len(items_of(signal, payload_format, body))
    with suppress(Malformed):  # nothing is left
        verdict, parts = split_all(signal, payload_format, before, body, limited)
        assert verdict.accepted + verdict.rejected == before.accepted + before.rejected
        assert verdict.accepted == sum(otlp.validate(signal, payload_format, part.value).accepted for part in parts)
        assert bool(verdict.rejected) <= bool(verdict.message)


@pytest.mark.parametrize("payload_format", FORMATS)
@pytest.mark.parametrize("signal", SIGNALS)
@given(body=st.binary(max_size=200), data=st.data())
@examples(20)
def test_any_bytes_are_split_or_malformed(
    signal: Signal, payload_format: Format, body: bytes, data: st.DataObject
) -> None:
    whole = written(data.draw(messages(REQUESTS[signal].DESCRIPTOR)), payload_format)
    cut = data.draw(st.integers(0, len(whole)))
    for each in (body, whole[:cut] + body, whole[:cut] + body + whole[cut:]):
        with suppress(Malformed):
            split_all(signal, payload_format, Verdict(1), each, ENDLESS)
