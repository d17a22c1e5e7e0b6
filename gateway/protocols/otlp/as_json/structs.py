"""OTLP's JSON, typed: one struct per protobuf message, fields named as there, every one of them optional.

Source: opentelemetry-proto 1.5 and the JSON mapping of the OTLP specification 1.11. A decoder of these structs is lax
(`strict=False`), so that 64-bit integers come as strings or numbers and NaN and Infinity as strings; null means absent,
and unknown fields are ignored.
"""

# ruff: noqa: D101 (each class mirrors the protobuf message of its name)
from base64 import b64decode
from typing import Annotated, Any, Literal, TypeVar, cast

from msgspec import Meta, Struct, defstruct, field

SNAKE = "snake_"
"""What stands before the name of a field that was written in snake_case."""

VALUES_MAX_DEPTH = 30
"""Lists and maps within one another: what protobuf's limit of 100 messages leaves in every place of a request."""

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
UInt64 = Annotated[int, Meta(ge=0)]  # msgspec knows no bound above 2**63 - 1; `convert` lets larger ones saturate
Hex = Annotated[str, Meta(pattern=r"^(?:[0-9A-Fa-f]{2})*\Z")]

_STANDARD = str.maketrans("-_", "+/")


class Base64(bytes):
    """Bytes that are written in base64, in either alphabet and padded or not, as protobuf's JSON mapping reads them."""


def decode_hook(wanted: type[Any], written: object) -> Base64:
    """Read what msgspec does not read by itself, for its decoders: `Base64`.

    Raises:
        ValueError: it is no base64.
    """
    assert wanted is Base64
    if not isinstance(written, str):
        msg = f"Expected base64, got `{type(written).__name__}`"
        raise ValueError(msg)  # noqa: TRY004 (msgspec adds the place to a ValueError)
    text = written.rstrip("=").translate(_STANDARD)
    try:
        return Base64(b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError as error:
        msg = "Invalid base64"
        raise ValueError(msg) from error


SpanKind = Literal[
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
]
StatusCode = Literal["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"]
# fmt: off
Severity = Literal[
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE", "SEVERITY_NUMBER_TRACE2", "SEVERITY_NUMBER_TRACE3", "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG", "SEVERITY_NUMBER_DEBUG2", "SEVERITY_NUMBER_DEBUG3", "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO", "SEVERITY_NUMBER_INFO2", "SEVERITY_NUMBER_INFO3", "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN", "SEVERITY_NUMBER_WARN2", "SEVERITY_NUMBER_WARN3", "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR", "SEVERITY_NUMBER_ERROR2", "SEVERITY_NUMBER_ERROR3", "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL", "SEVERITY_NUMBER_FATAL2", "SEVERITY_NUMBER_FATAL3", "SEVERITY_NUMBER_FATAL4",
]
# fmt: on
Temporality = Literal[
    "AGGREGATION_TEMPORALITY_UNSPECIFIED", "AGGREGATION_TEMPORALITY_DELTA", "AGGREGATION_TEMPORALITY_CUMULATIVE"
]

S = TypeVar("S", bound=type[Struct])


def either_case(base: S) -> S:
    """Let each field of several words be written in snake_case too: it is found under its name after `SNAKE`."""
    fields = [
        (SNAKE + name, annotation, field(default=None, name=name))
        for name, annotation in base.__annotations__.items()
        if "_" in name
    ]
    derived = defstruct(base.__name__, fields, bases=(base,), module=base.__module__, gc=False)
    return cast("S", derived)


class Message(Struct, rename="camel", gc=False):
    """What the structs share; without cycles they need no garbage collection, which halves the time of decoding."""


def _deeper(values: "list[AnyValue]") -> int:
    """Answer the nesting of a value that holds these, and refuse what protobuf could not carry."""
    nesting = 1 + max((nested.nesting for value in values if (nested := _nested(value)) is not None), default=0)
    if nesting > VALUES_MAX_DEPTH:
        msg = f"Lists and maps are nested deeper than {VALUES_MAX_DEPTH} levels"
        raise ValueError(msg)
    return nesting


def _nested(value: "AnyValue") -> "ArrayValue | KeyValueList | None":
    return (
        value.array_value
        or value.kvlist_value
        or getattr(value, SNAKE + "array_value")
        or getattr(value, SNAKE + "kvlist_value")
    )


@either_case
class AnyValue(Message):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Int64 | None = None
    double_value: float | None = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None
    bytes_value: Base64 | None = None


class ArrayValue(Message):
    values: list[AnyValue] | None = None
    nesting: Any = field(default=0, name="")  # a number, computed whatever a client writes under the empty name

    def __post_init__(self) -> None:
        self.nesting = _deeper(self.values or [])


class KeyValue(Message):
    key: str | None = None
    value: AnyValue | None = None


class KeyValueList(Message):
    values: list[KeyValue] | None = None
    nesting: Any = field(default=0, name="")

    def __post_init__(self) -> None:
        self.nesting = _deeper([pair.value for pair in self.values or () if pair.value is not None])


@either_case
class EntityRef(Message):
    schema_url: str | None = None
    type: str | None = None
    id_keys: list[str] | None = None
    description_keys: list[str] | None = None


@either_case
class Resource(Message):
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None
    entity_refs: list[EntityRef] | None = None


@either_case
class Scope(Message):
    name: str | None = None
    version: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None


class Status(Message):
    message: str | None = None
    code: Int32 | StatusCode | None = None


@either_case
class Event(Message):
    time_unix_nano: UInt64 | None = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None


@either_case
class Link(Message):
    trace_id: Hex | None = None
    span_id: Hex | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None
    flags: UInt32 | None = None


@either_case
class Span(Message):
    # Looking at three ids with a pattern takes a fifth of the time of decoding: `validate` checks them all at once.
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    flags: UInt32 | None = None
    name: str | None = None
    kind: Int32 | SpanKind | None = None
    start_time_unix_nano: UInt64 | None = None
    end_time_unix_nano: UInt64 | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None
    events: list[Event] | None = None
    dropped_events_count: UInt32 | None = None
    links: list[Link] | None = None
    dropped_links_count: UInt32 | None = None
    status: Status | None = None


@either_case
class ScopeSpans(Message):
    scope: Scope | None = None
    spans: list[Span] | None = None
    schema_url: str | None = None


@either_case
class ResourceSpans(Message):
    resource: Resource | None = None
    scope_spans: list[ScopeSpans] | None = None
    schema_url: str | None = None


@either_case
class Traces(Message):
    resource_spans: list[ResourceSpans] | None = None


@either_case
class LogRecord(Message):
    time_unix_nano: UInt64 | None = None
    observed_time_unix_nano: UInt64 | None = None
    severity_number: Int32 | Severity | None = None
    severity_text: str | None = None
    body: AnyValue | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: UInt32 | None = None
    flags: UInt32 | None = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None


@either_case
class ScopeLogs(Message):
    scope: Scope | None = None
    log_records: list[LogRecord] | None = None
    schema_url: str | None = None


@either_case
class ResourceLogs(Message):
    resource: Resource | None = None
    scope_logs: list[ScopeLogs] | None = None
    schema_url: str | None = None


@either_case
class Logs(Message):
    resource_logs: list[ResourceLogs] | None = None
