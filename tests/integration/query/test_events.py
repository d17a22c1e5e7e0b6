"""The events of an environment: every kind whole, in pages, by time and trace, and masked for who may not see all."""

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric, NumberDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from gateway.query import events
from gateway.query.redaction import MASK
from gateway.query.store import Reader
from schemas.errors import Unprocessable
from schemas.signals import Signal
from schemas.stored import EventKind, EventPage, EventsAsked, Order
from tests.integration.query.archive import FOREIGN, ORG, OTHER_SHOP, SHOP, Archive, as_item, when
from tests.unit.rows.envelopes import envelope, item
from tests.unit.rows.records import CHANNEL, otlp
from tests.unit.rows.requests import any_value, attributes, logs, metrics, span, traces

TRACE = "74" * 16
SECRET = "s3cret"
EVERY_KIND = tuple(EventKind)


def asked(**fields: Any) -> EventsAsked:
    """Ask for everything of an hour, unless told otherwise."""
    own: dict[str, Any] = {
        "kinds": EVERY_KIND,
        "since": when(-1800),
        "until": when(1800),
        "trace_id": None,
        "order": Order.OLDEST,
        "after": "",
        "limit": 100,
    }
    return EventsAsked(**(own | fields))


def log(text: str, **fields: Any) -> LogRecord:
    """Make a log record."""
    return LogRecord(body=any_value(text), **fields)


