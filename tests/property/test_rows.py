"""Packing is pure: it is total for what is valid, all or nothing, and a memo changes no row."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from consumers.rows.packing import decode, pack
from consumers.rows.tables import COLUMNS, Rows
from gateway.protocols.otlp import validate
from gateway.protocols.sentry.envelope import event_id_of, parse
from gateway.runtime.settings import Limits
from schemas.errors import PoisonRecord
from schemas.record import Record
from schemas.signals import Encoding, Format, Signal
from tests.unit.protocols.test_otlp_validate import payload
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import otlp, record_of
from tests.unit.rows.requests import attributes, logs, span, traces
from tests.unit.rows.strategies import EVENT, JSON, LOGS, SPANS

LIMITS = Limits(attribute_max_bytes=40, attributes_max_count=3, nesting_max_depth=2)


def packed(*records: Record) -> Rows:
    rows = Rows()
    for record in records:
        decoded = decode(record, LIMITS)
        pack(decoded, rows, set(decoded.events))
    return rows


def fields_of(tuples: bytes, columns: int) -> list[list[bytes | None]]:
    """Read binary COPY tuples as PostgreSQL does; every tuple has as many fields as columns."""
    rows: list[list[bytes | None]] = []
    position = 0

    def number(size_bytes: int) -> int:
        nonlocal position
        position += size_bytes
        return int.from_bytes(tuples[position - size_bytes : position], "big", signed=True)

    while position < len(tuples):
        assert number(2) == columns
        row: list[bytes | None] = []
        for _ in range(columns):
            length = number(4)
            row.append(None if length < 0 else tuples[position : position + length])
            position += max(0, length)
        rows.append(row)
    assert position == len(tuples)
    return rows


@given(st.lists(SPANS, max_size=3), st.lists(LOGS, max_size=3), st.lists(EVENT, max_size=3))
def test_tuples_are_as_many_as_counted_and_complete(
    spans: list[Span], records: list[LogRecord], events: list[dict[str, Any]]
) -> None:
    items = [item("event", event) for event in events]
    rows = packed(otlp(Signal.TRACES, traces(*spans)), otlp(Signal.LOGS, logs(*records)), envelope(*items))
    for table, tuples in rows.copy.items():
        assert len(fields_of(bytes(tuples), len(COLUMNS[table]))) == rows.counts[table]
    assert (rows.counts.get("spans", 0), rows.counts.get("logs", 0)) == (len(spans), len(records))


@given(st.lists(SPANS, min_size=1, max_size=4), st.lists(SPANS, min_size=1, max_size=4))
def test_what_was_packed_before_changes_no_row(before: list[Span], spans: list[Span]) -> None:
    alone = packed(otlp(Signal.TRACES, traces(*spans)))
    after = packed(otlp(Signal.TRACES, traces(*before, *spans)), otlp(Signal.TRACES, traces(*spans)))
    assert after.copy["spans"].endswith(alone.copy["spans"])


@given(st.binary(max_size=200), st.sampled_from(Signal), st.sampled_from(Format), st.sampled_from(Encoding))
def test_any_bytes_pack_or_are_poison(value: bytes, signal: Signal, form: Format, encoding: Encoding) -> None:
    record = record_of(signal, form, value, encoding=encoding, inflated_bytes=1000)
    rows, reason = Rows(), ""
    try:
        decoded = decode(record, LIMITS)
        pack(decoded, rows, set(decoded.events))
    except PoisonRecord as error:
        reason = error.reason
    assert reason in {"", "malformed", "unpackable", "span_ids"}
    assert not reason or rows.counts == {}


@given(st.lists(SPANS, min_size=1, max_size=3))
def test_a_poison_record_leaves_nothing_behind(spans: list[Span]) -> None:
    good = otlp(Signal.TRACES, traces(*spans))
    expected = packed(good, good)
    rows = packed(good)
    bad = decode(otlp(Signal.TRACES, traces(*spans, Span(trace_id=b"short"))), LIMITS)
    with pytest.raises(PoisonRecord, match="trace id of 5"):
        pack(bad, rows, set())
    pack(decode(good, LIMITS), rows, set())
    assert (rows.copy, rows.counts, rows.resources) == (expected.copy, expected.counts, expected.resources)


CUT_TEXT = st.text('aé"', max_size=50)
CUT_VALUE = st.recursive(
    CUT_TEXT | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=2),
    max_leaves=5,
)
CUT_ATTRIBUTES = st.dictionaries(st.sampled_from("abcdefgh"), CUT_VALUE, max_size=5)


def cut_span(name: str, own: dict[str, Any], inner: dict[str, Any]) -> Span:
    return span(name=name, attributes=own, events=[Span.Event(attributes=attributes(inner))])


CUT_SPANS = st.builds(cut_span, CUT_TEXT, CUT_ATTRIBUTES, CUT_ATTRIBUTES)


@pytest.mark.clause("OTLP 11")
@given(st.lists(CUT_SPANS, min_size=1, max_size=4), CUT_ATTRIBUTES, st.sampled_from((Format.PROTOBUF, Format.JSON)))
def test_whatever_is_cut_is_told(spans: list[Span], resource: dict[str, Any], form: Format) -> None:
    request = traces(*spans, resource=resource)
    rows = packed(otlp(Signal.TRACES, request))
    truncated = COLUMNS["spans"].index("truncated")
    is_cut = any(row[truncated] for row in fields_of(bytes(rows.copy["spans"]), len(COLUMNS["spans"])))
    told = validate(Signal.TRACES, form, payload(request, form), LIMITS).message
    assert told or not is_cut


ID = "0123456789abcdef0123456789ABCDEF"
IDS = st.sampled_from(
    [ID, str(UUID(ID)), f" {ID}\n", "0" * 32, ID[:31], ID + "0", f"{ID[:16]}-{ID[16:]}", f"{ID[:30]} f", "\u0661" * 32]
) | st.text("0aF- ", max_size=36)


@pytest.mark.clause("Sentry 6a", "Sentry 6b", "Sentry 6c")
@given(st.fixed_dictionaries({}, optional={"event_id": IDS | JSON}), EVENT, st.none() | IDS | JSON)
def test_an_event_is_stored_under_the_id_that_its_client_is_told(
    headers: dict[str, Any], event: dict[str, Any], own_id: Any
) -> None:
    record = envelope(item("session", {}), item("event", event | {"event_id": own_id}), **headers)
    told = event_id_of(parse(record.value)) or record.ingest_id.hex()
    assert decode(record, LIMITS).events == [(record.channel_id, "event", bytes.fromhex(told))]
