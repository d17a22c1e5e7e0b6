"""Sentry transactions, their spans and span items to rows of `spans`. What has no column is kept in the attributes."""

from typing import Any

from msgspec import Struct

from consumers.rows.binary import NULL, int2, int8, jsonb, sized, timestamptz
from consumers.rows.otlp import gen_ai
from consumers.rows.sentry import headers
from consumers.rows.sentry.envelopes import Item, Target
from consumers.rows.sentry.lenient import mapping, moment_ns, sequence, text
from consumers.rows.sentry.logs import ahead, id_field, objects_of, origin, unwrapped
from consumers.rows.tables import tuple_of

_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_UNSET, _OK, _ERROR = 0, 1, 2
# OTLP's kinds: by the operation of a span, and by the kind that newer SDKs send.
_INTERNAL = 1
_KIND_BY_OPERATION = {"http.server": 2, "http.client": 3, "queue.publish": 4, "queue.process": 5}
_KIND_BY_NAME = {"internal": 1, "server": 2, "client": 3, "producer": 4, "consumer": 5}

_TRANSACTION_COLUMNS = {"transaction", "start_timestamp", "timestamp", "spans", "type"}
_SPAN_COLUMNS = {
    *("trace_id", "span_id", "parent_span_id", "description", "status", "start_timestamp", "timestamp", "data"),
    *("op", "origin"),
}
_V2_COLUMNS = {
    *("trace_id", "span_id", "parent_span_id", "name", "status", "start_timestamp", "end_timestamp", "attributes"),
    *("kind", "links"),
}


class _Span(Struct):
    """A span of any of the three forms, before it is bounded."""

    ids: dict[str, Any]
    name: str
    start: Any
    end: Any
    status: Any
    kind: int
    attributes: dict[str, Any]
    links: list[Any] = []


def pack_transaction(item: Item, target: Target) -> bool:
    """Pack a transaction and its spans; False if it is no JSON object."""
    if item.key is None:
        return False
    event = mapping(item.json)
    trace = mapping(mapping(event.get("contexts")).get("trace"))
    sdk = mapping(event.get("sdk")) or target.content.sdk
    shared = {
        "sentry.environment": event.get("environment"),
        "sentry.release": event.get("release"),
        "sentry.sdk.name": sdk.get("name"),
        "sentry.sdk.version": sdk.get("version"),
    }
    shared = {key: value for key, value in shared.items() if value is not None}
    spans = sequence(event.get("spans"))
    attributes = _attributes(trace, event, _TRANSACTION_COLUMNS) | shared
    attributes |= {"sentry.event_id": item.key[2].hex(), "sentry.is_segment": True}
    if unreadable := [span for span in spans if not isinstance(span, dict)]:
        attributes["sentry.spans"] = unreadable
    root = _Span(
        ids=trace,
        name=text(event.get("transaction")) or text(trace.get("op")),
        start=event.get("start_timestamp"),
        end=event.get("timestamp"),
        status=trace.get("status"),
        kind=_KIND_BY_OPERATION.get(text(trace.get("op")), _INTERNAL),
        attributes=attributes,
    )
    children = [_legacy(mapping(span), trace, shared) for span in spans if isinstance(span, dict)]
    _add([root, *children], item, target)
    return True


def pack_spans(item: Item, target: Target) -> bool:
    """Pack a container of spans, or a single span as older SDKs send it; False if it is neither."""
    spans = objects_of(item)
    if spans is not None:
        _add([_second(span) for span in spans], item, target)
        return True
    span = mapping(item.json)
    if "span_id" not in span:
        return False
    _add([_legacy(span, {}, {})], item, target)
    return True


def _legacy(span: dict[str, Any], trace: dict[str, Any], shared: dict[str, Any]) -> _Span:
    """Read a span as transactions carry them."""
    operation = text(span.get("op"))
    return _Span(
        ids={"trace_id": trace.get("trace_id")} | span,
        name=text(span.get("description")) or operation,
        start=span.get("start_timestamp"),
        end=span.get("timestamp"),
        status=span.get("status"),
        kind=_KIND_BY_OPERATION.get(operation, _INTERNAL),
        attributes=shared | _attributes(span, span, _SPAN_COLUMNS),
    )


