"""An envelope that is larger than a record, in parts: envelopes of their own, each with the header of the whole.

Items that fit stay together, in their order. A large container of logs, spans or metrics is split by what it holds, any
other large item into pieces of its bytes.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from gateway.protocols.parts import Part, Sizes
from gateway.protocols.sentry.envelope import CONTAINERS, Envelope, Item, render

_CONTAINER = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_OPENING = memoryview(b"{")
# What `render` writes for an item beside its header and its payload.
_ITEM_FRAME_BYTES = 64


def is_large(envelope: Envelope, sizes: Sizes) -> bool:
    """Tell whether the items of an envelope are larger than a record."""
    return sum([len(item.payload) for item in envelope.items]) > sizes.record_max_bytes


def split(envelope: Envelope, sizes: Sizes, *, whole_max_bytes: int) -> Iterator[Part]:
    """Give the parts of an envelope, each made when it is asked for.

    Args:
        envelope: The envelope.
        sizes: What the parts are cut to.
        whole_max_bytes: An item of at most so many bytes is never cut: the worker reads it as a whole.
    """
    headers = envelope.headers
    envelope_bytes = len(render(headers, []))
    together: list[Item] = []
    first = 0
    used_bytes = 0
    for number, item in enumerate(envelope.items):
        head_bytes = envelope_bytes + len(render({}, [Item(item.type, item.headers, b"")])) + _ITEM_FRAME_BYTES
        is_whole = len(item.payload) <= whole_max_bytes
        size_bytes = head_bytes - envelope_bytes + len(item.payload)
        is_full = used_bytes + size_bytes > sizes.record_max_bytes
        if together and (is_full or not is_whole):
            yield Part(render(headers, together), first)
            together = []
        if not is_whole:
            yield from _large(headers, number, item, sizes, head_bytes)
            continue
        if not together:
            first, used_bytes = number, envelope_bytes
        together.append(item)
        used_bytes += size_bytes
    if together:
        yield Part(render(headers, together), first)


def _large(headers: dict[str, object], number: int, item: Item, sizes: Sizes, head_bytes: int) -> Iterator[Part]:
    """Give the parts of one item."""
    # Headers are bounded; whatever a record's limit is, each part gets on.
    room_bytes = max(sizes.record_max_bytes - head_bytes, sizes.record_max_bytes // 2)
    containers = _contained(item, room_bytes, sizes) if item.type in CONTAINERS else None
    if containers is not None:
        for container in containers:
            yield Part(render(headers, [container]), number)
        return
    for chunk, start in enumerate(range(0, len(item.payload), room_bytes)):
        piece = Item(item.type, item.headers, item.payload[start : start + room_bytes])
        yield Part(render(headers, [piece]), number, chunk, len(item.payload))


def _contained(item: Item, room_bytes: int, sizes: Sizes) -> list[Item] | None:
    """Answer containers that together hold what a large one holds; None where it is none, or one of it is too large."""
    try:
        fields = _CONTAINER.decode(item.payload)
        inner = _LIST.decode(fields.pop("items", Raw(b"null")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    others = msgspec.json.encode(fields)[1:-1]
    texts = [memoryview(each) for each in inner]
    frame_bytes = len(others) + len(b'{,"items":[]}')
    is_readable = bool(texts) and all(
        text[:1] == _OPENING and len(text) + frame_bytes <= sizes.item_max_bytes for text in texts
    )
    if not is_readable or frame_bytes > room_bytes:
        return None
    runs: list[list[memoryview]] = []
    used_bytes = room_bytes
    for text in texts:
        if used_bytes + len(text) + 1 > room_bytes:
            runs.append([])
            used_bytes = frame_bytes
        runs[-1].append(text)
        used_bytes += len(text) + 1
    return [_container(item, others, run) for run in runs]


def _container(item: Item, others: bytes, run: list[memoryview]) -> Item:
    members = others + b"," if others else b""
    payload = b'{%b"items":[%b]}' % (members, b",".join(run))
    counted = {"item_count": len(run)} if "item_count" in item.headers else {}
    return Item(item.type, item.headers | counted, payload)
