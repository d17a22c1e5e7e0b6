"""Values to COPY fields for one batch: every value once, however often the batch repeats it.

An encoder remembers what it wrote for a text or for the bytes of an attribute; only short values that needed no change
are remembered. What had to be changed is named in `notes`, which whoever packs a row moves to its column `truncated`.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from consumers.rows import values
from consumers.rows.binary import NULL, jsonb, sized, text_array
from gateway.runtime.settings import Limits
from schemas.stored import INDEXED_TEXT_MAX_BYTES

_REMEMBERED_MAX_SIZE = 256
_REMEMBERED_MAX_COUNT = 20_000

# Protobuf: the tags of KeyValue.key and .value, of AnyValue.string_value and .double_value; the largest length that is
# written in one byte; the size of a double with its tag; the least that a key, a value and their lengths take.
_KEY, _VALUE, _STRING, _DOUBLE = 0x0A, 0x12, 0x0A, 0x21
_ONE_BYTE_MAX = 0x7F
_DOUBLE_BYTES = 9
_PAIR_MIN_BYTES = 6
_double_at = struct.Struct("<d").unpack_from

_Key = TypeVar("_Key", str, bytes)


class Memo(dict[_Key, bytes]):
    """What a function wrote for a value; asked for with `memo[value]`, which runs no Python when it is known."""

    def __init__(self, write: Callable[[_Key], bytes], notes: list[str]) -> None:
        super().__init__()
        self._write = write
        self._notes = notes

    def __missing__(self, key: _Key) -> bytes:
        before = len(self._notes)
        written = self._write(key)
        if len(key) <= _REMEMBERED_MAX_SIZE and len(self._notes) == before:
            if len(self) >= _REMEMBERED_MAX_COUNT:
                self.clear()
            self[key] = written
        return written


class Encoder:
    """Encodes the values of one batch.

    Attributes:
        notes: What was cut, dropped or replaced since a row last took the notes, by column or `attributes.<key>`.
        strings: A string of an event or a link → its JSON text.
        bodies: Bytes of a log's AnyValue → its columns `body` and `body_text`.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.notes: list[str] = []
        self._pair_of = Memo(self._pair, self.notes).__getitem__
        self.strings: Memo[str] = Memo(lambda text: self.json("name", text), self.notes)
        self.bodies = Memo(self._body, self.notes)
        self._short_keys = Memo(self._short_key, self.notes)
        self._keys: Memo[str] = Memo(lambda key: self.json(f"attributes.{key}", key) + b":", self.notes)
        self._texts: dict[str, Memo[str]] = {}
        self._short_max_bytes = min(_ONE_BYTE_MAX, limits.attribute_max_bytes)

    def texts(self, column: str, *, empty: bytes = NULL) -> Memo[str]:
        """Answer the memo of a text column: text → field; `empty` is the field of the empty text."""
        if column not in self._texts:
            self._texts[column] = Memo(lambda text: self.text(column, text) if text else empty, self.notes)
        return self._texts[column]

    def text(self, column: str, value: str, max_bytes: int | None = None) -> bytes:
        """Write the field of a text, as much as is stored of it (by default `limits.attribute_max_bytes`)."""
        try:
            data = whole = value.encode()
            is_changed = False
        except UnicodeEncodeError:
            data = whole = values.clean_text(value).encode()
            is_changed = True
        if b"\0" in data:
            data = data.replace(b"\0", b"")
        max_bytes = max_bytes or self.limits.attribute_max_bytes
        if len(data) > max_bytes:
            data = data[:max_bytes].decode("utf-8", "ignore").encode()
        if is_changed or data is not whole:
            self.notes.append(column)
        return sized(data)

    def json(self, label: str, value: Any) -> bytes:  # noqa: ANN401 (any JSON value)
        """Write the JSON text of one value that a client sent; noted as `label` if it had to be changed."""
        max_bytes = self.limits.attribute_max_bytes
        text, is_changed = values.dump(value, self.limits.nesting_max_depth)
        if len(text) > max_bytes:
            whole = value if isinstance(value, str) else text.decode()
            cut = _cut(whole, max_bytes)
            if cut is not value:
                text, is_changed = values.dump(cut, 0)[0], True
        if is_changed:
            self.notes.append(label)
        return text

    def whole_json(self, column: str, value: Any) -> bytes:  # noqa: ANN401 (any JSON value)
        """Write a jsonb column, changed as little as PostgreSQL and the limit of nesting ask, and never cut."""
        text, is_changed = values.dump(value, self.limits.nesting_max_depth)
        if is_changed:
            self.notes.append(column)
        return jsonb(text)

    def attributes(self, raws: Sequence[bytes], dropped: int) -> tuple[bytes, int]:
        """Write the JSON object of attributes.

        Args:
            raws: The bytes of each KeyValue.
            dropped: How many the client says it dropped.

        Returns:
            The object, and how many attributes it lacks.
        """
        max_count = self.limits.attributes_max_count
        kept = raws[:max_count]  # a list at once: protobuf's containers are slow to walk
        if len(kept) == max_count and len(raws) > max_count:
            self.notes.append("attributes")
            dropped += len(raws) - max_count
        return b"{%b}" % b",".join(map(self._pair_of, kept)), dropped

    def object(self, members: Mapping[str, Any]) -> tuple[bytes, int]:
        """Write the JSON object of attributes that came as JSON, under the limits of `attributes`.

        Returns:
            The object, and how many attributes it lacks.
        """
        max_count = self.limits.attributes_max_count
        dropped = max(0, len(members) - max_count)
        if dropped:
            self.notes.append("attributes")
        pairs = [self._member(key, value) for key, value in islice(members.items(), max_count)]
        return b"{%b}" % b",".join(pairs), dropped

    def truncated(self) -> bytes:
        """Write the column `truncated`, and begin anew."""
        if not self.notes:
            return NULL
        names = [_cut(values.clean_text(note), INDEXED_TEXT_MAX_BYTES) for note in dict.fromkeys(self.notes)]
        self.notes.clear()
        return text_array(names)

    def _pair(self, raw: bytes) -> bytes:
        """Write the bytes of a KeyValue as `"key":value`."""
        if (text := self._short_pair(raw)) is not None:
            return text
        pair = KeyValue.FromString(raw)
        return self._member(pair.key, values.plain(pair.value))

    def _member(self, key: str, value: Any) -> bytes:  # noqa: ANN401 (any JSON value)
        """Write `"key":value`."""
        return self._keys[key] + self.json(f"attributes.{key}", value)

    def _short_pair(self, raw: bytes) -> bytes | None:
        """Write the commonest shapes, a short key and a short string or a double, without making objects for them.

        That is: key tag, length, key, value tag, length, the value's own tag, the value, and nothing after it.
        """
        if len(raw) < _PAIR_MIN_BYTES:
            return None
        end = raw[1] + 2
        left = len(raw) - end - 2
        key_text = self._short_keys[raw[:end]]
        if not (key_text and 2 <= left <= self._short_max_bytes and raw[end] == _VALUE and raw[end + 1] == left):  # noqa: PLR2004 (two bytes at least)
            return None
        tag = raw[end + 2]
        if tag == _STRING and raw[end + 3] == left - 2:
            text = orjson.dumps(str(raw[end + 4 :], "utf-8"))
            return None if b"\\u0000" in text else key_text + text
        if tag == _DOUBLE and left == _DOUBLE_BYTES:
            return key_text + orjson.dumps(values.finite(_double_at(raw, end + 3)[0]))
        return None

    def _short_key(self, head: bytes) -> bytes:
        """Write the key of a pair, from the bytes before the value's tag; nothing if it needs more than this."""
        if head[0] != _KEY or head[1] > _ONE_BYTE_MAX or len(head) != head[1] + 2 or b"\0" in head[2:]:
            return b""
        return orjson.dumps(str(head[2:], "utf-8")) + b":"

    def _body(self, raw: bytes) -> bytes:
        """Write the bytes of a log's AnyValue as `body` and `body_text`, which only a string has."""
        any_value = AnyValue.FromString(raw)
        kind = any_value.WhichOneof("value")
        if kind is None:
            return NULL + NULL
        body = jsonb(self.json("body", values.plain(any_value)))
        return body + (self.text("body", any_value.string_value) if kind == "string_value" else NULL)


def _cut(text: str, max_bytes: int) -> str:
    """Answer as much of a text as fits into so many bytes of UTF-8."""
    if len(text) * 4 <= max_bytes:
        return text
    data = text.encode("utf-8", "surrogatepass")
    return text if len(data) <= max_bytes else data[:max_bytes].decode("utf-8", "ignore")
