"""The parts of a request that may hold something that is cut: of nearly every request none."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from gateway.protocols.otlp.checking.arrival import Arrival, items_of
from gateway.protocols.otlp.levels import children, data_of
from gateway.protocols.otlp.messages import LEVELS
from gateway.protocols.otlp.views import LEAN_ITEMS, LEAN_RESOURCE, SHALLOW
from gateway.runtime.settings import Limits
from schemas.signals import Format, Signal
from schemas.stored import INDEXED_TEXT_MAX_BYTES

# An attribute without key and value takes two bytes of its item; a byte that JSON escapes takes six there.
_ATTRIBUTE_MIN_BYTES = 2
_JSON_GROWTH = 6
_JSON_CONTAINER = b'"values"'  # of every list and map
_SERVICE, _METRIC = "service.name", "name"
# What in an item has attributes of its own; the points of metrics aside.
_WITHIN = {Signal.TRACES: ("events", "links"), Signal.LOGS: (), Signal.METRICS: ()}


class Part(NamedTuple):
    """A message of which attributes or texts are stored, and its place.

    Of a protobuf request it is one of `views.LEAN`, of JSON a struct of `as_json`. `may_be_large` says that a text
    or a value of it may be too long or nest too deep, `indexed` which of its names stands in an index: the attribute of
    a resource, or the field of a metric.
    """

    place: str
    message: Any
    may_be_large: bool
    indexed: str = ""


def parts(request: Arrival, limits: Limits) -> Iterator[Part]:
    """Give what is to be looked at of a request: at least all of which something is cut by these limits."""
    return (_of_message if request.payload_format is Format.PROTOBUF else _of_json)(request, limits)


def _of_message(request: Arrival, limits: Limits) -> Iterator[Part]:
    """Choose by size: resources and items are left as bytes until they are large enough."""
    large_bytes = limits.attribute_max_bytes // _JSON_GROWTH
    least_bytes = min(_ATTRIBUTE_MIN_BYTES * limits.attributes_max_count, large_bytes, INDEXED_TEXT_MAX_BYTES)
    if request.may_be_deep:
        large_bytes = least_bytes = 0
    elif len(request.data) <= least_bytes:
        return
    shallow = request.shallow or SHALLOW[request.signal].FromString(request.data)
    raws = request.raws or items_of(request.signal, shallow)
    has_long_text = len(request.data) > limits.attribute_max_bytes
    has_large_value = len(request.data) > large_bytes
    resources, scopes, _ = LEVELS[request.signal]
    for resource_number, resource in enumerate(getattr(shallow, resources)):
        place = f"{resources}[{resource_number}]"
        if has_long_text:
            yield Part(place, resource, may_be_large=True)
        size_bytes = len(resource.resource)
        if size_bytes > least_bytes:
            message = LEAN_RESOURCE.FromString(resource.resource)
            yield Part(f"{place}.resource", message, size_bytes > large_bytes, _SERVICE)
        for scope_number, scope in enumerate(getattr(resource, scopes)):
            scope_place = f"{place}.{scopes}[{scope_number}]"
            if has_long_text:
                yield Part(scope_place, scope, may_be_large=True)
            if has_large_value or len(scope.scope.attributes) > limits.attributes_max_count:
                yield Part(f"{scope_place}.scope", scope.scope, has_large_value)
    if max(map(len, raws), default=0) > least_bytes:
        yield from _large_items(request.signal, shallow, raws, least_bytes, large_bytes)


def _large_items(
    signal: Signal,
    shallow: Any,  # noqa: ANN401 (one of views.SHALLOW)
    raws: Sequence[bytes],
    least_bytes: int,
    large_bytes: int,
) -> Iterator[Part]:
    """Give the items, of all as bytes, that are large enough."""
    resources, scopes, items = LEVELS[signal]
    parse = LEAN_ITEMS[signal].FromString
    first = 0
    for resource_number, resource in enumerate(getattr(shallow, resources)):
        for scope_number, scope in enumerate(getattr(resource, scopes)):
            end = first + len(getattr(scope, items))
            for number, raw in enumerate(raws[first:end]):
                if len(raw) > least_bytes:
                    place = f"{resources}[{resource_number}].{scopes}[{scope_number}].{items}[{number}]"
                    yield from _with_inner(signal, place, parse(raw), len(raw) > large_bytes)
            first = end


def _of_json(request: Arrival, limits: Limits) -> Iterator[Part]:
    """Choose by what the whole request holds; metrics are looked at anyway, for their names."""
    signal, data = request.signal, request.data
    may_be_large = len(data) > limits.attribute_max_bytes or data.count(_JSON_CONTAINER) > limits.nesting_max_depth
    looks_at_items = (
        may_be_large or signal is Signal.METRICS or _longest(signal, request.items) > limits.attributes_max_count
    )
    resources, scopes, items = LEVELS[signal]
    for resource_number, resource in enumerate(children(request.root, resources)):
        place = f"{resources}[{resource_number}]"
        if may_be_large:
            yield Part(place, resource, may_be_large)
        if resource.resource is not None:
            yield Part(f"{place}.resource", resource.resource, may_be_large, _SERVICE)
        for scope_number, scope in enumerate(children(resource, scopes)):
            scope_place = f"{place}.{scopes}[{scope_number}]"
            if may_be_large:
                yield Part(scope_place, scope, may_be_large)
            if scope.scope is not None:
                yield Part(f"{scope_place}.scope", scope.scope, may_be_large)
            if looks_at_items:
                for number, item in enumerate(children(scope, items)):
                    yield from _with_inner(signal, f"{scope_place}.{items}[{number}]", item, may_be_large)


def _longest(signal: Signal, items: Sequence[Any]) -> int:
    """Answer how many attributes an item, or what is in one, has at most."""
    within = (getattr(item, name) or () for name in _WITHIN[signal] for item in items)
    return max((len(one.attributes or ()) for one in chain(items, chain.from_iterable(within))), default=0)


def _with_inner(signal: Signal, place: str, item: Any, may_be_large: bool) -> Iterator[Part]:  # noqa: ANN401 (as in Part)
    """Give an item, and what in it has attributes or texts of its own."""
    yield Part(place, item, may_be_large, _METRIC if signal is Signal.METRICS else "")
    for name in _WITHIN[signal]:
        for number, inner in enumerate(children(item, name)):
            yield Part(f"{place}.{name}[{number}]", inner, may_be_large)
    if signal is Signal.TRACES and item.status is not None:
        yield Part(f"{place}.status", item.status, may_be_large)
    if signal is Signal.METRICS:
        kind, points = data_of(item)
        for number, point in enumerate(points):
            point_place = f"{place}.{kind}.data_points[{number}]"
            yield Part(point_place, point, may_be_large)
            for exemplar_number, exemplar in enumerate(children(point, "exemplars") if kind != "summary" else ()):
                yield Part(f"{point_place}.exemplars[{exemplar_number}]", exemplar, may_be_large)
