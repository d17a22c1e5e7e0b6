"""One trace read back from real PostgreSQL: whole, without its root, redacted, and never another organization's."""

import json
from typing import Any

import pytest

from gateway.query import trace
from gateway.query.redaction import MASK
from gateway.query.store import Reader
from schemas.signals import Signal
from tests.integration.query.archive import FOREIGN, FOREIGN_ORG, ORG, SHOP, Archive, as_item
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import START_NS, span, traces

SECRET = "s3cret"


def part(trace_id: bytes, name: str, parent: str = "", **fields: Any) -> Any:
    """Make a span whose id is its name."""
    own = {"trace_id": trace_id, "span_id": name.encode().ljust(8)}
    above = {"parent_span_id": parent.encode().ljust(8)} if parent else {}
    return span(name=name, **own, **above, **fields)


async def read(reader: Reader, trace_id: bytes, *, org: str = ORG, redacted: bool = False) -> dict[str, Any]:
    return as_item(await trace.read(reader, org, SHOP, trace_id, is_redacted=redacted))


def lines(found: dict[str, Any]) -> list[str]:
    return ["." * each["depth"] + (each["span"] or {"name": "*"})["name"] for each in found["spans"]]


@pytest.mark.clause("OTLP d7")
async def test_spans_of_several_requests_and_days_are_one_tree(reader: Reader, archive: Archive) -> None:
    trace_id = b"1" * 16
    later = part(trace_id, "late", "root", start_time_unix_nano=START_NS + 9, end_time_unix_nano=START_NS + 2000)
    await archive.store(SHOP, otlp(Signal.TRACES, traces(part(trace_id, "leaf", "late"))))
    await archive.store(SHOP, otlp(Signal.TRACES, traces(later, part(b"2" * 16, "other"))), seconds=-20 * 86_400)
    await archive.store(SHOP, otlp(Signal.TRACES, traces(part(trace_id, "early", "root"))), seconds=60)
    await archive.store(FOREIGN, otlp(Signal.TRACES, traces(part(trace_id, "root"))))
    orphaned = await read(reader, trace_id)
    assert lines(orphaned) == ["*", ".early", ".late", "..leaf"]
    assert (orphaned["traceId"], orphaned["isCut"]) == ("31" * 16, False)
    assert (orphaned["startUnixNano"], orphaned["durationNano"]) == (str(START_NS), "2000")
    # What was stored of another organization does not count, and what comes later does.
    await archive.store(SHOP, otlp(Signal.TRACES, traces(part(trace_id, "root"))), seconds=120)
    assert lines(await read(reader, trace_id)) == ["root", ".early", ".late", "..leaf"]
    assert lines(await read(reader, trace_id, org=FOREIGN_ORG)) == []


@pytest.mark.clause("OTLP d7")
async def test_a_parent_of_zeros_is_none_and_its_span_the_root(reader: Reader, archive: Archive) -> None:
    trace_id = b"5" * 16
    root = span(trace_id=trace_id, span_id=b"root".ljust(8), name="root", parent_span_id=bytes(8))
    await archive.store(SHOP, otlp(Signal.TRACES, traces(root, part(trace_id, "leaf", "root"))))
    found = await read(reader, trace_id)
    assert lines(found) == ["root", ".leaf"]
    assert found["spans"][0]["span"]["parentSpanId"] is None


async def test_a_trace_is_masked_as_events_are(reader: Reader, archive: Archive) -> None:
    trace_id = b"3" * 16
    sent = part(trace_id, "pay", attributes={"who": SECRET})
    await archive.store(SHOP, otlp(Signal.TRACES, traces(sent, resource={"host.ip": SECRET})))
    whole, masked = await read(reader, trace_id), await read(reader, trace_id, redacted=True)
    assert whole["spans"][0]["span"]["attributes"] == {"who": SECRET}
    assert whole["spans"][0]["span"]["resource"] == {"host.ip": SECRET}
    assert masked["spans"][0]["span"]["attributes"] == {"who": MASK}
    assert SECRET not in json.dumps(masked)


async def test_a_trace_of_too_many_spans_shows_the_earliest(
    reader: Reader, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "SPANS_MAX_COUNT", 3)
    trace_id = b"4" * 16
    spans = [part(trace_id, f"s{number}", start_time_unix_nano=START_NS + number) for number in range(4)]
    await archive.store(SHOP, otlp(Signal.TRACES, traces(*reversed(spans))))
    found = await read(reader, trace_id)
    assert lines(found) == ["*", ".s0", ".s1", ".s2"]
    assert found["isCut"] is True
