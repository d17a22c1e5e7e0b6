"""What the headers of envelopes and items say that no column holds: in columns of their own, or among attributes."""

from typing import Any

from consumers.rows.binary import NULL
from consumers.rows.encoder import Encoder
from consumers.rows.sentry.envelopes import Item, Target

# What columns hold of an item's header, or what says how the payload is written.
_KNOWN = {"type", "length", "content_type"}
_KNOWN_OF = {
    "attachment": {*_KNOWN, "filename", "attachment_type"},
    "log": {*_KNOWN, "item_count"},
    "span": {*_KNOWN, "item_count"},
}


def columns(item: Item, target: Target) -> dict[str, bytes]:
    """Write the columns `headers` and `envelope_headers` of an item that is one row."""
    return {
        "headers": column("headers", _unknown(item), target.encoder),
        "envelope_headers": column("envelope_headers", target.content.headers, target.encoder),
    }


def column(name: str, headers: dict[str, Any], encoder: Encoder) -> bytes:
    """Write headers as a column; none are null."""
    return encoder.whole_json(name, headers) if headers else NULL


def attributes(item: Item, target: Target) -> dict[str, Any]:
    """Answer the headers as attributes, for the first row of an item that is several."""
    found = {"sentry.item_headers": _unknown(item), "sentry.envelope_headers": target.content.headers}
    return {name: headers for name, headers in found.items() if headers}


def _unknown(item: Item) -> dict[str, Any]:
    known = _KNOWN_OF.get(item.type, _KNOWN)
    return {key: value for key, value in item.headers.items() if key not in known}
