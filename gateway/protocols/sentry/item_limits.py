"""What one envelope may carry: how large each type of item may be, how many there may be, and what they must say.

Source: getsentry/relay's limits, which SDKs are written for. Too large is 413 and never 400: mobile SDKs send a 400
again for ever.
"""

from typing import Any, cast

import msgspec
from msgspec import Raw, Struct

from gateway.protocols.sentry.envelope import CONTAINERS, Envelope, Item
from gateway.protocols.text import BOM, read_json
from gateway.runtime.settings import Limits
from schemas.errors import Malformed, PayloadTooLarge

# The setting that bounds an item's payload, and the types that it bounds; what is not here only the envelope bounds.
_SIZES: dict[str, tuple[str, ...]] = {
    "event_max_bytes": (
        *("event", "transaction", "security", "raw_security", "nel"),
        *("feedback", "user_report", "replay_event"),
    ),
    "attachment_max_bytes": ("attachment", "unreal_report"),
    "container_max_bytes": ("log", "span", "trace_metric"),
    "check_in_max_bytes": ("check_in",),
    "client_report_max_bytes": ("client_report",),
    "profile_max_bytes": ("profile", "profile_chunk"),
    "replay_recording_max_bytes": ("replay_recording", "replay_video"),
}
# Types that are counted together, and the setting that says how many of them an envelope may have.
_COUNTS: dict[str, tuple[str, ...]] = {
    "attachments_max_count": ("attachment",),
    "sessions_max_count": ("session", "sessions"),
}
_CONTAINER_TYPE = "application/vnd.sentry.items."


class _Container(Struct):
    items: list[Raw]


_CONTAINER = msgspec.json.Decoder(_Container)


class ItemLimits:
    """The limits of items, looked up once."""

    def __init__(self, limits: Limits) -> None:
        self._max_bytes: dict[str, int] = {
            item_type: getattr(limits, setting) for setting, types in _SIZES.items() for item_type in types
        }
        self._max_count: dict[str, tuple[str, int]] = {
            item_type: (types[0], getattr(limits, setting)) for setting, types in _COUNTS.items() for item_type in types
        }

    def check(self, envelope: Envelope) -> None:
        """Return if every item is within its limits, and every container holds as many items as it says.

        Raises:
            PayloadTooLarge: an item is too large, or there are too many of its type.
            Malformed: a container holds another number of items.
        """
        counts: dict[str, int] = {}
        for number, item in enumerate(envelope.items):
            size_bytes, max_bytes = len(item.payload), self._max_bytes.get(item.type)
            if max_bytes is not None and size_bytes > max_bytes:
                raise PayloadTooLarge(
                    f"Item {number} ({item.type}) has {size_bytes} bytes; at most {max_bytes} are taken."
                )
            if item.type in CONTAINERS and is_container(item):
                group, max_count = f"container of type {item.type}", 1
                _check_item_count(number, item)
            else:
                group, max_count = self._max_count.get(item.type, ("", 0))
            if group:
                counts[group] = counts.get(group, 0) + 1
                if counts[group] > max_count:
                    raise PayloadTooLarge(f"The envelope has more than {max_count} {group}; send them in parts.")


def is_container(item: Item) -> bool:
    """Tell a container of many items from a single one, which is how spans came at first."""
    content_type = item.headers.get("content_type")
    return "item_count" in item.headers or (isinstance(content_type, str) and content_type.startswith(_CONTAINER_TYPE))


def _check_item_count(number: int, item: Item) -> None:
    said = item.headers.get("item_count")
    if said is None:
        return
    found = _items_count(item.content())
    if isinstance(said, bool) or said != found:
        raise Malformed(
            f"Item {number} ({item.type}) says item_count {str(said)[:20]}, but "
            + ("its payload is no list of items." if found is None else f"{found} items are in it.")
        )


def _items_count(payload: bytes) -> int | None:
    """Count the items of a container; None where it holds no list of them."""
    try:
        return len(_CONTAINER.decode(payload.removeprefix(BOM)).items)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # NaN, or text that is no UTF-8: look again, laxly
    try:
        found: Any = read_json(payload)
    except Malformed:
        return None
    items: Any = cast("dict[str, Any]", found).get("items") if isinstance(found, dict) else None
    return len(cast("list[Any]", items)) if isinstance(items, list) else None
