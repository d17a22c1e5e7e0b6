"""The headers of a record: what is written is read, and what an earlier version wrote too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.errors import PoisonRecord
from schemas.record import headers_of, record_of
from schemas.signals import Format, Signal
from tests.unit.rows.records import record_of as made

RECORD = made(Signal.SENTRY, Format.ENVELOPE, b"value")


@given(
    part=st.integers(0, 2**31),
    item=st.integers(0, 10_000),
    chunk=st.none() | st.integers(0, 2**31),
    size=st.integers(1),
)
def test_what_is_written_is_read(part: int, item: int, chunk: int | None, size: int) -> None:
    record = replace(RECORD, part=part, item=item, chunk=chunk, item_bytes=0 if chunk is None else size)
    assert record_of(headers_of(record), record.value) == record


def test_a_record_that_is_no_piece_is_one_of_the_first_version() -> None:
    assert dict(headers_of(RECORD))["v"] == b"1"
    assert set(dict(headers_of(RECORD))) == set("vsfenckipt")


@pytest.mark.parametrize("piece", [{"item": 1}, {"chunk": 0, "item_bytes": 5}])
def test_a_piece_is_none_that_a_worker_of_before_would_take_for_the_whole(piece: dict[str, int]) -> None:
    assert dict(headers_of(replace(RECORD, **piece)))["v"] == b"2"


@pytest.mark.parametrize("header", [("x", b"one"), ("h", b""), ("w", b"x")])
def test_headers_of_pieces_that_cannot_be_read_are_poison(header: tuple[str, bytes]) -> None:
    headers = headers_of(replace(RECORD, item=1, chunk=1, item_bytes=9))
    with pytest.raises(PoisonRecord, match="cannot be read"):
        record_of([*headers, header], b"value")
