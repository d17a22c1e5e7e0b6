"""A request that is larger than a record, in parts: requests of their own, each with its resources and scopes.

The items of metrics are data points: a metric that is larger than a record becomes several of the same name.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from msgspec import DecodeError
from msgspec.structs import replace

from gateway.protocols.otlp.messages import LEVELS
from gateway.protocols.otlp.splitting.forms import Form, Group, Json, Protobuf
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.parts import Part, Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal

T = TypeVar("T")


def split(
    signal: Signal, payload_format: Format, data: bytes, verdict: Verdict, sizes: Sizes
) -> tuple[Verdict, Iterator[Part]]:
    """Split a request that was validated; an item that is too large to travel is refused alone.

    Items keep their bytes or their text; fields of the request itself, of which OTLP has none, are left out.

    Args:
        signal: What it is a request of.
        payload_format: How it is written.
        data: The request, as the verdict left it.
        verdict: What became of its items so far.
        sizes: What the parts are cut to.

    Returns:
        The verdict with the items that are refused here, and the parts, each made when it is asked for.

    Raises:
        Malformed: no item is left, or the bytes cannot be walked.
    """
    if payload_format is Format.PROTOBUF:
        return _split(signal, Protobuf(data), verdict, sizes)
    try:
        return _split(signal, Json(signal, data), verdict, sizes)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The JSON body cannot be split into records: {error}.") from error


def _split(signal: Signal, form: Form[T], verdict: Verdict, sizes: Sizes) -> tuple[Verdict, Iterator[Part]]:
    plan = _Plan(form, sizes, has_points=signal is Signal.METRICS)
    for group in form.groups():
        plan.add(group)
    if refused := plan.refused:
        # A metric without data points holds nothing that is counted.
        lost = sum(signal is not Signal.METRICS or each.metric is not None for each in refused)
        message = _message(signal, refused, form.size_of(refused[0].items[0]), sizes)
        if lost == verdict.accepted:
            raise Malformed(message)
        verdict = Verdict(
            verdict.accepted - lost,
            verdict.rejected + lost,
            f"{message} {verdict.message}".strip(),
            verdict.rewritten,
        )
    return verdict, (Part(form.render(groups)) for groups in plan.parts)


class _Plan(Generic[T]):
    """Which items go into which part, filled one after the other in the order of the request; `refused` fit none.

    What surrounds the items comes again with each part. Where that is large, a part has room for items of half a
    record all the same: else a short request would become many long records.
    """

    def __init__(self, form: Form[T], sizes: Sizes, *, has_points: bool) -> None:
        self.parts: list[list[Group[T]]] = []
        self.refused: list[Group[T]] = []
        self._form = form
        self._sizes = sizes
        self._room_bytes = sizes.record_max_bytes // 2
        self._has_points = has_points
        self._used_bytes = 0
        self._max_bytes = 0

    def add(self, group: Group[T]) -> None:
        """Place the items of a group."""
        form, sizes, frame_bytes = self._form, self._sizes, self._form.frame_bytes
        metric = group.metric
        resource_bytes = len(group.resource_head) + frame_bytes
        scope_bytes = len(group.scope_head) + frame_bytes
        metric_bytes = len(metric.head) + len(metric.data_head) + 2 * frame_bytes if metric else 0
        heads_bytes = 2 * frame_bytes + resource_bytes + scope_bytes + metric_bytes
        for number, item in enumerate(group.items):
            size_bytes = form.size_of(item)
            alone_bytes = heads_bytes + size_bytes
            fits = (
                size_bytes <= sizes.item_max_bytes
                and heads_bytes + max(size_bytes, self._room_bytes) <= sizes.value_max_bytes
            )
            if self._has_points and metric is None and (not fits or alone_bytes > sizes.record_max_bytes):
                taken_apart = form.points_of(item, number)
                if taken_apart is not None:
                    self.add(replace(group, metric=taken_apart[0], items=taken_apart[1]))
                    continue
            if not fits:
                self.refused.append(replace(group, first=number, items=[item]))
                continue
            last = self.parts[-1][-1] if self.parts else None
            is_same_resource = last is not None and last.resource == group.resource
            is_same_scope = is_same_resource and last is not None and last.scope == group.scope
            is_same_metric = is_same_scope and last is not None and last.metric is metric
            more_bytes = size_bytes + frame_bytes
            more_bytes += (0 if is_same_scope else scope_bytes) + (0 if is_same_resource else resource_bytes)
            more_bytes += 0 if is_same_metric else metric_bytes
            if self._used_bytes + more_bytes > self._max_bytes:
                self.parts.append([replace(group, first=number, items=[item])])
                self._used_bytes = alone_bytes
                self._max_bytes = max(sizes.record_max_bytes, heads_bytes + self._room_bytes)
                continue
            self._used_bytes += more_bytes
            if is_same_metric and last is not None:
                last.items.append(item)
            else:
                self.parts[-1].append(replace(group, first=number, items=[item]))


def _message(signal: Signal, refused: list[Group[T]], size_bytes: int, sizes: Sizes) -> str:
    """Say which items are too large, by the first of them, which has so many bytes."""
    first = refused[0]
    resources, scopes, items = LEVELS[signal]
    place = f"{resources}[{first.resource}].{scopes}[{first.scope}].{items}"
    if first.metric is not None:
        items = "data_points"
        place += f"[{first.metric.number}].{first.metric.kind}.{items}"
    surrounding = "metric, resource and scope" if signal is Signal.METRICS else "resource and scope"
    return (
        f"{len(refused)} {items} were refused as too large: one may have {sizes.item_max_bytes} bytes, "
        f"{sizes.value_max_bytes} with its {surrounding}. The first is {place}[{first.first}], of {size_bytes} bytes."
    )
