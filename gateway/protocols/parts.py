"""Part: what one record holds of a request that is larger than a record."""

from msgspec import Struct, structs

from schemas.record import Record


class Part(Struct, frozen=True, gc=False):
    """A payload that stands for itself, decompressed; for `item`, `chunk` and `item_bytes` see `schemas.record`."""

    value: bytes
    item: int = 0
    chunk: int | None = None
    item_bytes: int = 0


class Sizes(Struct, frozen=True):
    """What parts are cut to.

    A part has `record_max_bytes`, or is one item: that may have `item_max_bytes`, and with what comes with it
    `value_max_bytes`.
    """

    record_max_bytes: int
    item_max_bytes: int
    value_max_bytes: int


def record_of_part(whole: Record, number: int, part: Part) -> Record:
    """Answer the record of a part of a payload: what is said of the whole, and the part's own."""
    return structs.replace(
        whole,
        inflated_bytes=len(part.value),
        part=number,
        value=part.value,
        item=part.item,
        chunk=part.chunk,
        item_bytes=part.item_bytes,
    )
