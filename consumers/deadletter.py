"""Dead letters: what can never be stored is kept with its reason, its place and its original bytes."""

import base64

import msgspec
from msgspec import Struct

from consumers.batching import Entry, Partition

_DETAIL_MAX_CHARS = 2_000


class DeadLetter(Struct):
    """One message that is set aside. `reason` is a snake_case word, `detail` a sentence."""

    partition: Partition
    offset: int
    reason: str
    detail: str
    headers: str
    value: bytes | None


def dead_letter(partition: Partition, entry: Entry, *, reason: str, detail: str) -> DeadLetter:
    """Set one entry aside, with everything that a replay needs."""
    return DeadLetter(
        partition=partition,
        offset=entry.offset,
        reason=reason,
        detail=_storable(detail),
        headers=_headers_json(entry.headers),
        value=entry.value,
    )


def gap(partition: Partition, *, next_offset: int, first_offset: int) -> DeadLetter:
    """Record that Kafka no longer has the offset at which a partition is to be read on."""
    return DeadLetter(
        partition=partition,
        offset=next_offset,
        reason="offset_out_of_range",
        detail=(
            f"Offset {next_offset} of {partition.topic}/{partition.part} is not in the log, which begins at "
            f"{first_offset}. The partition is stopped. Find out what was lost, set next_offset of its row in "
            "ingest_offset to where it is to be read on, and restart the workers."
        ),
        headers="[]",
        value=None,
    )


def _storable(text: str) -> str:
    """Make a text that PostgreSQL takes: no U+0000, no half of a surrogate pair, not endless."""
    return text[:_DETAIL_MAX_CHARS].encode(errors="replace").decode().replace("\0", "�")


def _headers_json(headers: tuple[tuple[str, bytes], ...]) -> str:
    """Write headers as [[name, text or {"base64": ...}], ...], from which the bytes can be had back."""
    return msgspec.json.encode([[_storable(name), _value_json(value)] for name, value in headers]).decode()


def _value_json(value: bytes) -> str | dict[str, str]:
    """Write a header's value as text where it is text that PostgreSQL takes."""
    if b"\0" not in value:
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    return {"base64": base64.b64encode(value).decode()}
