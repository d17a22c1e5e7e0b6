"""Arrival: a request as it was read, down to its items, and the place of each."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from msgspec import Struct

from gateway.protocols.otlp.checking.bulk import LEVEL_MAX_COUNT, too_many
from gateway.protocols.otlp.levels import children, data_of, first_item
from gateway.protocols.otlp.messages import LEVELS
from schemas.errors import PayloadTooLarge
from schemas.signals import Format, Signal

_DATA_POINTS_MAX_COUNT = 1_000_000  # of one request; one may be empty, and take two bytes


class Arrival(Struct):
    """A request as it was read: `root` is a protobuf message or a struct of `as_json`.

    Of a protobuf request, `may_be_deep` says that its values may nest deeper than is stored. One that is not small has
    been parsed a second time: `shallow` is of `views.SHALLOW`, and `raws` are its items, which are bytes there.
    """

    signal: Signal
    payload_format: Format
    data: bytes
    root: Any
    may_be_deep: bool = False
    shallow: Any = None
    raws: Sequence[bytes] = ()
    _items: Sequence[Any] | None = None

    @property
    def items(self) -> Sequence[Any]:
        """The items, as messages or structs; those of a large message are only made where somebody asks for them."""
        if self._items is None:
            self._items = items_of(self.signal, self.root)
        return self._items

    @property
    def count(self) -> int:
        """How many items there are."""
        return len(self.raws) or len(self.items)

    def first(self) -> Any:  # noqa: ANN401 (an item)
        """Answer the first item, None where there is none."""
        return self._items[0] if self._items else first_item(self.signal, self.root)

    def place(self, number: int) -> str:
        """Name the place of an item, by its number in the whole request."""
        resources, scopes, items = LEVELS[self.signal]
        for resource_number, resource in enumerate(children(self.root, resources)):
            for scope_number, scope in enumerate(children(resource, scopes)):
                length = len(children(scope, items))
                if number < length:
                    return f"{resources}[{resource_number}].{scopes}[{scope_number}].{items}[{number}]"
                number -= length
        raise IndexError(number)


def items_of(signal: Signal, root: object) -> Sequence[Any]:
    """Collect the items, level by level: empty messages take two bytes each, so that a body can hold millions.

    Raises:
        PayloadTooLarge: there are too many.
    """
    found: Sequence[Any] = (root,)
    for name in LEVELS[signal]:
        lists = [children(parent, name) for parent in found]
        if sum(map(len, lists)) > LEVEL_MAX_COUNT:
            raise too_many(name)
        found = list(chain.from_iterable(lists))
    return found


def count_points(metrics: Sequence[Any]) -> int:
    """Count the data points of metrics.

    Raises:
        PayloadTooLarge: there are too many.
    """
    count = sum(len(points) for _, points in map(data_of, metrics))
    if count > _DATA_POINTS_MAX_COUNT:
        raise PayloadTooLarge(f"The request has {count} data points; {_DATA_POINTS_MAX_COUNT} is the limit.")
    return count
