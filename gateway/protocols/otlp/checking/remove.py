"""A request without its bad items, or without their bad fields; all the rest stays as the client wrote it."""

from collections.abc import Iterator, Mapping
from itertools import count

from google.protobuf.message import Message
from msgspec import Raw
from msgspec.json import Decoder, encode

from gateway.protocols.otlp.as_json.spelling import chosen, spellings

Faults = Mapping[int, tuple[str, ...]]
"""By an item's number in the request: the fields to clear; none of them means that the whole item goes."""

_OBJECT = Decoder(dict[str, Raw])
_LIST = Decoder(list[Raw])


def remove_from_message(request: Message, levels: tuple[str, ...], faults: Faults) -> bytes:
    """Encode a protobuf request without what is at fault; fields that are unknown here survive."""
    numbers = count()
    resources, scopes, items = levels
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            found = getattr(scope, items)
            gone: list[int] = []
            for index, item in enumerate(found):
                fields = faults.get(next(numbers))
                if fields is None:
                    continue
                for name in fields:
                    item.ClearField(name)
                if not fields:
                    gone.append(index)
            for index in reversed(gone):
                del found[index]
    return request.SerializeToString()


def remove_from_json(data: bytes, levels: tuple[str, ...], faults: Faults) -> bytes:
    """Write a JSON request without what is at fault; what stays keeps its text.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: the name of an unknown field is no JSON text.
    """
    return _without(data, levels, faults, count())


def _without(text: bytes | Raw, levels: tuple[str, ...], faults: Faults, numbers: Iterator[int]) -> bytes:
    """Answer the text of an object without what is at fault below it, or b"" where it goes itself."""
    if not levels:
        return _item(text, faults.get(next(numbers)))
    fields = _OBJECT.decode(text)
    key = chosen(fields, levels[0])
    if key is None:
        return bytes(text)
    inner = [_without(child, levels[1:], faults, numbers) for child in _LIST.decode(fields[key])]
    fields[key] = Raw(b"[" + b",".join(filter(None, inner)) + b"]")
    return encode(fields)


def _item(text: bytes | Raw, cleared: tuple[str, ...] | None) -> bytes:
    if cleared is None:
        return bytes(text)
    if not cleared:
        return b""
    names = {spelling for name in cleared for spelling in spellings(name)}
    return encode({name: value for name, value in _OBJECT.decode(text).items() if name not in names})
