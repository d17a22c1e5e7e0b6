"""Record: the one value that crosses a topic, with its headers and their version."""

from collections.abc import Iterable

from msgspec import Struct

from schemas.errors import PoisonRecord
from schemas.signals import Encoding, Format, Signal

VERSION = b"1"
# What a worker that knows only the first version would store wrongly: it takes a piece of an item for the whole.
_VERSION_OF_PIECES = b"2"
_VERSIONS = (VERSION, _VERSION_OF_PIECES)


class Record(Struct, frozen=True, gc=False):
    """One accepted request, or one part of it, as it travels through Kafka.

    `value` holds the accepted bytes as they came (`encoding` says whether they are still compressed), and
    `inflated_bytes` their length once inflated. `ingest_id` is a UUIDv7 (16 bytes); together with `part` it names this
    record for ever. `credential_id` is the public id of the key or token, never the key.

    Of a request that was split: `item` is the number, within the whole envelope, of the first item that this part
    holds. Where one item is larger than a record, the part's envelope holds a piece of it: `chunk` is the number of
    that piece and `item_bytes` the size of the whole item; else they are None and 0.
    """

    signal: Signal
    format: Format
    encoding: Encoding
    inflated_bytes: int
    channel_id: int
    credential_id: str
    ingest_id: bytes
    part: int
    received_ns: int
    value: bytes
    item: int = 0
    chunk: int | None = None
    item_bytes: int = 0


def headers_of(record: Record) -> list[tuple[str, bytes]]:
    """Write a record's Kafka headers; `record_of` reads them. Most records need none of the last three."""
    is_piece = bool(record.item) or record.chunk is not None
    headers = [
        ("v", _VERSION_OF_PIECES if is_piece else VERSION),
        ("s", record.signal.encode()),
        ("f", record.format.encode()),
        ("e", record.encoding.encode()),
        ("n", b"%d" % record.inflated_bytes),
        ("c", b"%d" % record.channel_id),
        ("k", record.credential_id.encode()),
        ("i", record.ingest_id),
        ("p", b"%d" % record.part),
        ("t", b"%d" % record.received_ns),
    ]
    if is_piece:
        headers.append(("x", b"%d" % record.item))
    if record.chunk is not None:
        headers += [("h", b"%d" % record.chunk), ("w", b"%d" % record.item_bytes)]
    return headers


def record_of(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Record:
    """Read a record from a Kafka message.

    Raises:
        PoisonRecord: a header is missing or wrong, the version is unknown, or there is no value.
    """
    fields = dict(headers)
    version = fields.get("v")
    if version not in _VERSIONS:
        msg = f"The record's schema version is {version!r}; this worker reads {VERSION!r} and {_VERSION_OF_PIECES!r}."
        raise PoisonRecord(msg, reason="schema_version")
    if value is None:
        msg = "The record has no value."
        raise PoisonRecord(msg, reason="no_value")
    try:
        record = Record(
            signal=Signal(fields["s"].decode()),
            format=Format(fields["f"].decode()),
            encoding=Encoding(fields["e"].decode()),
            inflated_bytes=int(fields["n"]),
            channel_id=int(fields["c"]),
            credential_id=fields["k"].decode(),
            ingest_id=fields["i"],
            part=int(fields["p"]),
            received_ns=int(fields["t"]),
            value=value,
            item=int(fields.get("x", b"0")),
            chunk=int(fields["h"]) if "h" in fields else None,
            item_bytes=int(fields["w"]) if "h" in fields else 0,
        )
    except (KeyError, ValueError) as error:
        msg = f"The record's headers cannot be read: {error!r}."
        raise PoisonRecord(msg, reason="headers") from error
    if len(record.ingest_id) != 16:  # noqa: PLR2004 (a UUID is 16 bytes)
        msg = f"The record's ingest id has {len(record.ingest_id)} bytes, not 16."
        raise PoisonRecord(msg, reason="headers")
    return record
