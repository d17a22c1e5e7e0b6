"""Sentry items that are kept as they came, and attachments, in rows of one chunk each, as are large items."""

from consumers.rows import values
from consumers.rows.binary import NULL, int4, int8, jsonb, sized
from consumers.rows.sentry import headers
from consumers.rows.sentry.envelopes import Item, Target
from consumers.rows.sentry.lenient import text
from consumers.rows.tables import tuple_of
from gateway.protocols.sentry.categories import categories_of
from schemas.stored import INDEXED_TEXT_MAX_BYTES

CHUNK_BYTES = 1024 * 1024


def pack(item: Item, target: Target) -> None:
    """Keep an item: its type, category, headers and payload, and its JSON where that is an object or a list."""
    encoder = target.encoder
    piece = target.record.chunk
    max_depth = encoder.limits.nesting_max_depth
    own = item.headers if piece is None else item.headers | {"length": target.record.item_bytes}
    is_json = isinstance(item.json, dict | list)
    categories = categories_of(item.type, item.headers, item.payload, target.content.sdk)
    fields = {
        **target.common(),
        "item": int4(item.index),
        "event_id": _event_id(item, target),
        "type": encoder.text("type", item.type, INDEXED_TEXT_MAX_BYTES),
        "category": sized(categories[0].encode()) if categories else NULL,
        "headers": jsonb(values.dump(own, max_depth)[0]),
        "envelope_headers": headers.column("envelope_headers", target.content.headers, encoder),
        "json": jsonb(values.dump(item.json, max_depth)[0]) if is_json else NULL,
        "payload": sized(item.payload) if piece is None else sized(b""),
        "payload_bytes": NULL if piece is None else int8(target.record.item_bytes),
    }
    # This table has no column `truncated`: the payload itself stands in it untouched.
    encoder.notes.clear()
    target.into.add("sentry_items", tuple_of("sentry_items", fields), 1)


def pack_piece(item: Item, target: Target) -> None:
    """Store a piece of an item that is larger than a record; with the first one, what else is kept of the item."""
    is_attachment = item.type == "attachment"
    is_first = target.record.chunk == 0
    if is_first and not is_attachment:
        pack(item, target)
    fields = _of_attachment(item, target)
    fields |= _of_chunk(target.record.chunk or 0, item.payload, item, target)
    target.into.add("attachments", tuple_of("attachments", fields), 1 if is_first and is_attachment else 0)


def pack_attachment(item: Item, target: Target) -> bool:
    """Store an attachment in chunks; an empty one is one empty chunk. It counts once."""
    fields = _of_attachment(item, target)
    for chunk, start in enumerate(range(0, len(item.payload) or 1, CHUNK_BYTES)):
        of_chunk = _of_chunk(chunk, item.payload[start : start + CHUNK_BYTES], item, target)
        target.into.add("attachments", tuple_of("attachments", fields | of_chunk), 1 if chunk == 0 else 0)
    return True


def _of_attachment(item: Item, target: Target) -> dict[str, bytes]:
    """Write the columns that all chunks of an item have in common."""
    encoder = target.encoder
    fields = {
        **target.common(),
        "item": int4(item.index),
        "event_id": _event_id(item, target),
        "filename": encoder.texts("filename")[text(item.headers.get("filename"))],
        "content_type": encoder.texts("content_type")[text(item.headers.get("content_type"))],
        "attachment_type": encoder.texts("attachment_type")[text(item.headers.get("attachment_type"))],
        "item_type": encoder.text("item_type", item.type, INDEXED_TEXT_MAX_BYTES),
        "size_bytes": int8(target.record.item_bytes or len(item.payload)),
    }
    encoder.notes.clear()
    return fields


def _of_chunk(number: int, data: bytes, item: Item, target: Target) -> dict[str, bytes]:
    """Write the columns of one chunk; the first has what the headers say."""
    fields = {"chunk": int4(number), "data": sized(data)}
    if number == 0:
        fields |= headers.columns(item, target)
        target.encoder.notes.clear()
    return fields


def _event_id(item: Item, target: Target) -> bytes:
    """Write the event that an item belongs to."""
    event_id = item.key[2] if item.key else target.content.event_id
    return NULL if event_id is None else sized(event_id)
