"""Splitting envelopes: the parts together are the envelope, and each fits."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols.parts import Part, Sizes
from gateway.protocols.sentry.envelope import CONTAINERS, Envelope, Item, parse
from gateway.protocols.sentry.split import split
from tests.property.test_protocols_sentry import HEADERS, TEXTS

SIZES = Sizes(record_max_bytes=2000, item_max_bytes=4000, value_max_bytes=5000)
WHOLE_MAX_BYTES = 1500
PAYLOADS = st.binary(max_size=50) | st.binary(max_size=7).flatmap(lambda seed: st.integers(0, 2000).map(seed.__mul__))
LOGS = st.lists(st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=3), min_size=1, max_size=300)


def parts_of(envelope: Envelope) -> list[Part]:
    return list(split(envelope, SIZES, whole_max_bytes=WHOLE_MAX_BYTES))


def whole_of(headers: dict[str, Any], parts: list[Part]) -> dict[int, Item]:
    """Put the items of all parts together again, by their numbers."""
    found: dict[int, Item] = {}
    for part in parts:
        envelope = parse(part.value)
        assert envelope.headers == headers
        assert len(part.value) <= SIZES.record_max_bytes or len(envelope.items) == 1
        for number, item in enumerate(envelope.items, part.item):
            if part.chunk is None:
                assert number not in found
                found[number] = item
                continue
            assert len(envelope.items) == 1
            if part.chunk == 0:
                found[number] = Item(item.type, item.headers, b"")
            before = found[number]
            assert len(before.payload) < part.item_bytes
            together = before.content() + item.content()
            found[number] = Item(item.type, item.headers | {"length": part.item_bytes}, together)
            assert len(item.payload) <= SIZES.record_max_bytes
    return found


@pytest.mark.clause("Sentry b11")
@given(headers=HEADERS, items=st.lists(st.tuples(TEXTS, HEADERS, PAYLOADS), max_size=6))
def test_the_parts_together_are_the_envelope(headers: dict[str, Any], items: list[tuple[str, Any, bytes]]) -> None:
    envelope = Envelope(headers, [Item(item_type, extra, payload) for item_type, extra, payload in items])
    parts = parts_of(envelope)
    found = whole_of(headers, parts)
    assert list(found) == list(range(len(items)))
    for item, original in zip(found.values(), envelope.items, strict=True):
        own = {"type": original.type, "length": len(original.payload)}
        assert item == Item(original.type, original.headers | own, original.payload)
    for part in parts:
        is_cut = len(envelope.items[part.item].payload) > WHOLE_MAX_BYTES
        assert is_cut == (part.chunk is not None)


@given(
    kind=st.sampled_from(sorted(CONTAINERS)),
    logs=LOGS,
    others=st.dictionaries(TEXTS.filter(lambda key: key != "items"), TEXTS, max_size=2),
    counts=st.booleans(),
)
def test_a_large_container_is_split_by_what_it_holds(
    kind: str, logs: list[Any], others: dict[str, Any], counts: bool
) -> None:
    payload = json.dumps({**others, "items": logs}).encode() + b" " * WHOLE_MAX_BYTES
    extra = {"item_count": len(logs)} if counts else {}
    parts = parts_of(Envelope({}, [Item("event", {}, b"{}"), Item(kind, extra, payload)]))
    assert [part.item for part in parts] == [0, *[1] * (len(parts) - 1)]
    found: list[Any] = []
    for part in parts[1:]:
        assert part.chunk is None
        (item,) = parse(part.value).items
        container = json.loads(item.content())
        found += container.pop("items")
        assert container == others
        assert item.headers.get("item_count", 0) == (len(json.loads(item.content())["items"]) if counts else 0)
        assert len(part.value) <= SIZES.record_max_bytes
    assert found == logs


@pytest.mark.parametrize(
    "payload", [b"no container", b'{"items":[1]}', b'{"items":[]}', b'{"items":[{"a":"%b"}]}' % (b"x" * 5000)]
)
def test_what_is_no_container_is_cut_like_any_other_item(payload: bytes) -> None:
    payload = payload.ljust(WHOLE_MAX_BYTES + 1)
    parts = parts_of(Envelope({}, [Item("log", {}, payload)]))
    assert all(part.chunk is not None for part in parts)
    assert whole_of({}, parts)[0].payload == payload
