"""Sentry's envelope: conformance of the parser, and the event id and dsn that it carries."""

from typing import Any

import pytest

from gateway.protocols.sentry.envelope import (
    Dsn,
    Envelope,
    Item,
    dsn_of,
    event_id_of,
    ignored_headers,
    needs_event_id,
    parse,
    render,
)
from schemas.errors import Malformed, PayloadTooLarge

ID = "9ec79c33ec9942ab8353589fcb2e04dc"
DASHED = "9EC79C33-EC99-42AB-8353-589FCB2E04DC"


def item(item_type: str, payload: bytes, **headers: Any) -> Item:
    return Item(item_type, {"type": item_type, **headers}, payload)


@pytest.mark.clause("Sentry 1b", "Sentry 2a", "Sentry 3a", "Sentry 3b", "Sentry 3c", "Sentry 4")
@pytest.mark.parametrize(
    ("data", "items"),
    [
        (b"{}", []),
        (b"{}\n", []),
        (b"{}\r\n", []),
        (b"\xef\xbb\xbf{}\n", []),
        (b'{"event_id":"%s"}' % ID.encode(), []),
        (b'{}\n{"type":"event"}\n{"a":1}', [item("event", b'{"a":1}')]),
        (b'{}\n{"type":"event"}\n{"a":1}\n', [item("event", b'{"a":1}')]),
        (b'{}\n{"type":"event"}\n{"a":1}\r\n', [item("event", b'{"a":1}\r')]),
        (b'{}\n{"type":"event","length":null}\nxy\n', [item("event", b"xy", length=None)]),
        (b'{}\n{"type":"attachment","length":0}\n', [item("attachment", b"", length=0)]),
        (b'{}\n{"type":"attachment","length":0}', [item("attachment", b"", length=0)]),
        (
            b'{}\n{"type":"attachment","length":0}\n\n{"type":"a"}\nx',
            [item("attachment", b"", length=0), item("a", b"x")],
        ),
        (b'{}\n{"type":"session"}', [item("session", b"")]),
        (b'{}\n{"type":"session"}\n', [item("session", b"")]),
        (
            b'{}\n{"type":"attachment","length":9}\n\xef\xbb\xbfa\nb\x00\r\n\n{"type":"event"}\n{}',
            [item("attachment", b"\xef\xbb\xbfa\nb\x00\r\n", length=9), item("event", b"{}")],
        ),
        (b'{}\n\n{"type":"a"}\nx\n\r\n\n{"type":"b"}\ny\n\n', [item("a", b"x"), item("b", b"y")]),
        (b'{}\n{"type":"new_thing","color":NaN}\nx', None),
    ],
)
def test_envelopes_that_are_read(data: bytes, items: list[Item] | None) -> None:
    envelope = parse(data)
    if items is None:
        assert [(found.type, found.payload) for found in envelope.items] == [("new_thing", b"x")]
    else:
        assert envelope.items == items


@pytest.mark.clause("Sentry 5b")
def test_headers_that_are_unknown_are_kept() -> None:
    envelope = parse(b'{"sent_at":"yesterday","trace":7,"new":[1]}\n{"type":"log","item_count":2}\n{}')
    assert envelope.headers == {"sent_at": "yesterday", "trace": 7, "new": [1]}
    assert envelope.items[0].headers == {"type": "log", "item_count": 2}


