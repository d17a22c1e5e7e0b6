"""A request that is larger than a record, in parts: requests of their own, each with its resources and scopes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder, encode
from msgspec.structs import replace

from gateway.protocols.otlp import walk
from gateway.protocols.otlp.messages import LEVELS
from gateway.protocols.otlp.remove import chosen, spellings
from gateway.protocols.otlp.validate import validate
from gateway.protocols.otlp.verdict import Verdict
from gateway.protocols.parts import Part, Sizes
from schemas.errors import Malformed
from schemas.signals import Format, Signal

T = TypeVar("T")
_OBJECT = Decoder(dict[str, Raw])
_LIST = Decoder(list[Raw])


class Group(Struct, Generic[T], frozen=True):
    """Items of one scope of one resource, by their numbers: `first` is that of the first item."""

    resource: int
    scope: int
    first: int
    resource_head: bytes
    scope_head: bytes
    items: list[T]


class _Form(Protocol[T]):
    """How a format is taken apart and put together: a resource, a scope and an item each cost at most `frame_bytes`."""

    frame_bytes: int

    def groups(self) -> Iterator[Group[T]]: ...
    def size_of(self, item: T) -> int: ...
    def render(self, groups: Sequence[Group[T]]) -> bytes: ...


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
        return _split(signal, payload_format, _Protobuf(data), verdict, sizes)
    try:
        return _split(signal, payload_format, _Json(signal, data), verdict, sizes)
    except (DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The JSON body cannot be split into records: {error}.") from error


def _split(
    signal: Signal, payload_format: Format, form: _Form[T], verdict: Verdict, sizes: Sizes
) -> tuple[Verdict, Iterator[Part]]:
    parts, refused = _plan(form, sizes)
    if refused:
        lost = len(refused)
        if signal is Signal.METRICS:
            # Data points are counted, and only decoding tells how many there are.
            lost = sum(validate(signal, payload_format, form.render([each])).accepted for each in refused)
        message = _message(signal, refused, form.size_of(refused[0].items[0]), sizes)
        if lost == verdict.accepted:
            raise Malformed(message)
        verdict = Verdict(
            verdict.accepted - lost,
            verdict.rejected + lost,
            f"{message} {verdict.message}".strip(),
            verdict.rewritten,
        )
    return verdict, (Part(form.render(groups)) for groups in parts)


def _plan(form: _Form[T], sizes: Sizes) -> tuple[list[list[Group[T]]], list[Group[T]]]:
    """Fill one part after the other, in the order of the request; answer also the items that fit none, one a group."""
    parts: list[list[Group[T]]] = []
    refused: list[Group[T]] = []
    used_bytes = sizes.record_max_bytes
    for group in form.groups():
        scope_bytes = len(group.scope_head) + form.frame_bytes
        resource_bytes = len(group.resource_head) + form.frame_bytes
        for number, item in enumerate(group.items):
            size_bytes = form.size_of(item)
            alone_bytes = 2 * form.frame_bytes + resource_bytes + scope_bytes + size_bytes
            if size_bytes > sizes.item_max_bytes or alone_bytes > sizes.value_max_bytes:
                refused.append(replace(group, first=number, items=[item]))
                continue
            last = parts[-1][-1] if parts else None
            is_same_resource = last is not None and last.resource == group.resource
            is_same_scope = is_same_resource and last is not None and last.scope == group.scope
            more_bytes = size_bytes + form.frame_bytes
            more_bytes += (0 if is_same_scope else scope_bytes) + (0 if is_same_resource else resource_bytes)
            if used_bytes + more_bytes > sizes.record_max_bytes:
                parts.append([replace(group, first=number, items=[item])])
                used_bytes = alone_bytes
                continue
            used_bytes += more_bytes
            if is_same_scope and last is not None:
                last.items.append(item)
            else:
                parts[-1].append(replace(group, first=number, items=[item]))
    return parts, refused


def _message(signal: Signal, refused: list[Group[T]], size_bytes: int, sizes: Sizes) -> str:
    """Say which items are too large, by the first of them, which has so many bytes."""
    first = refused[0]
    resources, scopes, items = LEVELS[signal]
    place = f"{resources}[{first.resource}].{scopes}[{first.scope}].{items}[{first.first}]"
    return (
        f"{len(refused)} {items} were refused as too large: one may have {sizes.item_max_bytes} bytes, "
        f"{sizes.value_max_bytes} with its resource and scope. The first is {place}, of {size_bytes} bytes."
    )


class _Protobuf:
    """`_Form` of protobuf: items are copied with their tag and length, wherever the walk has found them."""

    frame_bytes = 6  # a tag, and a length below 2**35

    def __init__(self, data: bytes) -> None:
        self._data = data

    def groups(self) -> Iterator[Group[walk.Slice]]:
        for resource_number, resource in enumerate(walk.resources(self._data)):
            resource_head, scopes = walk.level(self._data, resource)
            for scope_number, scope in enumerate(scopes):
                scope_head, items = walk.level(self._data, scope)
                yield Group(resource_number, scope_number, 0, resource_head, scope_head, items)

    def size_of(self, item: walk.Slice) -> int:
        return item.end - item.content

    def render(self, groups: Sequence[Group[walk.Slice]]) -> bytes:
        pieces: list[bytes] = []
        for _, of_resource in groupby(groups, key=lambda group: group.resource):
            inner: list[bytes] = []
            head = b""
            for group in of_resource:
                head = group.resource_head
                size_bytes = len(group.scope_head) + sum([item.end - item.start for item in group.items])
                inner += [walk.framed(2, size_bytes), group.scope_head]
                inner += [self._data[item.start : item.end] for item in group.items]
            pieces += [walk.framed(1, len(head) + sum(map(len, inner))), head, *inner]
        return b"".join(pieces)


class _Json:
    """`_Form` of JSON: items keep their text."""

    frame_bytes = 32  # `{"resourceMetrics":[` is the longest, with `]}` and a comma

    def __init__(self, signal: Signal, data: bytes) -> None:
        self._data = data
        self._resources, self._scopes, self._items = LEVELS[signal]

    def groups(self) -> Iterator[Group[Raw]]:
        _, resources = _level(self._data, self._resources)
        for resource_number, resource in enumerate(resources):
            resource_head, scopes = _level(resource, self._scopes)
            for scope_number, scope in enumerate(scopes):
                scope_head, items = _level(scope, self._items)
                yield Group(resource_number, scope_number, 0, resource_head, scope_head, items)

    def size_of(self, item: Raw) -> int:
        return len(memoryview(item))

    def render(self, groups: Sequence[Group[Raw]]) -> bytes:
        resources: list[bytes] = []
        for _, of_resource in groupby(groups, key=lambda group: group.resource):
            scopes: list[bytes] = []
            head = b""
            for group in of_resource:
                head = group.resource_head
                scopes.append(_object(group.scope_head, self._items, group.items))
            resources.append(_object(head, self._scopes, scopes))
        return _object(b"", self._resources, resources)


def _level(text: bytes | Raw, name: str) -> tuple[bytes, list[Raw]]:
    """Answer the members of an object but one, as their text, and that one: the list that leads to the items."""
    fields = _OBJECT.decode(text)
    key = chosen(fields, name)
    children = _LIST.decode(fields[key]) if key else []
    others = {key: value for key, value in fields.items() if key not in spellings(name)}
    return (encode(others)[1:-1], children)


def _object(head: bytes, name: str, children: Sequence[bytes | Raw]) -> bytes:
    """Write an object: the members in `head`, and a list under a name."""
    comma = b"," if head else b""
    return b"{%b%b%b:[%b]}" % (head, comma, encode(spellings(name)[0]), b",".join(children))
