"""Cursor pages: a list goes on behind the last item that was answered, whatever was made meanwhile."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from gateway.control.types import Page, PageQuery
from schemas.errors import Unprocessable

_START = (datetime(1970, 1, 1, tzinfo=UTC), "")


class _Listed(Protocol):
    @property
    def id(self) -> str | int: ...
    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T", bound=_Listed)


def bounds_of(query: PageQuery) -> tuple[datetime, str, int]:
    """Answer behind which creation time and id to go on, and how many rows to read: one more than asked for.

    Raises:
        Unprocessable: `after` is no cursor of ours.
    """
    created_at, last_id = _read(query.after) if query.after else _START
    return created_at, last_id, query.limit + 1


def page_of(rows: Sequence[T], query: PageQuery) -> Page[T]:
    """Make the page of the rows that were read with `bounds_of`."""
    items = list(rows[: query.limit])
    return Page(items=items, next=_write(items[-1]) if len(rows) > query.limit else None)


def _write(item: _Listed) -> str:
    return urlsafe_b64encode(f"{item.created_at.isoformat()} {item.id}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, str]:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        moment, _, last_id = text.partition(" ")
        created_at = datetime.fromisoformat(moment)
    except ValueError:
        created_at, last_id = _START
    if created_at.tzinfo is not UTC or not last_id.isalnum():
        raise Unprocessable("Field `after`: must be the `next` of an earlier page of this list.")
    return created_at, last_id
