"""How a request of each format is taken apart, and parts of it are put together: no item is decoded for that."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from msgspec import Raw, Struct
from msgspec.json import Decoder, encode

from gateway.protocols.otlp import walk
from gateway.protocols.otlp.as_json.spelling import chosen, spellings
from gateway.protocols.otlp.messages import LEVELS, METRIC_DATA
from schemas.signals import Signal

T = TypeVar("T")
_OBJECT = Decoder(dict[str, Raw])
_LIST = Decoder(list[Raw])
# As many data points as a request may have, and what surrounds them; a second or so.
_STEPS_MAX_COUNT = 2_000_000
_RESOURCE, _SCOPE = attrgetter("resource"), attrgetter("scope")


class Metric(Struct, frozen=True):
    """A metric without its data points: its number in the scope, its kind of data, and all else of it and of that."""

    number: int
    kind: str
    head: bytes
    data_head: bytes


class Group(Struct, Generic[T], frozen=True):
    """Items of one scope of one resource by their numbers, or data points of one metric; `first` is that of the first.

    `metric` is set where the items are data points.
    """

    resource: int
    scope: int
    first: int
    resource_head: bytes
    scope_head: bytes
    items: list[T]
    metric: Metric | None = None


class Form(Protocol[T]):
    """A request of one format: each level of messages around an item costs at most `frame_bytes`."""

    frame_bytes: int

    def groups(self) -> Iterator[Group[T]]:
        """Give the items, those of one scope together."""
        ...

    def size_of(self, item: T) -> int:
        """Answer an item's bytes."""
        ...

    def points_of(self, item: T, number: int) -> tuple[Metric, list[T]] | None:
        """Take a metric apart, whose number in its scope is given; None where it has no data points."""
        ...

    def render(self, groups: Sequence[Group[T]]) -> bytes:
        """Write a request of these items."""
        ...


class Protobuf:
    """`Form` of protobuf: items are copied with their tag and length, wherever the walk has found them."""

    frame_bytes = 6  # a tag, and a length below 2**35

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._steps = walk.Steps(_STEPS_MAX_COUNT)

    def groups(self) -> Iterator[Group[walk.Slice]]:
        """See `Form`."""
        for resource_number, resource in enumerate(walk.resources(self._data, self._steps)):
            resource_head, scopes = walk.level(self._data, resource, self._steps)
            for scope_number, scope in enumerate(scopes):
                scope_head, items = walk.level(self._data, scope, self._steps)
                yield Group(resource_number, scope_number, 0, resource_head, scope_head, items)

    def size_of(self, item: walk.Slice) -> int:
        """See `Form`."""
        return item.end - item.content

    def points_of(self, item: walk.Slice, number: int) -> tuple[Metric, list[walk.Slice]] | None:
        """See `Form`."""
        head, kind_number, data = walk.metric(self._data, item, self._steps)
        if kind_number is None or not data.children:
            return None
        return Metric(number, METRIC_DATA[kind_number], head, data.head), data.children

    def render(self, groups: Sequence[Group[walk.Slice]]) -> bytes:
        """See `Form`."""
        pieces: list[bytes] = []
        for _, of_resource in groupby(groups, key=_RESOURCE):
            inner: list[bytes] = []
            head = b""
            for _, of_scope in groupby(of_resource, key=_SCOPE):
                items: list[bytes] = []
                scope_head = b""
                for group in of_scope:
                    head, scope_head = group.resource_head, group.scope_head
                    items += self._items(group)
                inner += _message(2, scope_head, items)
            pieces += _message(1, head, inner)
        return b"".join(pieces)

    def _items(self, group: Group[walk.Slice]) -> list[bytes]:
        items = [self._data[item.start : item.end] for item in group.items]
        if group.metric is None:
            return items
        data = _message(_METRIC_DATA_NUMBERS[group.metric.kind], group.metric.data_head, items)
        return _message(2, group.metric.head, data)


_METRIC_DATA_NUMBERS = {name: number for number, name in METRIC_DATA.items()}


def _message(number: int, head: bytes, inner: list[bytes]) -> list[bytes]:
    """Answer the pieces of a message as a field of this number."""
    return [walk.framed(number, len(head) + sum(map(len, inner))), head, *inner]


class Json:
    """`Form` of JSON: items keep their text."""

    frame_bytes = 32  # `{"resourceMetrics":[` is the longest that opens a list, with `]}` and a comma

    def __init__(self, signal: Signal, data: bytes) -> None:
        self._data = data
        self._resources, self._scopes, self._items = LEVELS[signal]

    def groups(self) -> Iterator[Group[Raw]]:
        """See `Form`."""
        _, resources = _level(self._data, self._resources)
        for resource_number, resource in enumerate(resources):
            resource_head, scopes = _level(resource, self._scopes)
            for scope_number, scope in enumerate(scopes):
                scope_head, items = _level(scope, self._items)
                yield Group(resource_number, scope_number, 0, resource_head, scope_head, items)

    def size_of(self, item: Raw) -> int:
        """See `Form`."""
        return len(memoryview(item))

    def points_of(self, item: Raw, number: int) -> tuple[Metric, list[Raw]] | None:
        """See `Form`; where there are several kinds of data the last one counts, as in protobuf."""
        fields = _OBJECT.decode(item)
        kinds = [(kind, key) for kind in METRIC_DATA.values() if (key := chosen(fields, kind))]
        if not kinds:
            return None
        kind, key = kinds[-1]
        data_head, points = _level(fields[key], "data_points")
        head = _members(fields, {spelling for kind in METRIC_DATA.values() for spelling in spellings(kind)})
        return (Metric(number, kind, head, data_head), points) if points else None

    def render(self, groups: Sequence[Group[Raw]]) -> bytes:
        """See `Form`."""
        resources: list[bytes] = []
        for _, of_resource in groupby(groups, key=_RESOURCE):
            scopes: list[bytes] = []
            head = b""
            for _, of_scope in groupby(of_resource, key=_SCOPE):
                items: list[bytes | Raw] = []
                scope_head = b""
                for group in of_scope:
                    head, scope_head = group.resource_head, group.scope_head
                    items += [_metric(group.metric, group.items)] if group.metric else group.items
                scopes.append(_object(scope_head, self._items, items))
            resources.append(_object(head, self._scopes, scopes))
        return _object(b"", self._resources, resources)


def _level(text: bytes | Raw, name: str) -> tuple[bytes, list[Raw]]:
    """Answer the members of an object but one, as their text, and that one: the list that leads to the items."""
    fields = _OBJECT.decode(text)
    key = chosen(fields, name)
    return _members(fields, set(spellings(name))), _LIST.decode(fields[key]) if key else []


def _members(fields: dict[str, Raw], but: set[str]) -> bytes:
    """Write members of an object, all but some."""
    return encode({key: value for key, value in fields.items() if key not in but})[1:-1]


def _metric(metric: Metric, points: Sequence[Raw]) -> bytes:
    data = _object(metric.data_head, "data_points", points)
    comma = b"," if metric.head else b""
    return b"{%b%b%b:%b}" % (metric.head, comma, encode(spellings(metric.kind)[0]), data)


def _object(head: bytes, name: str, children: Sequence[bytes | Raw]) -> bytes:
    """Write an object: the members in `head`, and a list under a name."""
    comma = b"," if head else b""
    return b"{%b%b%b:[%b]}" % (head, comma, encode(spellings(name)[0]), b",".join(children))