@pytest.mark.clause("Sentry 1c", "Sentry 2a", "Sentry 2b", "Sentry 5c")
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "The body is empty"),
        (b"\n{}", "first line is no JSON object"),
        (b"[]", "first line is no JSON object"),
        (b"{", "first line is no JSON object: .* at character 1"),
        (b"\x1f\x8b\x08", "first line is no JSON object"),
        (b'{}\n{"type":', "header of item 0, at byte 3, is no JSON object"),
        (b'{}\n"event"\n', "header of item 0, at byte 3, is no JSON object"),
        (b'{}\n{"length":1}\nx', "header of item 0, at byte 3, has no type"),
        (b'{}\n{"type":7}\nx', "has no type"),
        (b'{}\n{"type":"a"}\nx\n{"type":"b","length":3}\nyy', "header of item 1, at byte 18, says 3 bytes, but only 2"),
        (b'{}\n{"type":"a","length":1}', "says 1 bytes, but only 0 are left"),
        (b'{}\n{"type":"a","length":1}\nxyz\n', "no newline follows them at byte 28"),
        (b'{}\n{"type":"a","length":-1}\nx', "a length that is no number of bytes"),
        (b'{}\n{"type":"a","length":"1"}\nx', "a length that is no number of bytes"),
        (b'{}\n{"type":"a","length":true}\nx', "a length that is no number of bytes"),
        (b'{}\n{"type":"a","length":1.0}\nx', "a length that is no number of bytes"),
        (b'{"a":' + b"[" * 8000, "nested too deeply|no JSON object"),
    ],
)
def test_envelopes_that_are_refused(data: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        parse(data)


def padded(line: str, size_bytes: int) -> bytes:
    """Write a line of JSON, which ends in `"}`, of so many bytes."""
    return line.encode().replace(b'"}', b"x" * (size_bytes - len(line)) + b'"}')


@pytest.mark.clause("Sentry 22", "Sentry b9", "Sentry b12")
@pytest.mark.parametrize(
    ("largest", "too_large", "told"),
    [
        pytest.param(
            padded('{"pad":""}', 8192),
            padded('{"pad":""}', 8193) + b"\n",
            "header line at byte 0 is longer than 8192 bytes",
            id="the first line",
        ),
        pytest.param(
            b"{}\n" + padded('{"type":"attachment","length":0,"filename":""}', 8192),
            b"{}\n" + padded('{"type":"attachment","length":0,"filename":""}', 8193) + b"\n",
            "header line at byte 3 is longer than 8192 bytes",
            id="an item's header",
        ),
        pytest.param(
            b"{}" + b'\n{"type":"a"}\n' * 10_000,
            b"{}" + b'\n{"type":"a"}\n' * 10_001,
            "more than 10000 items",
            id="items",
        ),
    ],
)
def test_an_envelope_of_too_long_a_line_or_too_many_items_is_too_large(
    largest: bytes, too_large: bytes, told: str
) -> None:
    parse(largest)
    with pytest.raises(PayloadTooLarge, match=told):
        parse(too_large)


@pytest.mark.clause("Sentry 6a", "Sentry 6c")
@pytest.mark.parametrize(
    ("headers", "items", "expected"),
    [
        ({"event_id": ID}, [], ID),
        ({"event_id": DASHED}, [], ID),
        ({"event_id": f" {ID} "}, [item("event", b'{"event_id":"%s"}' % (b"0" * 32))], ID),
        ({}, [item("event", b'{"event_id":"%s"}' % DASHED.encode())], ID),
        ({}, [item("attachment", b"x"), item("transaction", b'{"event_id":"%s"}' % ID.encode())], ID),
        ({"event_id": "short"}, [item("event", b'{"event_id":"%s"}' % ID.encode())], ID),
        ({"event_id": 7}, [], None),
        ({}, [item("event", b'\xef\xbb\xbf{"x":NaN,"event_id":"%s"}' % ID.encode())], ID),
        ({}, [item("event", b'{"x":"\\ud83d\xff","event_id":"%s"}' % ID.encode())], ID),
        ({}, [item("event", b'{"event_id":null}')], None),
        ({}, [item("event", b"[1]")], None),
        ({}, [item("event", b"nothing")], None),
        ({}, [item("session", b'{"event_id":"%s"}' % ID.encode())], None),
        ({}, [], None),
    ],
)
def test_event_ids(headers: dict[str, Any], items: list[Item], expected: str | None) -> None:
    assert event_id_of(Envelope(headers, items)) == expected


def test_only_events_and_transactions_need_an_event_id() -> None:
    assert needs_event_id(Envelope({}, [item("session", b""), item("transaction", b"")]))
    assert not needs_event_id(Envelope({}, [item("session", b""), item("client_report", b"")]))


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("https://ak_prod_1@example.com/42", Dsn("ak_prod_1", "42")),
        ("http://ak_prod_1:secret@localhost:8080/prefix/path/42/", Dsn("ak_prod_1", "42")),
        ("HTTPS://k@h/x", Dsn("k", "x")),
        ("https://example.com/42", None),
        ("https://k@example.com", None),
        ("https://k@example.com/", None),
        ("k@example.com/42", None),
        (7, None),
        (None, None),
    ],
)
def test_dsns(dsn: object, expected: Dsn | None) -> None:
    line = b"{}" if dsn is None else b'{"dsn":%s}' % (b"7" if dsn == 7 else b'"%s"' % str(dsn).encode())
    assert dsn_of(line + b'\n{"type":"event"}\n{}') == expected


def test_a_dsn_is_read_from_the_first_line_only() -> None:
    dsn = b'{"dsn":"https://k@h/1"}'
    assert dsn_of(dsn) == Dsn("k", "1")
    assert dsn_of(b"{}\n" + dsn) is None
    assert dsn_of(b'{"x":"' + b"y" * 8192 + b'",' + dsn[1:]) is None
    assert dsn_of(b"not json") is None
    assert dsn_of(b"[]") is None
    assert dsn_of(b"") is None


def test_an_id_of_zeros_is_none() -> None:
    assert event_id_of(Envelope({"event_id": "0" * 32}, [item("event", b"{}")])) is None


@pytest.mark.clause("Sentry 7")
@pytest.mark.parametrize(
    ("headers", "ignored"),
    [
        ({}, []),
        ({"sent_at": "2026-11-22T10:00:00.123Z", "trace": {"trace_id": ID, "public_key": "k"}}, []),
        ({"sent_at": 1_763_805_600.5, "trace": {"trace_id": DASHED}}, []),
        ({"sent_at": "yesterday"}, ["sent_at"]),
        ({"sent_at": None, "trace": []}, ["sent_at", "trace"]),
        ({"sent_at": True, "trace": {"trace_id": "short"}}, ["sent_at", "trace"]),
        ({"trace": {"public_key": "k"}}, ["trace"]),
    ],
)
def test_headers_that_are_passed_over(headers: dict[str, Any], ignored: list[str]) -> None:
    assert ignored_headers(Envelope(headers, [])) == ignored


def test_headers_of_any_json_are_written_again() -> None:
    line = b'{"a":%s,"b":NaN,"c":"\\ud83d"}' % (b"9" * 100)
    envelope = parse(line + b'\n{"type":"x","n":%s}\ny' % (b"7" * 50))
    again = parse(render(envelope.headers, envelope.items))
    assert again.headers["a"] == 1e100
    assert again.items == [item("x", b"y", n=float("7" * 50), length=1)]
