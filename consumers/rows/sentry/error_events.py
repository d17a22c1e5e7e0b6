"""Sentry error events to rows: truncated, never rejected."""

from functools import partial
from typing import Any

from consumers.rows import values
from consumers.rows.binary import NULL, boolean, int2, sized, text_array, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.sentry import grouping, headers
from consumers.rows.sentry.envelopes import Item, Target
from consumers.rows.sentry.error_facts import Facts, culprit_of, facts_of, tags_of, variable
from consumers.rows.sentry.lenient import hex_id, mapping, moment_ns, sequence, text
from consumers.rows.tables import tuple_of

TAGS_MAX_COUNT = 100
_TRACE_ID_BYTES, _SPAN_ID_BYTES = 16, 8


def pack(item: Item, target: Target) -> bool:
    """Pack an event; False if it is no JSON object."""
    if item.key is None:
        return False
    event = mapping(item.json)
    encoder = target.encoder
    facts = facts_of(event)
    if not facts.is_level_known:
        encoder.notes.append("level")
    trace = mapping(mapping(event.get("contexts")).get("trace"))
    sdk = mapping(event.get("sdk")) or target.content.sdk
    sent_at_ns = target.content.sent_at_ns
    target.into.compare("error_events", text(event.get("environment")), 1)
    texts = {
        "platform": event.get("platform"),
        "level": facts.level,
        "logger": event.get("logger"),
        "transaction": event.get("transaction"),
        "server_name": event.get("server_name"),
        "release": event.get("release"),
        "dist": event.get("dist"),
        "sdk_environment": event.get("environment"),
        "sdk_name": sdk.get("name"),
        "sdk_version": sdk.get("version"),
        "type": facts.type,
        "value": facts.value,
        "culprit": culprit_of(event, facts),
    }
    fields = {
        **target.common(),
        **{column: encoder.texts(column)[text(content)] for column, content in texts.items()},
        "event_id": sized(item.key[2]),
        "item_type": sized(item.type.encode()),
        "sent_at": NULL if sent_at_ns is None else timestamptz(sent_at_ns),
        "timestamp": timestamptz(_timestamp_ns(event, target)),
        "handled": _handled(facts.exception),
        "trace_id": _id(trace.get("trace_id"), _TRACE_ID_BYTES),
        "span_id": _id(trace.get("span_id"), _SPAN_ID_BYTES),
        **_grouping(event, facts),
        "user": _user(event.get("user") or event.get("sentry.interfaces.User"), encoder),
        "tags": _tags(tags_of(event), encoder),
        **headers.columns(item, target),
        "payload": encoder.whole_json("payload", event),
    }
    fields["truncated"] = encoder.truncated()
    target.into.add("error_events", tuple_of("error_events", fields), 1)
    return True


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


def _grouping(event: dict[str, Any], facts: Facts) -> dict[str, bytes]:
    """Write the columns that say with what the event belongs together."""
    default = grouping.default_parts(facts.type, facts.template, text(event.get("transaction")))
    fingerprint = event.get("fingerprint")
    given = [fingerprint] if isinstance(fingerprint, str) and fingerprint else sequence(fingerprint)
    named = [text(part) for part in given if part is not None]
    parts = [values.clean_text(part) for part in grouping.expanded(named, default, partial(variable, event, facts))]
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
    return encoder.whole_json("user", user)


def _tags(tags: dict[str, Any], encoder: Encoder) -> bytes:
    """Write tags as an object of texts, as many as are taken."""
    if not tags:
        return NULL
    if len(tags) > TAGS_MAX_COUNT:
        encoder.notes.append("tags")
    kept = list(tags.items())[:TAGS_MAX_COUNT]
    return encoder.whole_json("tags", {key: None if tag is None else text(tag) for key, tag in kept})


def _id(value: Any, size_bytes: int) -> bytes:  # noqa: ANN401 (any JSON value)
    found = hex_id(value, size_bytes)
    return NULL if found is None else sized(found)
