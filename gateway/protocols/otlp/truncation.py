"""What the worker will cut of a request: values that are too long or nest too deep, attributes past the limit.

Looking at each attribute would cost as much as all the rest, so it is told where looking costs little beside the
request: where that is small, has large items, or is large enough for a value that is too long. Of a value in a batch of
small items that nests too deep, and of attributes past the limit there, the column `truncated` alone tells.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from gateway.protocols.otlp.messages import LEVELS
from gateway.protocols.otlp.views import LEAN
from gateway.protocols.otlp.walk import framed
from gateway.runtime.settings import Limits
from schemas.signals import Signal

# An attribute without key and value takes two bytes of its item; a byte that JSON escapes takes six there.
_ATTRIBUTE_MIN_BYTES = 2
_JSON_GROWTH = 6
# Attributes that are looked at, some tenths of a second: of what is cut behind them nothing is told.
_LOOKS_MAX_COUNT = 100_000
_KEY_SHOWN_MAX_CHARACTERS = 80
_ARRAY_TAG = b"\x2a"  # of AnyValue.array_value
_MAP_TAG = b"\x32"  # of AnyValue.kvlist_value
_JSON_CONTAINERS = (b'"arrayValue"', b'"array_value"', b'"kvlistValue"', b'"kvlist_value"')
_SMALL_JSON_BYTES = 16 * 1024
_KEY_VALUE_VALUE = 2  # the number of KeyValue.value


def may_be_cut_of_message(data: bytes, items: Sequence[Any], limits: Limits) -> bool:
    """Tell whether it is worth looking at a request in protobuf, which has these items."""
    size_bytes = len(data)
    large_bytes = _ATTRIBUTE_MIN_BYTES * limits.attributes_max_count
    if size_bytes > limits.attribute_max_bytes:
        return True
    if size_bytes <= large_bytes:
        return data.count(_ARRAY_TAG) + data.count(_MAP_TAG) > limits.nesting_max_depth
    return size_bytes > large_bytes * len(items)


def may_be_cut_of_json(data: bytes, items: Sequence[Any], limits: Limits) -> bool:
    """Tell whether it is worth looking at a request in JSON, which has these items."""
    if len(data) > limits.attribute_max_bytes:
        return True
    lists = [found for item in items if (found := getattr(item, "attributes", None))]
    if max(map(len, lists), default=0) > limits.attributes_max_count:
        return True
    return len(data) <= _SMALL_JSON_BYTES and sum(map(data.count, _JSON_CONTAINERS)) > limits.nesting_max_depth


def _is_deeper(value: AnyValue, left: int) -> bool:
    """Tell whether lists and maps nest deeper than `left`."""
    match value.WhichOneof("value"):
        case "array_value":
            return left == 0 or any(_is_deeper(one, left - 1) for one in value.array_value.values)
        case "kvlist_value":
            return left == 0 or any(_is_deeper(pair.value, left - 1) for pair in value.kvlist_value.values)
        case _:
            return False


def first_cut(signal: Signal, data: bytes, limits: Limits) -> str:
    """Say in a sentence what is cut first of a protobuf request; nothing where nothing is."""
    looks = 0
    for place, attributes in _lists(signal, LEAN[signal].FromString(data)):
        count = len(attributes)
        if count > limits.attributes_max_count:
            return f"{place} has {count} attributes; the first {limits.attributes_max_count} are stored."
        looks += count
        if looks > _LOOKS_MAX_COUNT:
            break
        for raw in attributes:
            pair = KeyValue.FromString(raw)
            if what := _cut(pair.value, len(raw), limits):
                key = f"[{pair.key[:_KEY_SHOWN_MAX_CHARACTERS]!r}]" if pair.key else ""
                return f"{place}{key} {what}."
    return ""


def _cut(value: AnyValue, size_bytes: int, limits: Limits) -> str:
    """Say what is cut of a value that takes so many bytes in protobuf."""
    max_bytes, max_depth = limits.attribute_max_bytes, limits.nesting_max_depth
    if _is_deeper(value, max_depth):
        return f"nests deeper than {max_depth} levels; what is below is left out"
    if size_bytes > max_bytes // _JSON_GROWTH and (text_bytes := _text_bytes(value)) > max_bytes:
        return f"has {text_bytes} bytes; the first {max_bytes} are stored"
    return ""


def _text_bytes(value: AnyValue) -> int:
    """Answer how long the text that is stored of a value is: of a string its bytes, of others about those of JSON."""
    kind = value.WhichOneof("value")
    match kind:
        case "string_value":
            return len(value.string_value.encode())
        case "bytes_value":
            return (len(value.bytes_value) + 2) // 3 * 4
        case "array_value":
            return 1 + sum(_text_bytes(one) + 3 for one in value.array_value.values)
        case "kvlist_value":
            return 1 + sum(len(pair.key.encode()) + _text_bytes(pair.value) + 6 for pair in value.kvlist_value.values)
        case None:
            return len("null")
        case _:
            return len(str(getattr(value, kind)))


def _lists(signal: Signal, root: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (a class of `views`)
    """Give each list of attributes, which are bytes, with its place; a body is a list of one without a key."""
    resources, scopes, items = LEVELS[signal]
    for number, resource in enumerate(getattr(root, resources)):
        yield f"{resources}[{number}].resource", resource.resource.attributes
        for scope_number, scope in enumerate(getattr(resource, scopes)):
            for item_number, item in enumerate(getattr(scope, items)):
                place = f"{resources}[{number}].{scopes}[{scope_number}].{items}[{item_number}]"
                yield from _LISTS_OF[signal](place, item)


def _of_span(place: str, span: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (a lean message)
    yield place, span.attributes
    for name in ("events", "links"):
        for number, inner in enumerate(getattr(span, name)):
            yield f"{place}.{name}[{number}]", inner.attributes


def _of_log(place: str, log: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (a lean message)
    yield place, log.attributes
    if log.body:
        yield f"{place}.body", [framed(_KEY_VALUE_VALUE, len(log.body)) + log.body]


def _of_metric(place: str, metric: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 (a lean message)
    kind = metric.WhichOneof("data")
    points: Iterable[Any] = getattr(metric, kind).data_points if kind else ()
    for number, point in enumerate(points):
        yield f"{place}.{kind}.data_points[{number}]", point.attributes
        for exemplar_number, exemplar in enumerate(getattr(point, "exemplars", ())):
            yield f"{place}.{kind}.data_points[{number}].exemplars[{exemplar_number}]", exemplar.filtered_attributes


_LISTS_OF = {Signal.TRACES: _of_span, Signal.LOGS: _of_log, Signal.METRICS: _of_metric}
