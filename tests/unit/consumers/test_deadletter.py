"""Dead letters: everything that a replay needs, in a form that PostgreSQL takes."""

import base64

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from consumers.batching import Entry, Partition
from consumers.deadletter import dead_letter, gap

WHERE = Partition("axonpush.env.X", 2)


@given(st.lists(st.tuples(st.text(max_size=5).filter(lambda t: "\0" not in t and t.isascii()), st.binary(max_size=20))))
def test_the_bytes_of_headers_can_be_had_back(headers: list[tuple[str, bytes]]) -> None:
    letter = dead_letter(WHERE, Entry(7, tuple(headers), b"v"), reason="poison", detail="x")
    assert "\\u0000" not in letter.headers
    back = [
        (name, base64.b64decode(value["base64"]) if isinstance(value, dict) else value.encode())
        for name, value in msgspec.json.decode(letter.headers, type=list[tuple[str, str | dict[str, str]]])
    ]
    assert back == headers


def test_a_detail_is_made_storable() -> None:
    letter = dead_letter(WHERE, Entry(7, (), None), reason="poison", detail="a\0b\ud800" + "x" * 5_000)
    assert letter.detail.startswith("a�b?x")
    assert len(letter.detail) == 2_000


def test_a_gap_says_what_to_do() -> None:
    letter = gap(WHERE, next_offset=5, first_offset=9)
    assert (letter.reason, letter.offset, letter.value) == ("offset_out_of_range", 5, None)
    assert "Offset 5 of axonpush.env.X/2" in letter.detail
    assert "ingest_offset" in letter.detail
