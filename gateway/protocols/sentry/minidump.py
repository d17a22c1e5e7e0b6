"""Minidumps of native crashes: a form with the dump, what is said about it, and files beside it.

Source: docs.sentry.io, Minidumps; getsentry/relay where that is silent. The event is said in JSON in the field
`sentry`, or in pieces of it (`sentry__1`, `sentry__2`), in fields such as `sentry[tags][build]`, or in MessagePack in
the file `__sentry-event` of the native SDK. Of two that differ the one named first here holds, all other texts go to
the event's `extra`, and every file is an attachment.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from gateway.protocols.body import Codec, inflate
from gateway.protocols.sentry.attachments import attachment
from gateway.protocols.sentry.envelope import Envelope, Item, event_id
from gateway.protocols.sentry.multipart_form import Part, is_multipart, parts_of
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.text import read_json, write_json
from schemas.errors import Malformed

_FIELD = "upload_file_minidump"
_EVENT_FILE = "__sentry-event"
_MAGIC = (b"MDMP", b"PMDM")  # little-endian and big-endian
# How a dump begins that is compressed in itself, and the ending of its file's name.
_PACKED = {b"\x1f\x8b": (Codec.GZIP, ".gz"), b"\x28\xb5\x2f\xfd": (Codec.ZSTD, ".zst")}
_NOT_TAKEN = {b"\xfd7zXZ\0": "xz", b"BZh": "bzip2"}
_TYPES = {
    _FIELD: "event.minidump",
    _EVENT_FILE: "event.payload",
    "__sentry-breadcrumb1": "event.breadcrumbs",
    "__sentry-breadcrumb2": "event.breadcrumbs",
    "view-hierarchy.json": "event.view_hierarchy",
}
_PIECE = re.compile(r"sentry__([0-9]{1,6})")
_PATH = re.compile(r"sentry((?:\[[^\[\]]*\])+)")
_PATH_MAX_DEPTH = 15


def to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of a minidump: an event, the dump as its attachment, and the other files.

    A body that is no form may be the dump itself. Either may be compressed once more.

    Raises:
        Malformed: the form is none, or there is no dump in it.
        PayloadTooLarge: the dump has more than `posted.max_bytes`; see `parts_of` too.
    """
    parts = parts_of(posted) if is_multipart(posted) else [Part(_FIELD, posted.body, "Minidump")]
    number = next((number for number, part in enumerate(parts) if part.name == _FIELD), None)
    if number is None:
        raise Malformed(f"The form has no part {_FIELD}.")
    dump = parts[number] = _decompressed(parts[number], posted.max_bytes)
    if not dump.data.startswith(_MAGIC):
        raise Malformed("The minidump is none: it does not begin with MDMP.")
    files = [part for part in parts if part.filename is not None or part is dump]
    event = _event(parts, files)
    found = event["event_id"] = event_id(event.get("event_id")) or posted.fresh_id
    items = [Item("event", {"type": "event"}, write_json(event))]
    items += [attachment(part, _TYPES.get(part.name)) for part in files]
    return Envelope({"event_id": found}, items)


def _decompressed(dump: Part, max_bytes: int) -> Part:
    """Answer the dump as it was made; some crash reporters compress the file."""
    for magic, name in _NOT_TAKEN.items():
        if dump.data.startswith(magic):
            raise Malformed(f"The minidump is compressed with {name}; send it as it is, or with gzip or zstd.")
    for magic, (codec, ending) in _PACKED.items():
        if dump.data.startswith(magic):
            try:
                data = inflate(dump.data, codec, max_bytes)
            except Malformed as error:
                raise Malformed(f"The minidump cannot be decompressed: {error.message}") from error
            filename = None if dump.filename is None else dump.filename.removesuffix(ending)
            return Part(dump.name, data, filename)
    return dump


def _event(parts: list[Part], files: list[Part]) -> dict[str, Any]:
    texts = {part.name: part.data.decode("utf-8", "replace") for part in parts if part not in files}
    event: dict[str, Any] = {}
    for said in _said(texts, files):
        _fill(event, said, _PATH_MAX_DEPTH)
    extra = {name: text for name, text in texts.items() if not name.startswith("sentry")}
    mechanism = {"type": "minidump", "handled": False, "synthetic": True}
    default: dict[str, Any] = {
        "platform": "native",
        "level": "fatal",
        "exception": {"values": [{"type": "Minidump", "mechanism": mechanism}]},
    }
    _fill(event, {"extra": extra} if extra else {}, 2)
    _fill(event, default, 1)
    return event


def _said(texts: dict[str, str], files: Iterable[Part]) -> Iterator[dict[str, Any]]:
    """Answer what is said about the event, in each of its forms."""
    pieces = sorted((int(found[1]), text) for name, text in texts.items() if (found := _PIECE.fullmatch(name)))
    for text in (texts.get("sentry", ""), "".join(piece for _, piece in pieces)):
        yield _object(text)
    for name, text in texts.items():
        if found := _PATH.fullmatch(name):
            yield _nested(found[1][1:-1].split("]["), text)
    for file in files:
        if file.name == _EVENT_FILE:
            yield _unpacked(file.data)


def _object(text: str) -> dict[str, Any]:
    """Read an object; an event is never refused for what it says."""
    try:
        found = read_json(text.encode())
    except Malformed:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _unpacked(data: bytes) -> dict[str, Any]:
    """Read MessagePack by way of JSON, so that nothing is left in it that JSON cannot say."""
    try:
        return _object(msgspec.json.encode(msgspec.msgpack.decode(data)).decode())
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return {}


def _nested(path: list[str], text: str) -> dict[str, Any]:
    if len(path) > _PATH_MAX_DEPTH:
        return {}
    found: dict[str, Any] = {path[-1]: text}
    for key in reversed(path[:-1]):
        found = {key: found}
    return found


def _fill(event: dict[str, Any], more: dict[str, Any], depth: int) -> None:
    """Add what is not there yet, in objects within objects too."""
    for key, value in more.items():
        mine = event.setdefault(key, value)
        if depth > 1 and mine is not value and isinstance(mine, dict) and isinstance(value, dict):
            _fill(cast("dict[str, Any]", mine), cast("dict[str, Any]", value), depth - 1)
