"""What the worker will cut of a request: texts that are too long, values that nest too deep, too many attributes."""

from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from gateway.protocols.otlp.as_json import structs
from gateway.protocols.otlp.as_json.convert import to_any_value, to_key_value
from gateway.protocols.otlp.as_json.structs import SNAKE
from gateway.protocols.otlp.checking.arrival import Arrival
from gateway.protocols.otlp.checking.suspects import Part, parts
from gateway.protocols.otlp.levels import children
from gateway.runtime.settings import Limits
from schemas.stored import INDEXED_TEXT_MAX_BYTES

# Parts, attributes and values that are looked at, some tenths of a second: of what is cut behind them nothing is told.
_LOOKS_MAX_COUNT = 100_000
_KEY_SHOWN_MAX_CHARACTERS = 80
_CHARACTER_MAX_BYTES = 4
_TEXTS = (
    "name",
    "version",
    "trace_state",
    "message",
    "severity_text",
    "event_name",
    "unit",
    "description",
    "schema_url",
)

_Pair = bytes | structs.KeyValue


def first_cut(request: Arrival, limits: Limits) -> str:
    """Say in a sentence what is cut first of a request; nothing where nothing is."""
    look = _Look(limits)
    try:
        return next((told for part in parts(request, limits) for told in look.cuts(part)), "")
    except _Enough:
        return ""


class _Enough(Exception):
    """As much was looked at as is worth the time."""


class _Look:
    """Looks at the parts of one request, until it is enough."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = _LOOKS_MAX_COUNT

    def _take(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Enough

    def cuts(self, part: Part) -> Iterator[str]:
        """Say what is cut of a part."""
        place, message, may_be_large, indexed = part
        max_count, max_bytes = self._limits.attributes_max_count, self._limits.attribute_max_bytes
        attributes = _attributes(message)
        self._take()
        if len(attributes) > max_count:
            yield f"{place} has {len(attributes)} attributes; the first {max_count} are stored."
        if indexed:
            where, name = self._name(message, indexed, attributes)
            yield from _too_long(f"{place}{where}", name, INDEXED_TEXT_MAX_BYTES, "are stored as the name")
        if not may_be_large:
            return
        for name, text in _texts(message):
            yield from _too_long(f"{place}.{name}", text, max_bytes)
        if body := getattr(message, "body", None):
            yield from self._cut(f"{place}.body", _value(body))
        for pair in attributes:
            self._take()
            if isinstance(pair, bytes) or not _is_short(pair, max_bytes):
                read = KeyValue.FromString(pair) if isinstance(pair, bytes) else to_key_value(pair)
                key = read.key[:_KEY_SHOWN_MAX_CHARACTERS]
                yield from _too_long(f"{place}, the key of an attribute of it,", read.key, max_bytes)
                yield from self._cut(f"{place}[{key!r}]" if key else place, read.value)

    def _name(self, message: Any, indexed: str, attributes: Sequence[_Pair]) -> tuple[str, str]:  # noqa: ANN401 (see Part)
        """Answer where in a part its indexed name stands, and the name."""
        if hasattr(message, indexed):
            return f".{indexed}", getattr(message, indexed) or ""
        for pair in attributes:
            self._take()
            read = KeyValue.FromString(pair) if isinstance(pair, bytes) else pair
            if read.key == indexed:
                return f"[{indexed!r}]", (read.value.string_value if read.value else None) or ""
        return "", ""

    def _cut(self, place: str, value: AnyValue) -> Iterator[str]:
        """Say what is cut of a value."""
        max_bytes, max_depth = self._limits.attribute_max_bytes, self._limits.nesting_max_depth
        if self._is_deeper(value, max_depth):
            yield f"{place} nests deeper than {max_depth} levels; what is below is left out."
        elif (text_bytes := self._text_bytes(value)) > max_bytes:
            yield f"{place} has {text_bytes} bytes; the first {max_bytes} are stored."

    def _is_deeper(self, value: AnyValue, left: int) -> bool:
        """Tell whether lists and maps nest deeper than `left`."""
        self._take()
        match value.WhichOneof("value"):
            case "array_value":
                return left == 0 or any(self._is_deeper(one, left - 1) for one in value.array_value.values)
            case "kvlist_value":
                return left == 0 or any(self._is_deeper(pair.value, left - 1) for pair in value.kvlist_value.values)
            case _:
                return False

    def _text_bytes(self, value: AnyValue) -> int:
        """Answer how long the text that is stored of a value is: of a string its bytes, else about those of JSON."""
        self._take()
        kind = value.WhichOneof("value")
        match kind:
            case "string_value":
                return len(value.string_value.encode())
            case "bytes_value":
                return (len(value.bytes_value) + 2) // 3 * 4
            case "array_value":
                return 1 + sum(self._text_bytes(one) + 3 for one in value.array_value.values)
            case "kvlist_value":
                pairs = value.kvlist_value.values
                return 1 + sum(len(pair.key.encode()) + self._text_bytes(pair.value) + 6 for pair in pairs)
            case None:
                return len("null")
            case _:
                return len(str(getattr(value, kind)))


def _attributes(message: Any) -> Sequence[_Pair]:  # noqa: ANN401 (see Part)
    """Answer the attributes of a part, which may have none."""
    name = next((name for name in ("attributes", "filtered_attributes", "metadata") if hasattr(message, name)), None)
    return () if name is None else children(message, name)


def _too_long(place: str, text: str, max_bytes: int, end: str = "are stored") -> Iterator[str]:
    """Say that a text is longer than what is stored of it."""
    if len(text) * _CHARACTER_MAX_BYTES > max_bytes and (size_bytes := len(text.encode())) > max_bytes:
        yield f"{place} has {size_bytes} bytes; the first {max_bytes} {end}."


def _texts(message: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 (see Part)
    """Give the texts of a part, attributes aside, with the names of their fields."""
    for name in _TEXTS:
        text = getattr(message, name, None) or getattr(message, SNAKE + name, None)
        if text:
            yield name, text


def _value(raw: bytes | structs.AnyValue) -> AnyValue:
    return AnyValue.FromString(raw) if isinstance(raw, bytes) else to_any_value(raw)


def _is_short(pair: structs.KeyValue, max_bytes: int) -> bool:
    """Tell whether an attribute is a text that is stored whole, as most are."""
    text = pair.value.string_value if pair.value is not None else ""
    longest = max(len(pair.key or ""), len(text)) if text is not None else max_bytes
    return longest * _CHARACTER_MAX_BYTES <= max_bytes
