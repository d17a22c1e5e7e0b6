"""What became of Sentry's items: those that are stored, and those that clients report that they did not send.

Source of client reports: develop.sentry.dev, Client Reports.
"""

import re
from typing import Any

from consumers.rows.sentry.envelopes import Item, Target
from consumers.rows.sentry.lenient import mapping, moment_ns, sequence
from gateway.protocols.sentry.categories import categories_of
from gateway.protocols.sentry.envelope import CONTAINERS

_NS_PER_MINUTE = 60 * 10**9
_ACCEPTED, _IGNORED, _OTHER = "accepted", "ignored", "other"
_REPORTED = {
    "discarded_events": "client_discard",
    "rate_limited_events": "rate_limited",
    "filtered_events": "filtered",
    "filtered_sampling_events": "filtered_sampling",
}

# Reasons and categories are the client's texts, and stand in a key: what has not this form is `other`, and so is what
# one report has beyond so many.
_NAME = re.compile(r"[\w.:/-]{1,64}", re.ASCII)
_NAMES_MAX_COUNT = 100
_QUANTITY_MAX = 10**9
# Reports may wait for the network; a time further off is a clock that is wrong.
_PAST_MAX_NS, _FUTURE_MAX_NS = 24 * 60 * _NS_PER_MINUTE, _NS_PER_MINUTE


def accept(item: Item, target: Target) -> None:
    """Count an item that is stored; a container as what it contains, and `log_byte` in bytes."""
    minute = target.record.received_ns // _NS_PER_MINUTE
    for category in categories_of(item.type, item.headers, item.payload, target.content.sdk):
        size_bytes = target.record.item_bytes or len(item.payload)
        quantity = size_bytes if category == "log_byte" else _contained_count(item, target)
        if quantity:
            target.into.note_outcome((minute, _ACCEPTED, "", category), quantity)


def ignore(names: list[str], target: Target) -> None:
    """Count parts of an envelope's header that cannot be read, and that nothing is refused for."""
    minute = target.record.received_ns // _NS_PER_MINUTE
    for name in names:
        target.into.note_outcome((minute, _IGNORED, name, ""), 1)


def report(item: Item, target: Target) -> None:
    """Count what a client report says, at its time; at that of receipt where it names none that can be."""
    given = mapping(item.json)
    received_ns = target.record.received_ns
    at_ns = moment_ns(given.get("timestamp"))
    if at_ns is None or not received_ns - _PAST_MAX_NS <= at_ns <= received_ns + _FUTURE_MAX_NS:
        if given.get("timestamp") is not None:
            ignore(["timestamp"], target)
        at_ns = received_ns
    found: dict[tuple[str, str, str], int] = {}
    for field, outcome in _REPORTED.items():
        for each in map(mapping, sequence(given.get(field))):
            key = (outcome, _name(each.get("reason")), _name(each.get("category")))
            if key not in found and len(found) >= _NAMES_MAX_COUNT:
                key = (outcome, _OTHER, _OTHER)
            found[key] = found.get(key, 0) + _quantity(each.get("quantity"))
    for key, quantity in found.items():
        if quantity:
            target.into.note_outcome((at_ns // _NS_PER_MINUTE, *key), quantity)


def _contained_count(item: Item, target: Target) -> int:
    """Answer how many an item counts for; of a container in pieces there is no JSON, but the edge saw what it says."""
    if target.record.chunk is not None and item.type in CONTAINERS:
        return int(item.headers.get("item_count") or 1)
    items = mapping(item.json).get("items") if item.type in CONTAINERS else None
    return len(sequence(items)) if isinstance(items, list) else 1


def _name(value: Any) -> str:  # noqa: ANN401 (any JSON value)
    return value if isinstance(value, str) and _NAME.fullmatch(value) else _OTHER


def _quantity(value: Any) -> int:  # noqa: ANN401 (any JSON value)
    """Answer a number of items; what is none counts nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return 0
    return int(min(value, _QUANTITY_MAX))
