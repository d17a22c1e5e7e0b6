"""Cursors: what was written is read again, anything else is refused by name."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gateway.control.calling.paging import bounds_of, page_of
from gateway.control.types import PageQuery
from schemas.errors import Unprocessable


class Row(Struct, frozen=True):
    """An item of a list."""

    id: int
    created_at: datetime


MOMENTS = st.integers(0, 2**52).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))


@given(MOMENTS, st.integers(1, 2**63 - 1))
def test_the_cursor_carries_the_last_item(created_at: datetime, row_id: int) -> None:
    last = Row(row_id, created_at)
    page = page_of([last, Row(row_id + 1, created_at)], PageQuery(limit=1))
    assert page.items == [last]
    assert page.next is not None
    assert bounds_of(PageQuery(after=page.next, limit=5)) == (created_at, str(row_id), 6)


def test_the_last_page_has_no_cursor() -> None:
    rows = [Row(1, datetime(2026, 1, 1, tzinfo=UTC))]
    assert page_of(rows, PageQuery(limit=1)).next is None
    assert page_of(rows[:0], PageQuery(limit=1)).next is None


@given(st.text(min_size=1, max_size=60))
def test_any_other_text_is_refused(after: str) -> None:
    with pytest.raises(Unprocessable, match="`after`"):
        bounds_of(PageQuery(after=after))


@pytest.mark.parametrize(
    "inner",
    [
        "2026-01-01T00:00:00 1",
        "2026-01-01T00:00:00+01:00 1",
        "2026-01-01T00:00:00+00:00 ",
        "0001-01-01T00:00:00-14:00 1",
    ],
)
def test_a_cursor_that_was_made_up_is_refused(inner: str) -> None:
    from base64 import urlsafe_b64encode

    with pytest.raises(Unprocessable, match="`after`"):
        bounds_of(PageQuery(after=urlsafe_b64encode(inner.encode()).decode()))
