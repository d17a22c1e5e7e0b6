"""Sentry envelopes to rows: which item goes to which table."""

from collections.abc import Callable

from consumers.rows.encoder import Encoder
from consumers.rows.sentry import error_events, items, logs, outcomes, spans
from consumers.rows.sentry.envelopes import Content, EventKey, Item, Target
from consumers.rows.tables import Rows
from schemas.record import Record

# Each packs an item into its table, or answers False if the item is not what its type says.
_TABLES: dict[str, Callable[[Item, Target], bool]] = {
    "event": error_events.pack,
    "transaction": spans.pack_transaction,
    "span": spans.pack_spans,
    "log": logs.pack,
    "attachment": items.pack_attachment,
}


def pack(content: Content, record: Record, encoder: Encoder, into: Rows, fresh: set[EventKey]) -> None:
    """Pack every item of an envelope; what has no table of its own, or is not what its type says, is kept as an item.

    An event whose key is not in `fresh` is left out; the key of one that is packed is taken out of it, for an envelope
    may hold an event twice.
    """
    target = Target(content, record, encoder, into)
    for item in content.items:
        if item.key is not None:
            if item.key not in fresh:
                continue
            fresh.discard(item.key)
        if record.chunk is not None:
            items.pack_piece(item, target)
            if record.chunk:
                continue
        elif (packs := _TABLES.get(item.type)) is None or not packs(item, target):
            items.pack(item, target)
        if item.type == "client_report":
            outcomes.report(item, target)
        outcomes.accept(item, target)
    if record.part == 0:
        outcomes.ignore(content.unreadable, target)