def of_a_scope(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Say more of the resource and the scope of a request."""
    (group,) = request.resource_spans
    group.schema_url = "https://example.org/1.2.0"
    group.resource.dropped_attributes_count = 2
    group.resource.entity_refs.add(type="service", id_keys=["service.name"])
    (inner,) = group.scope_spans
    inner.schema_url = "https://example.org/1.3.0"
    inner.scope.attributes.extend(attributes({"who": SECRET}))
    inner.scope.dropped_attributes_count = 3
    return request


def of_a_customer() -> list[Any]:
    """Make a record of every kind, with something that is not for everybody in each of its fields."""
    private = {"who": SECRET}
    sent = span(
        trace_state=f"a={SECRET}",
        status=Status(code=Status.STATUS_CODE_ERROR, message=SECRET),
        attributes={**private, "gen_ai.operation.name": "chat", "gen_ai.conversation.id": SECRET},
        events=[Span.Event(time_unix_nano=5, name="exception", attributes=attributes(private))],
        links=[Span.Link(trace_id=b"t" * 16, span_id=b"l" * 8, attributes=attributes(private))],
    )
    point = NumberDataPoint(as_int=7, attributes=attributes(private))
    point.exemplars.add(as_int=7, filtered_attributes=attributes(private))
    gauge = Gauge(data_points=[point])
    error = {
        "event_id": "e" * 32,
        "message": SECRET,
        "exception": {"values": [{"type": "ValueError", "value": SECRET}]},
        "user": {"email": SECRET},
        "request": {"data": SECRET},
        "tags": private,
        "fingerprint": [SECRET],
        "contexts": {"trace": {"trace_id": TRACE, "span_id": "b" * 16}},
    }
    return [
        otlp(Signal.TRACES, of_a_scope(traces(sent, resource={"service.name": "shop", "host.ip": SECRET}))),
        otlp(Signal.LOGS, logs(log(SECRET, trace_id=b"t" * 16, attributes=attributes(private)))),
        otlp(Signal.METRICS, metrics(Metric(name="cart.size", unit="1", metadata=attributes(private), gauge=gauge))),
        envelope(item("event", error, new=SECRET), event_id="e" * 32, trace={"trace_id": TRACE, "user_id": SECRET}),
        envelope(item("feedback", {"who": SECRET}, filename=SECRET), new=SECRET),
    ]


@pytest.fixture(scope="module", autouse=True)
async def stored(archive: Archive) -> None:
    """Store something of every kind, and logs before and after."""
    for number in range(10):
        await archive.store(SHOP, otlp(Signal.LOGS, logs(*(log(f"{number}.{each}") for each in range(3)))), number * 60)
    for record in of_a_customer():
        await archive.store(SHOP, record, seconds=-60)
    await archive.store(FOREIGN, otlp(Signal.LOGS, logs(log("foreign"))))


async def read(
    reader: Reader, *, environment: str = SHOP, redacted: bool = False, **fields: Any
) -> list[dict[str, Any]]:
    """Answer one page."""
    page = await events.read(reader, ORG, environment, asked(**fields), is_redacted=redacted)
    return [as_item(each) for each in page.items]


async def pages(reader: Reader, **fields: Any) -> list[EventPage]:
    """Answer all pages, one after the other."""
    found = [await events.read(reader, ORG, SHOP, asked(**fields), is_redacted=False)]
    while found[-1].next is not None:
        found.append(await events.read(reader, ORG, SHOP, asked(after=found[-1].next, **fields), is_redacted=False))
    return found


@pytest.mark.clause("OTLP d8", "Sentry 5b")
async def test_every_kind_is_answered_with_what_was_sent(reader: Reader) -> None:
    found = {each["kind"]: each for each in await read(reader, until=when(-1))}
    assert set(found) == {"span", "log", "metric", "error", "item"}
    assert {each["channelId"] for each in found.values()} == {CHANNEL}
    spanned = found["span"]
    assert spanned["attributes"]["who"] == SECRET
    assert (spanned["name"], spanned["traceId"], spanned["spanId"]) == ("checkout", TRACE, "73" * 8)
    assert (spanned["startUnixNano"], spanned["durationNano"]) == ("1700000000123456789", "1500")
    assert spanned["events"][0]["attributes"] == {"who": SECRET}
    assert {name: value for name, value in spanned.items() if name.startswith(("scope", "resource"))} == {
        "scopeName": "lib",
        "scopeVersion": "1.2",
        "scopeAttributes": {"who": SECRET},
        "scopeDroppedAttributesCount": 3,
        "scopeSchemaUrl": "https://example.org/1.3.0",
        "resource": {"service.name": "shop", "host.ip": SECRET},
        "resourceDroppedAttributesCount": 2,
        "resourceSchemaUrl": "https://example.org/1.2.0",
        "resourceEntityRefs": [
            {"schema_url": "", "type": "service", "id_keys": ["service.name"], "description_keys": []}
        ],
    }
    assert found["log"]["body"] == SECRET
    assert (found["log"]["scopeAttributes"], found["log"]["scopeDroppedAttributesCount"]) == (None, 0)
    assert (found["metric"]["metadata"], found["metric"]["droppedAttributesCount"]) == ({"who": SECRET}, 0)
    assert (found["metric"]["name"], found["metric"]["valueInt"]) == ("cart.size", "7")
    assert (found["error"]["eventId"], found["error"]["value"]) == ("e" * 32, SECRET)
    assert found["error"]["payload"]["request"] == {"data": SECRET}
    assert (found["error"]["headers"], found["item"]["envelopeHeaders"]) == ({"new": SECRET}, {"new": SECRET})
    assert found["error"]["envelopeHeaders"] == {"trace": {"trace_id": TRACE, "user_id": SECRET}}
    assert (found["item"]["type"], found["item"]["json"]) == ("feedback", {"who": SECRET})


async def test_redacted_events_show_names_times_counts_and_types_and_nothing_that_was_said(reader: Reader) -> None:
    whole = {each["kind"]: each for each in await read(reader, until=when(-1))}
    found = {each["kind"]: each for each in await read(reader, until=when(-1), redacted=True)}
    assert SECRET not in json.dumps(found)
    assert SECRET in json.dumps(whole)
    assert found["span"]["attributes"] == dict.fromkeys(whole["span"]["attributes"], MASK)
    assert found["span"]["events"] == [{**whole["span"]["events"][0], "attributes": {"who": MASK}}]
    assert found["span"]["scopeAttributes"] == found["metric"]["metadata"] == {"who": MASK}
    assert found["log"]["body"] == MASK
    assert found["error"]["user"] == {"email": MASK}
    assert found["error"]["tags"] == {"who": MASK}
    assert found["error"]["payload"] == MASK
    assert found["error"]["headers"] == found["item"]["envelopeHeaders"] == {"new": MASK}
    assert found["error"]["envelopeHeaders"] == {"trace": MASK}
    shown = {
        "span": ("name", "traceId", "startedAt", "durationNano", "statusCode", "serviceName", "genAiOperation"),
        "log": ("at", "severityNumber", "traceId"),
        "metric": ("name", "unit", "valueInt", "type"),
        "error": ("type", "level", "eventId", "at", "groupingHash"),
        "item": ("type", "category", "payloadSizeBytes"),
    }
    for kind, names in shown.items():
        assert {name: found[kind][name] for name in names} == {name: whole[kind][name] for name in names}
    assert [set(each) for each in found.values()] == [set(whole[kind]) for kind in found]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("limit", [1, 4, 100])
async def test_pages_hold_everything_once_and_in_order(reader: Reader, limit: int, order: Order) -> None:
    found = await pages(reader, limit=limit, order=order)
    items = [each for page in found for each in page.items]
    assert len(items) == 35
    assert len({json.dumps(as_item(each)) for each in items}) == 35
    times = [each.received_at for each in items]
    assert times == sorted(times, reverse=order is Order.NEWEST)
    assert [len(page.items) for page in found[:-1]] == [limit] * (len(found) - 1)
    assert len(found) == -(-35 // limit)


async def test_a_page_goes_on_behind_what_was_stored_meanwhile(reader: Reader, archive: Archive) -> None:
    first = await events.read(reader, ORG, OTHER_SHOP, asked(), is_redacted=False)
    assert (first.items, first.next) == ([], None)
    for number in range(3):
        await archive.store(OTHER_SHOP, otlp(Signal.LOGS, logs(log(str(number)))), number)
    first = await events.read(reader, ORG, OTHER_SHOP, asked(limit=2), is_redacted=False)
    await archive.store(OTHER_SHOP, otlp(Signal.LOGS, logs(log("early"))), -5)
    await archive.store(OTHER_SHOP, otlp(Signal.LOGS, logs(log("late"))), 5)
    assert first.next is not None
    second = await events.read(reader, ORG, OTHER_SHOP, asked(limit=2, after=first.next), is_redacted=False)
    bodies = [as_item(each)["body"] for page in (first, second) for each in page.items]
    assert bodies == ["0", "1", "2", "late"]


async def test_times_are_from_and_before(reader: Reader) -> None:
    found = await read(reader, kinds=(EventKind.LOG,), since=when(60), until=when(180))
    assert [each["body"] for each in found] == ["1.0", "1.1", "1.2", "2.0", "2.1", "2.2"]


async def test_a_trace_is_found_in_every_kind_that_has_one(reader: Reader) -> None:
    found = await read(reader, trace_id=bytes.fromhex(TRACE))
    assert [each["kind"] for each in found] == ["span", "log", "error"]


async def test_a_page_of_large_events_ends_early_and_goes_on(
    reader: Reader, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "PAGE_MAX_BYTES", 1000)
    for number in range(4):
        await archive.store(SHOP, otlp(Signal.LOGS, logs(log(f"{number}" * 600))), 1000 + number)
        await archive.store(SHOP, otlp(Signal.TRACES, traces(span(name=f"{number}"))), 1000.5 + number)
    found = await pages(reader, since=when(1000), limit=100)
    assert [len(page.items) for page in found] == [3, 5]
    items = [as_item(each) for page in found for each in page.items]
    assert [each["body"][0] if each["kind"] == "log" else each["name"] for each in items] == [*"00112233"]


async def test_what_was_counted_and_is_gone_hides_nothing(reader: Reader, archive: Archive) -> None:
    await archive.connection.execute(
        "UPDATE events_by_minute SET events = events + 1000 WHERE environment = $1 AND kind = 'logs'", SHOP
    )
    found = await read(reader, kinds=(EventKind.LOG,), limit=20, until=when(900))
    assert len(found) == 20


@pytest.mark.parametrize("cursor", ["x", "not base64 at all", "WzFd", "é"])
async def test_a_cursor_that_is_none_of_ours_is_told(reader: Reader, cursor: str) -> None:
    with pytest.raises(Unprocessable, match="after"):
        await events.read(reader, ORG, SHOP, asked(after=cursor), is_redacted=False)


@pytest.mark.clause("OTLP d5")
async def test_a_log_says_the_name_of_its_severity(reader: Reader, archive: Archive) -> None:
    records = [log(str(number), severity_number=number) for number in range(26)]
    await archive.store(SHOP, otlp(Signal.LOGS, logs(*records)), seconds=1500)
    found = await read(reader, kinds=(EventKind.LOG,), since=when(1500))
    names = {each["severityNumber"]: each["severity"] for each in found}
    expected = {0: None, 25: None}
    for first, name in zip(range(1, 25, 4), ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"), strict=True):
        expected |= dict.fromkeys(range(first, first + 4), name)
    assert names == expected
