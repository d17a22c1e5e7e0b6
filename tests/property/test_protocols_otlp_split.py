"""Splitting OTLP: the parts together are the request, each fits, and any bytes are split or Malformed."""

import json
from contextlib import suppress
from typing import NamedTuple

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from gateway.protocols import otlp
from gateway.protocols.otlp.messages import LEVELS, REQUESTS
from gateway.protocols.otlp.split import split
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.parts import Part, Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal
from tests.property.test_protocols_otlp import SIGNALS, messages, with_hex_ids

FORMATS = sorted(Format)[1:]
ENDLESS = Sizes(record_max_bytes=1, item_max_bytes=10**9, value_max_bytes=10**9)
sizes = st.integers(1, 1500).map(lambda size: Sizes(record_max_bytes=size, item_max_bytes=10**9, value_max_bytes=10**9))


class Item(NamedTuple):
    """An item, and what it is in."""

    resource: bytes
    scope: bytes
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
            contents = [item.SerializeToString(deterministic=True) for item in getattr(scope, items)]
            scope.ClearField(items)
            scope_head = scope.SerializeToString(deterministic=True)
            found += [Item(head, scope_head, content) for content in contents]
    return found


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
@settings(max_examples=40)
def test_the_parts_together_are_the_request(
    signal: Signal, payload_format: Format, data: st.DataObject, sizes: Sizes
) -> None:
    before, body = validated(data, signal, payload_format)
    verdict, parts = split_all(signal, payload_format, before, body, sizes)
    assert verdict == before
    found = [items_of(signal, payload_format, part.value) for part in parts]
    assert all(found)
    assert [item for items in found for item in items] == items_of(signal, payload_format, body)
    # A part that is larger than a record holds nothing but one item.
    assert all(
        len(items) == 1 or len(part.value) <= sizes.record_max_bytes for items, part in zip(found, parts, strict=True)
    )


@pytest.mark.clause("OTLP b3")
@pytest.mark.parametrize("payload_format", FORMATS)
@pytest.mark.parametrize("signal", SIGNALS)
@given(data=st.data(), item_max_bytes=st.integers(0, 400))
@settings(max_examples=40)
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
@settings(max_examples=25)
def test_any_bytes_are_split_or_malformed(
    signal: Signal, payload_format: Format, body: bytes, data: st.DataObject
) -> None:
    whole = written(data.draw(messages(REQUESTS[signal].DESCRIPTOR)), payload_format)
    cut = data.draw(st.integers(0, len(whole)))
    for each in (body, whole[:cut] + body, whole[:cut] + body + whole[cut:]):
        with suppress(Malformed):
            split_all(signal, payload_format, Verdict(1), each, ENDLESS)