def _second(span: dict[str, Any]) -> _Span:
    """Read a span of a container (span protocol, version 2)."""
    attributes = unwrapped(span, _V2_COLUMNS)
    operation = text(attributes.get("sentry.op"))
    return _Span(
        ids=span,
        name=text(span.get("name")) or operation,
        start=span.get("start_timestamp"),
        end=span.get("end_timestamp"),
        status=span.get("status"),
        kind=_KIND_BY_NAME.get(text(span.get("kind")).lower()) or _KIND_BY_OPERATION.get(operation, _INTERNAL),
        attributes=attributes,
        links=sequence(span.get("links")),
    )


def _attributes(holder: dict[str, Any], item: dict[str, Any], in_columns: set[str]) -> dict[str, Any]:
    """Answer the attributes in `data`, the operation and its origin, and each other field as `sentry.<field>`."""
    ours = {f"sentry.{key}": holder[key] for key in ("op", "origin") if holder.get(key)}
    ours |= {f"sentry.{key}": value for key, value in item.items() if key not in in_columns}
    return ahead(ours, mapping(holder.get("data")))


def _add(spans: list[_Span], item: Item, target: Target) -> None:
    """Add the spans of an item; the first has what the headers say."""
    for first in spans[:1]:
        first.attributes = ahead(headers.attributes(item, target), first.attributes)
    tuples = b"".join([_tuple(span, target) for span in spans])
    target.into.add("spans", tuples, len(spans))


def _tuple(span: _Span, target: Target) -> bytes:
    """Write one span."""
    encoder = target.encoder
    attributes, dropped = encoder.object(span.attributes)
    start_ns, duration_ns = _times(span, target)
    code, message = _status(span.status)
    target.into.compare("spans", text(span.attributes.get("sentry.environment")), 1)
    fields = {
        **target.common(),
        **origin(span.attributes, encoder),
        "trace_id": id_field("trace_id", span.ids.get("trace_id"), _TRACE_ID_BYTES, encoder),
        "span_id": id_field("span_id", span.ids.get("span_id"), _SPAN_ID_BYTES, encoder),
        "parent_span_id": id_field("parent_span_id", span.ids.get("parent_span_id"), _SPAN_ID_BYTES, encoder),
        "kind": int2(span.kind),
        "start_ns": int8(start_ns),
        "start_ts": timestamptz(start_ns),
        "duration_ns": int8(duration_ns),
        "status_code": int2(code),
        "status_message": encoder.texts("status_message")[message],
        "flags": int8(0),
        "name": encoder.texts("name", empty=sized(b""))[span.name],
        "attributes": jsonb(attributes),
        "links": jsonb(encoder.json("links", span.links)) if span.links else NULL,
        "dropped_attributes_count": int8(dropped),
        "dropped_events_count": int8(0),
        "dropped_links_count": int8(0),
        **gen_ai.fields(span.attributes, encoder),
    }
    fields["truncated"] = encoder.truncated()
    return tuple_of("spans", fields)


def _times(span: _Span, target: Target) -> tuple[int, int]:
    """Answer when a span started and how long it took, in ns; what cannot be read is the time of receipt, and named."""
    notes = target.encoder.notes
    end_ns = moment_ns(span.end)
    start_ns = moment_ns(span.start)
    if start_ns is None:
        notes.append("start_ns")
        start_ns = target.record.received_ns if end_ns is None else end_ns
    if end_ns is None or end_ns < start_ns:
        notes.append("duration_ns")
        end_ns = start_ns
    return start_ns, end_ns - start_ns


def _status(status: Any) -> tuple[int, str]:  # noqa: ANN401 (any JSON value)
    """Answer OTLP's status code and message for a status of Sentry, which knows many kinds of error."""
    name = text(status)
    if name in {"", "unset", "unknown"}:
        return _UNSET, ""
    return (_OK, "") if name == "ok" else (_ERROR, name)
