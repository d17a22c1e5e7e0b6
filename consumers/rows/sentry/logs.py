"""Sentry log containers to rows of `logs`."""

from collections.abc import Mapping
from typing import Any

from consumers.rows.binary import NULL, int2, int8, jsonb, sized, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.sentry import headers
from consumers.rows.sentry.envelopes import Item, Target
from consumers.rows.sentry.lenient import hex_id, mapping, moment_ns, sequence, text
from consumers.rows.tables import tuple_of
from schemas.stored import INDEXED_TEXT_MAX_BYTES

SOURCE = sized(b"sentry")
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8
_SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "warning": 13, "error": 17, "fatal": 21}
_SEVERITY_MAX = 24
_IN_COLUMNS = {"timestamp", "trace_id", "span_id", "level", "severity_number", "body", "attributes"}


def pack(item: Item, target: Target) -> bool:
    """Pack the logs of a container; False if it is none."""
    logs = objects_of(item)
    if logs is None:
        return False
    of_first = headers.attributes(item, target)
    for number, log in enumerate(logs):
        target.into.add("logs", _tuple(log, {} if number else of_first, target), 1)
    return True


def objects_of(item: Item) -> list[dict[str, Any]] | None:
    """Answer what stands in a container `{"items": [...]}`; None if that is not a list of objects."""
    items = mapping(item.json).get("items")
    if not isinstance(items, list) or not all(isinstance(one, dict) for one in sequence(items)):
        return None
    return [mapping(one) for one in sequence(items)]


def unwrapped(item: Mapping[str, Any], in_columns: set[str]) -> dict[str, Any]:
    """Answer the attributes of a container's item, without their types, and its other fields as `sentry.<field>`."""
    attributes = {key: mapping(value).get("value", value) for key, value in mapping(item.get("attributes")).items()}
    return ahead({f"sentry.{key}": value for key, value in item.items() if key not in in_columns}, attributes)


def ahead(ours: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Answer attributes, ours before those that were given: a limit cuts the last ones. Where both are, ours count."""
    return ours | {key: value for key, value in given.items() if key not in ours}


def origin(attributes: Mapping[str, Any], encoder: Encoder) -> dict[str, bytes]:
    """Write the columns that OTLP takes from a resource and a scope, from the attributes that stand for them."""
    service = text(attributes.get("service.name"))
    return {
        "source": SOURCE,
        "service_name": encoder.text("service_name", service, INDEXED_TEXT_MAX_BYTES) if service else NULL,
        "event_environment": encoder.texts("event_environment")[text(attributes.get("sentry.environment"))],
        "scope_name": encoder.texts("scope_name")[text(attributes.get("sentry.sdk.name"))],
        "scope_version": encoder.texts("scope_version")[text(attributes.get("sentry.sdk.version"))],
    }


def id_field(column: str, value: Any, size_bytes: int, encoder: Encoder) -> bytes:  # noqa: ANN401 (any JSON value)
    """Write an id; one that is none is null, and named if it was given."""
    found = hex_id(value, size_bytes)
    if found is not None:
        return sized(found)
    if value:
        encoder.notes.append(column)
    return NULL


def _tuple(log: dict[str, Any], more: dict[str, Any], target: Target) -> bytes:
    """Write one log, with more attributes than its own."""
    encoder = target.encoder
    members = ahead(more, unwrapped(log, _IN_COLUMNS))
    attributes, dropped = encoder.object(members)
    time_ns = moment_ns(log.get("timestamp"))
    if time_ns is None and log.get("timestamp") is not None:
        encoder.notes.append("time_ns")
    level = text(log.get("level"))
    body = log.get("body")
    target.into.compare("logs", text(members.get("sentry.environment")), 1)
    fields = {
        **target.common(),
        **origin(members, encoder),
        "ts": timestamptz(target.record.received_ns if time_ns is None else time_ns),
        "time_ns": NULL if time_ns is None else int8(time_ns),
        "severity_number": int2(_severity(log.get("severity_number"), level)),
        "severity_text": encoder.texts("severity_text")[level],
        "body": NULL if body is None else jsonb(encoder.json("body", body)),
        "body_text": encoder.text("body", body) if isinstance(body, str) else NULL,
        "trace_id": id_field("trace_id", log.get("trace_id"), _TRACE_ID_BYTES, encoder),
        "span_id": id_field("span_id", log.get("span_id"), _SPAN_ID_BYTES, encoder),
        "flags": int8(0),
        "attributes": jsonb(attributes),
        "dropped_attributes_count": int8(dropped),
    }
    fields["truncated"] = encoder.truncated()
    return tuple_of("logs", fields)


def _severity(number: Any, level: str) -> int:  # noqa: ANN401 (any JSON value)
    """Answer OTLP's severity number, as the SDK gives it or as its level says; 0 if neither does."""
    if isinstance(number, int) and 1 <= number <= _SEVERITY_MAX:
        return number
    return _SEVERITIES.get(level.lower(), 0)
