"""Sentry: envelopes survive writing and reading, and any bytes are a value or a named error."""

from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.protocols.sentry.envelope import Item, dsn_of, event_id_of, parse, render
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.sentry.store import to_envelope
from gateway.protocols.text import mend_surrogates, read_json
from schemas.errors import Malformed, PayloadTooLarge

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
HEADERS = st.dictionaries(TEXTS, st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS, max_size=4)
# Bytes that look like an envelope go further than random ones.
PIECES = st.sampled_from(
    [
        *(b"{}", b"\n", b"\r", b"abc", b'"', b"{", b"\xef\xbb\xbf", b"\xff", b"NaN", b"\\ud83d"),
        *(b'{"type":"event"}', b'{"type":"a","length":3}', b'{"type":"event","length":99999999999999999999}'),
        *(b'{"event_id":', b'{"dsn":"https://k@h/1"}'),
    ]
)
BYTES = st.binary(max_size=100) | st.lists(PIECES | st.binary(max_size=3), max_size=12).map(b"".join)


@given(headers=HEADERS, items=st.lists(st.tuples(TEXTS, HEADERS, st.binary(max_size=50)), max_size=4))
def test_what_was_written_is_read(headers: dict[str, Any], items: list[tuple[str, dict[str, Any], bytes]]) -> None:
    written = [Item(item_type, extra, payload) for item_type, extra, payload in items]
    envelope = parse(render(headers, written))
    assert envelope.headers == headers
    assert [(item.type, item.payload) for item in envelope.items] == [(i.type, i.payload) for i in written]
    for found, item in zip(envelope.items, written, strict=True):
        assert found.headers == item.headers | {"type": item.type, "length": len(item.payload)}


@given(data=BYTES)
def test_any_bytes_are_an_envelope_or_malformed(data: bytes) -> None:
    dsn = dsn_of(data)
    assert dsn is None or (dsn.key and dsn.project)
    with suppress(Malformed):
        envelope = parse(data)
        event_id = event_id_of(envelope)
        assert event_id is None or len(bytes.fromhex(event_id)) == 16
        assert sum(len(item.payload) for item in envelope.items) <= len(data)


@given(data=BYTES, content_type=st.sampled_from(["", "application/json", "application/x-www-form-urlencoded"]))
def test_any_bytes_are_an_event_or_refused(data: bytes, content_type: str) -> None:
    with suppress(Malformed, PayloadTooLarge):
        posted = Posted(body=data, content_type=content_type, fresh_id="f" * 32, max_bytes=1000)
        assert len(to_envelope(posted).items) == 1


@given(data=BYTES)
@example(data=b"9" * 5000)
@example(data=b'{"a":' * 5000)
def test_any_bytes_are_json_or_malformed(data: bytes) -> None:
    with suppress(Malformed):
        read_json(data)


@given(text=st.lists(st.sampled_from(["\\", "u", "d83d", "dE00", "DbFf", '"', "n", "x"]), max_size=8).map("".join))
def test_mending_leaves_no_half_of_a_pair_and_nothing_else_changed(text: str) -> None:
    mended = mend_surrogates(text.encode())
    assert mend_surrogates(mended) == mended
    if mended != text.encode():
        assert mended.count(rb"\ufffd") > 0
        assert len(mended) == len(text.encode())
