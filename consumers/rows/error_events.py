"""Sentry error events to rows: truncated, never rejected."""

from typing import Any

from consumers.rows import grouping, values
from consumers.rows.binary import NULL, boolean, int2, jsonb, sized, text_array, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.envelopes import Item, Target
from consumers.rows.lenient import hex_id, mapping, moment_ns, sequence, text
from consumers.rows.tables import tuple_of

TAGS_MAX_COUNT = 100
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


def pack(item: Item, target: Target) -> bool:
    """Pack an event; False if it is no JSON object."""
    if item.key is None:
        return False
    event = mapping(item.json)
    encoder = target.encoder
    exception = _exception(event)
    trace = mapping(mapping(event.get("contexts")).get("trace"))
    sdk = mapping(event.get("sdk"))
    sent_at_ns = target.content.sent_at_ns
    kind, value = text(exception.get("type")), text(exception.get("value")) if exception else _message(event)
    target.into.compare("error_events", text(event.get("environment")), 1)
    texts = {
        "platform": event.get("platform"),
        "level": event.get("level") or "error",
        "logger": event.get("logger"),
        "transaction": event.get("transaction"),
        "server_name": event.get("server_name"),
        "release": event.get("release"),
        "dist": event.get("dist"),
        "sdk_environment": event.get("environment"),
        "sdk_name": sdk.get("name"),
        "sdk_version": sdk.get("version"),
        "type": kind,
        "value": value,
        "culprit": _culprit(event, exception),
    }
    fields = {
        **target.common(),
        **{column: encoder.texts(column)[text(content)] for column, content in texts.items()},
        "event_id": sized(item.key[2]),
        "item_type": sized(item.type.encode()),
        "sent_at": NULL if sent_at_ns is None else timestamptz(sent_at_ns),
        "timestamp": timestamptz(_timestamp_ns(event, target)),
        "handled": _handled(exception),
        "trace_id": _id(trace.get("trace_id"), _TRACE_ID_BYTES),
        "span_id": _id(trace.get("span_id"), _SPAN_ID_BYTES),
        **_grouping(event, kind, value),
        "user": _user(event.get("user"), encoder),
        "tags": _tags(event.get("tags"), encoder),
        "payload": _json("payload", event, encoder),
    }
    fields["truncated"] = encoder.truncated()
    target.into.add("error_events", tuple_of("error_events", fields), 1)
    return True


def _exception(event: dict[str, Any]) -> dict[str, Any]:
    """Answer the last exception, the one that was not caught, from a list, `{"values": list}` or a bare object."""
    exception = event.get("exception")
    exceptions = sequence(mapping(exception).get("values") or exception)
    found = [mapping(one) for one in exceptions if isinstance(one, dict)]
    if found:
        return found[-1]
    return {} if "values" in mapping(exception) else mapping(exception)


def _message(event: dict[str, Any]) -> str:
    """Answer the message of an event without an exception."""
    for message in (event.get("logentry"), event.get("message")):
        parts = mapping(message)
        found = text(parts.get("formatted") or parts.get("message")) if parts else text(message)
        if found:
            return found
    return ""


def _culprit(event: dict[str, Any], exception: dict[str, Any]) -> str:
    """Answer where it happened: as the SDK says, else the innermost frame of the app, else the transaction."""
    given = text(event.get("culprit"))
    frames = [mapping(frame) for frame in sequence(mapping(exception.get("stacktrace")).get("frames"))]
    frame = next((frame for frame in reversed(frames) if frame.get("in_app") is True), frames[-1] if frames else {})
    place = text(frame.get("module") or frame.get("filename"))
    function = text(frame.get("function"))
    return (
        given
        or (f"{place} in {function}" if place and function else place or function)
        or text(event.get("transaction"))
    )


def _handled(exception: dict[str, Any]) -> bytes:
    handled = mapping(exception.get("mechanism")).get("handled")
    return boolean(handled) if isinstance(handled, bool) else NULL


def _timestamp_ns(event: dict[str, Any], target: Target) -> int:
    """Answer when it happened; when it was received, if the event does not say or says nonsense."""
    given = event.get("timestamp")
    if given is None:
        return target.record.received_ns
    found_ns = moment_ns(given)
    if found_ns is None:
        target.encoder.notes.append("timestamp")
        return target.record.received_ns
    return found_ns


def _grouping(event: dict[str, Any], kind: str, value: str) -> dict[str, bytes]:
    """Write the columns that say with what the event belongs together."""
    default = grouping.default_parts(kind, value, text(event.get("transaction")))
    given = [text(part) for part in sequence(event.get("fingerprint"))]
    parts = [values.clean_text(part) for part in grouping.expanded(given, default)]
    return {
        "fingerprint": text_array(parts),
        "grouping_hash": sized(grouping.hash_of(parts)),
        "grouping_version": int2(grouping.VERSION),
    }


def _user(value: Any, encoder: Encoder) -> bytes:  # noqa: ANN401 (any JSON value)
    """Write the user; an id may come as a number, and is a text."""
    user = dict(mapping(value))
    if not user:
        return NULL
    if user.get("id") is not None:
        user["id"] = text(user["id"])
    return _json("user", user, encoder)


def _tags(value: Any, encoder: Encoder) -> bytes:  # noqa: ANN401 (any JSON value)
    """Write tags, which come as an object or as pairs, as an object of texts."""
    tags = mapping(value) or {text(pair[0]): pair[1] for pair in map(sequence, sequence(value)) if len(pair) == 2}  # noqa: PLR2004
    if not tags:
        return NULL
    if len(tags) > TAGS_MAX_COUNT:
        encoder.notes.append("tags")
    kept = list(tags.items())[:TAGS_MAX_COUNT]
    return _json("tags", {key: None if tag is None else text(tag) for key, tag in kept}, encoder)


def _json(column: str, value: Any, encoder: Encoder) -> bytes:  # noqa: ANN401 (any JSON value)
    """Write a jsonb column, changed as little as PostgreSQL and the limit of nesting ask."""
    written, is_changed = values.dump(value, encoder.limits.nesting_max_depth)
    if is_changed:
        encoder.notes.append(column)
    return jsonb(written)


def _id(value: Any, size_bytes: int) -> bytes:  # noqa: ANN401 (any JSON value)
    found = hex_id(value, size_bytes)
    return NULL if found is None else sized(found)
