"""What a record's headers say about its value, and what happens if they are wrong."""

import gzip
import json

import pytest
from google.protobuf.json_format import MessageToDict

from consumers.rows.packing import decode, pack
from consumers.rows.tables import Rows
from gateway.runtime.settings import Limits
from schemas.errors import PoisonRecord
from schemas.record import Record
from schemas.signals import Encoding, Format, Signal
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp, record_of
from tests.unit.rows.requests import span
from tests.unit.rows.whole import surrounded

REQUEST = surrounded(span(attributes={"k": [1, {"n": None}], "s": "x" * 200}))


def packed(record: Record) -> Rows:
    rows = Rows()
    pack(decode(record, Limits()), rows, set())
    return rows


def test_gzip_and_json_pack_to_the_same_rows() -> None:
    plain = otlp(Signal.TRACES, REQUEST)
    fields = MessageToDict(REQUEST)
    (sent,) = fields["resourceSpans"][0]["scopeSpans"][0]["spans"]
    sent["traceId"], sent["spanId"] = (b"t" * 16).hex(), (b"s" * 8).hex()
    as_json = json.dumps(fields).encode()
    expected = packed(plain)
    for record in (
        record_of(
            Signal.TRACES,
            Format.PROTOBUF,
            gzip.compress(plain.value),
            encoding=Encoding.GZIP,
            inflated_bytes=len(plain.value),
        ),
        record_of(Signal.TRACES, Format.JSON, as_json),
    ):
        found = packed(record)
        assert (found.copy, found.counts, found.resources) == (expected.copy, expected.counts, expected.resources)


@pytest.mark.parametrize(
    "record",
    [
        record_of(Signal.TRACES, Format.PROTOBUF, b"\xff"),
        record_of(Signal.LOGS, Format.JSON, b"{"),
        record_of(Signal.SENTRY, Format.ENVELOPE, b"no envelope"),
        record_of(Signal.TRACES, Format.PROTOBUF, b"no gzip", encoding=Encoding.GZIP),
        record_of(Signal.TRACES, Format.PROTOBUF, gzip.compress(bytes(100)), encoding=Encoding.GZIP, inflated_bytes=99),
    ],
)
def test_a_value_that_is_not_what_its_headers_say_is_poison(record: Record) -> None:
    with pytest.raises(PoisonRecord) as caught:
        decode(record, Limits())
    assert caught.value.reason == "malformed"
    assert caught.value.message.startswith("The record's value cannot be read: ")


def test_an_attribute_that_is_no_key_value_is_poison() -> None:
    request = REQUEST.SerializeToString()
    broken = request.replace(b"\x0a\x01k\x12", b"\x0a\x01k\xff")
    assert broken != request
    with pytest.raises(PoisonRecord) as caught:
        packed(record_of(Signal.TRACES, Format.PROTOBUF, broken))
    assert caught.value.reason == "unpackable"


def test_an_event_that_is_packed_is_no_longer_fresh() -> None:
    decoded = decode(envelope(item("event", {"event_id": "f" * 32})), Limits())
    other = (1, "event", b"another event id")
    fresh = {*decoded.events, other}
    pack(decoded, Rows(), fresh)
    assert fresh == {other}


@pytest.mark.clause("Sentry d1")
@pytest.mark.parametrize("depth", [70, 300, 1_000, 3_000, 100_000])
@pytest.mark.parametrize("field", ["exception", "message", "tags", "user", "fingerprint", "contexts", "level", "extra"])
def test_however_deep_an_event_nests_it_is_no_dead_letter(field: str, depth: int) -> None:
    deep = b'{"%b": %b1%b}' % (field.encode(), b'[{"a":' * depth, b"}]" * depth)
    decoded = decode(envelope(item("event", deep), item("event", {"message": "m"}), event_id="e" * 32), Limits())
    rows = Rows()
    pack(decoded, rows, set(decoded.events))
    # What no JSON reader takes is kept as it came; an id that both events share stands for one of them.
    assert rows.counts in ({"error_events": 1}, {"error_events": 1, "sentry_items": 1})
