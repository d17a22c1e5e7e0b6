"""100,000 spans and 10,000 Sentry events by their own clients: stored exactly once, where the answers said."""

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import requests
import sentry_sdk
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from sentry_sdk.transport import HttpTransport
from sentry_sdk.utils import event_from_exception

from tests.acceptance.stack import App, Stack

SPANS = 100_000
SPANS_PER_BATCH = 512
EVENTS = 10_000
# Of each environment. A client waits for one answer before it sends the next event.
CLIENTS = 6
SLUGS = ("production", "development")
RESOURCE = Resource({"service.name": "volume", "deployment.environment.name": "blue"})


def spans(first: int, count: int) -> list[ReadableSpan]:
    """Make spans whose ids are their numbers."""
    flags = TraceFlags(TraceFlags.SAMPLED)
    return [
        ReadableSpan(
            name="GET /cart",
            context=SpanContext(trace_id=1 + number // 10, span_id=1 + number, is_remote=False, trace_flags=flags),
            kind=SpanKind.SERVER,
            resource=RESOURCE,
            attributes={"http.request.method": "GET", "http.response.status_code": 200, "number": number},
            start_time=1_000_000_000_000_000_000 + number,
            end_time=1_000_000_000_000_001_000 + number,
        )
        for number in range(first, first + count)
    ]


def test_spans(stack: Stack, app: App) -> None:
    key = app.key(allowEnvironmentOverride=True)
    answered: Counter[str] = Counter()
    exporters: dict[str, OTLPSpanExporter] = {}
    for slug in SLUGS:
        session = requests.Session()

        def count(response: requests.Response, *_: Any, **__: Any) -> None:
            answered[response.headers["x-axonpush-resolved-environment"]] += 1

        session.hooks["response"].append(count)
        headers = {"X-API-Key": key, "X-Axonpush-Environment": slug}
        exporters[slug] = OTLPSpanExporter(f"{stack.url}/v1/traces", headers=headers, session=session)
    sent: Counter[str] = Counter()
    for number, first in enumerate(range(0, SPANS, SPANS_PER_BATCH)):
        slug = SLUGS[number % 2]
        batch = spans(first, min(SPANS_PER_BATCH, SPANS - first))
        assert exporters[slug].export(batch) is SpanExportResult.SUCCESS
        sent[slug] += len(batch)
    batches = len(range(0, SPANS, SPANS_PER_BATCH))
    assert answered == {"production": batches // 2, "development": batches // 2}

    stats = stack.wait_until_stored(app.slug, timeout_seconds=90)
    assert {slug: each["spans"] for slug, each in stats.items()} == sent
    for slug in SLUGS:
        row = stack.database.row(
            "SELECT count(*), count(DISTINCT span_id), count(DISTINCT (attributes->>'number')::int) AS numbers,"
            " sum((attributes->>'number')::bigint) FROM spans WHERE environment = $1",
            app.environments[slug],
        )
        assert (row["count"], row["numbers"]) == (sent[slug], sent[slug])
        expected = sum(
            sum(range(first, min(first + SPANS_PER_BATCH, SPANS)))
            for number, first in enumerate(range(0, SPANS, SPANS_PER_BATCH))
            if SLUGS[number % 2] == slug
        )
        assert row["sum"] == expected


class Recording(HttpTransport):
    """The SDK's own transport, which also writes down what was answered."""

    answered: ClassVar[Counter[str]] = Counter()

    def _request(self, method: str, endpoint_type: Any, body: Any, headers: Mapping[str, str]) -> Any:
        response = super()._request(method, endpoint_type, body, headers)
        self.answered[response.headers.get("x-axonpush-resolved-environment", str(response.status))] += 1
        return response


def charge(order_number: int) -> None:
    message = f"order {order_number} cannot be charged"
    raise OverflowError(message)


def client_of(dsn: str) -> "sentry_sdk.Client":
    """Make a client without what costs the SDK most of an event's time, and is looked at elsewhere."""
    return sentry_sdk.Client(
        dsn=dsn,
        transport=Recording,
        transport_queue_size=EVENTS,
        default_integrations=False,
        include_local_variables=False,
        include_source_context=False,
    )


def capture(client: "sentry_sdk.Client", number: int) -> str:
    """Capture an exception as the SDK's own `capture_exception` does, and answer the event's id."""
    event_id = None
    try:
        charge(number)
    except OverflowError as error:
        event, hint = event_from_exception(error, client_options=client.options)
        event["tags"] = {"number": str(number)}
        event_id = client.capture_event(event, hint)
    assert event_id is not None
    return event_id


def test_sentry_events(stack: Stack, app: App) -> None:
    Recording.answered.clear()
    clients = {slug: [client_of(app.dsn(app.key(slug))) for _ in range(CLIENTS)] for slug in SLUGS}
    numbers = {"production": range(EVENTS // 2), "development": range(EVENTS // 2, EVENTS)}
    # Each client sends from a thread of its own meanwhile.
    event_ids = {slug: {capture(clients[slug][number % CLIENTS], number) for number in numbers[slug]} for slug in SLUGS}
    for client in itertools.chain(*clients.values()):
        client.close(timeout=90)
    assert Recording.answered == dict.fromkeys(SLUGS, EVENTS // 2)

    stats = stack.wait_until_stored(app.slug, timeout_seconds=90)
    assert {slug: each["error_events"] for slug, each in stats.items()} == dict.fromkeys(SLUGS, EVENTS // 2)
    for slug in SLUGS:
        rows = stack.database.rows(
            "SELECT event_id, tags->>'number' AS number, value FROM error_events WHERE environment = $1",
            app.environments[slug],
        )
        assert len(rows) == EVENTS // 2
        assert {row["event_id"].hex for row in rows} == event_ids[slug]
        assert {int(row["number"]) for row in rows} == set(numbers[slug])
        assert all(row["value"] == f"order {row['number']} cannot be charged" for row in rows)
