"""Down the levels of a request, be it a protobuf message or a struct of its JSON."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from gateway.protocols.otlp.as_json.structs import SNAKE
from gateway.protocols.otlp.messages import LEVELS, METRIC_DATA
from schemas.signals import Signal


def first_item(signal: Signal, root: object) -> Any:  # noqa: ANN401 (a span, a log record or a metric)
    """Answer the first item of a request, None where it has none."""
    resources, scopes, items = LEVELS[signal]
    found = (
        item
        for resource in children(root, resources)
        for scope in children(resource, scopes)
        for item in children(scope, items)
    )
    return next(found, None)


def children(value: object, name: str) -> Sequence[Any]:
    """Answer a repeated field of a message or of a struct, where it may be absent or written in snake_case."""
    found = getattr(value, name)
    return found if found is not None else getattr(value, SNAKE + name, None) or ()


def data_of(metric: Any) -> tuple[str, Sequence[Any]]:  # noqa: ANN401 (a protobuf message or a struct)
    """Answer a metric's kind of data ("" without any) and its data points.

    Where one in JSON has several kinds of data, the last one counts, as in protobuf.
    """
    if isinstance(metric, Message):
        kind = metric.WhichOneof("data")
        return (kind, getattr(metric, kind).data_points) if kind is not None else ("", ())
    found = [
        (kind, data)
        for kind in METRIC_DATA.values()
        if (data := getattr(metric, kind) or getattr(metric, SNAKE + kind, None))
    ]
    return (found[-1][0], children(found[-1][1], "data_points")) if found else ("", ())


def is_typical(signal: Signal, item: Any) -> bool:  # noqa: ANN401 (a span, a log record or a metric)
    """Tell whether an item has what every real one of its signal has, and next to none that was read as one."""
    match signal:
        case Signal.TRACES:
            return bool(item.start_time_unix_nano)
        case Signal.LOGS:
            return bool(item.time_unix_nano or item.observed_time_unix_nano)
        case _:
            return bool(item.name)
