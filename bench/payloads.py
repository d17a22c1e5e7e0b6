"""What the benchmark sends: the same bytes in every run, the event ids of Sentry envelopes aside."""

import gzip
import random
from collections.abc import Callable

import orjson
from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_INFO, LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.envelopes import error_envelope

_EPOCH_NS = 1_780_000_000_000_000_000
_EVENT_EVERY = 8
_CHANNEL = 1
_PROTOBUF = "application/x-protobuf"
_JSON = "application/json"


class Case(Struct, frozen=True):
    """One kind of request: `items` items in each body, which are stored in `table`.

    `stored_requests` says how many requests measure the worker; 0 where another case shows the same.
    """

    name: str
    table: str
    items: int
    connections: int
    path: str
    headers: dict[str, str]
    body: bytes
    stored_requests: int = 0


def case_of(name: str) -> Case:
    """Make the case of one name.

    Raises:
        KeyError: no case has this name; `CASES` lists them.
    """
    return CASES[name](name)


def _spans(
    count: int, *, connections: int = 16, compress: bool = False, stored_requests: int = 0
) -> Callable[[str], Case]:
    """Describe a case of OTLP spans as protobuf."""

    def make(name: str) -> Case:
        body = _traces(count).SerializeToString()
        headers = _otlp_headers(_PROTOBUF)
        if compress:
            body = gzip.compress(body, compresslevel=6, mtime=0)
            headers["content-encoding"] = "gzip"
        return Case(name, "spans", count, connections, "/v1/traces", headers, body, stored_requests)

    return make


def _logs(count: int, *, as_json: bool = False) -> Callable[[str], Case]:
    """Describe a case of OTLP log records."""

    def make(name: str) -> Case:
        request = _log_records(count)
        body = _json_of(request) if as_json else request.SerializeToString()
        headers = _otlp_headers(_JSON if as_json else _PROTOBUF)
        return Case(name, "logs", count, 16, "/v1/logs", headers, body, stored_requests=300)

    return make


def _error(name: str) -> Case:
    """Describe the case of one Sentry error event an envelope."""
    headers = {"content-type": "application/x-sentry-envelope"}
    return Case(
        name, "error_events", 1, 16, f"/api/{_CHANNEL}/envelope/", headers, error_envelope(), stored_requests=5000
    )


CASES: dict[str, Callable[[str], Case]] = {
    "spans-1": _spans(1, connections=64),
    "spans-1-gzip": _spans(1, connections=64, compress=True),
    "spans-100": _spans(100),
    "spans-100-gzip": _spans(100, compress=True),
    "spans-512": _spans(512, stored_requests=300),
    "spans-512-gzip": _spans(512, compress=True),
    "logs-512": _logs(512),
    "logs-512-json": _logs(512, as_json=True),
    "sentry-error": _error,
}


def _otlp_headers(content_type: str) -> dict[str, str]:
    return {"content-type": content_type, "x-axonpush-channel": str(_CHANNEL)}


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))


def _resource() -> Resource:
    """Make a resource as an SDK in a container sends it."""
    return Resource(
        attributes=[
            _text("service.name", "checkout"),
            _text("service.version", "2.14.3"),
            _text("service.instance.id", "checkout-7d9f5c6b8-x2lqz"),
            _text("deployment.environment.name", "production"),
            _text("telemetry.sdk.language", "python"),
            _text("telemetry.sdk.name", "opentelemetry"),
            _text("telemetry.sdk.version", "1.38.0"),
        ]
    )


def _traces(count: int) -> ExportTraceServiceRequest:
    """Make one request of `count` spans: 8 attributes each, an event on every eighth, 8 spans a trace."""
    random_ = random.Random(20)  # noqa: S311 (bytes that are the same in every run, not a secret)
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add(resource=_resource())
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "opentelemetry.instrumentation.fastapi"
    scope_spans.scope.version = "0.59b0"
    trace_id = parent_id = b""
    for index in range(count):
        is_root = index % _EVENT_EVERY == 0
        if is_root:
            trace_id, parent_id = random_.randbytes(16), b""
        span = scope_spans.spans.add(
            trace_id=trace_id,
            span_id=random_.randbytes(8),
            parent_span_id=parent_id,
            name=f"GET /api/orders/{index % 7}",
            kind=Span.SPAN_KIND_SERVER if is_root else Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=_EPOCH_NS + index * 1_000_000,
            end_time_unix_nano=_EPOCH_NS + index * 1_000_000 + random_.randrange(100_000, 90_000_000),
            attributes=_span_attributes(random_, index),
        )
        if is_root:
            parent_id = span.span_id
            event = span.events.add(time_unix_nano=span.start_time_unix_nano + 50_000, name="cache.miss")
            event.attributes.append(_text("cache.key", f"orders:{random_.randrange(10_000)}"))
    return request


def _span_attributes(random_: random.Random, index: int) -> list[KeyValue]:
    return [
        _text("http.request.method", "GET"),
        _text("url.path", f"/api/orders/{random_.randrange(100_000)}"),
        _text("url.scheme", "https"),
        _text("server.address", "orders.internal.example.com"),
        _number("server.port", 8443),
        _number("http.response.status_code", 200 if index % 50 else 500),
        _text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
        _text("thread.name", f"worker-{random_.randrange(32)}"),
    ]


def _log_records(count: int) -> ExportLogsServiceRequest:
    """Make one request of `count` log records, half of them inside a trace."""
    random_ = random.Random(21)  # noqa: S311 (bytes that are the same in every run, not a secret)
    request = ExportLogsServiceRequest()
    scope_logs = request.resource_logs.add(resource=_resource()).scope_logs.add()
    scope_logs.scope.name = "checkout.orders"
    for index in range(count):
        is_traced = index % 2 == 0
        order = random_.randrange(100_000)
        scope_logs.log_records.append(
            LogRecord(
                time_unix_nano=_EPOCH_NS + index * 1_000_000,
                observed_time_unix_nano=_EPOCH_NS + index * 1_000_000 + 5_000,
                severity_number=SEVERITY_NUMBER_INFO,
                severity_text="INFO",
                body=AnyValue(
                    string_value=f"order {order} was charged, {random_.randrange(1, 9)} items, 4 retries left"
                ),
                attributes=[
                    _text("code.function.name", "checkout.orders.charge"),
                    _text("code.file.path", "/app/checkout/orders.py"),
                    _number("code.line.number", 100 + index % 300),
                    _number("order.id", order),
                    _text("customer.tier", "gold"),
                    _text("thread.name", f"worker-{random_.randrange(32)}"),
                ],
                trace_id=random_.randbytes(16) if is_traced else b"",
                span_id=random_.randbytes(8) if is_traced else b"",
            )
        )
    return request


def _json_of(request: ExportLogsServiceRequest) -> bytes:
    """Write log records as JavaScript's exporter does: hex ids, 64-bit integers as strings."""
    resource_logs = request.resource_logs[0]
    scope_logs = resource_logs.scope_logs[0]
    return orjson.dumps(
        {
            "resourceLogs": [
                {
                    "resource": {"attributes": [_json_attribute(a) for a in resource_logs.resource.attributes]},
                    "scopeLogs": [
                        {
                            "scope": {"name": scope_logs.scope.name},
                            "logRecords": [_json_log_record(record) for record in scope_logs.log_records],
                        }
                    ],
                }
            ]
        }
    )


def _json_log_record(record: LogRecord) -> dict[str, object]:
    written: dict[str, object] = {
        "timeUnixNano": str(record.time_unix_nano),
        "observedTimeUnixNano": str(record.observed_time_unix_nano),
        "severityNumber": record.severity_number,
        "severityText": record.severity_text,
        "body": {"stringValue": record.body.string_value},
        "attributes": [_json_attribute(attribute) for attribute in record.attributes],
    }
    if record.trace_id:
        written |= {"traceId": record.trace_id.hex(), "spanId": record.span_id.hex()}
    return written


def _json_attribute(attribute: KeyValue) -> dict[str, object]:
    if attribute.value.HasField("int_value"):
        return {"key": attribute.key, "value": {"intValue": str(attribute.value.int_value)}}
    return {"key": attribute.key, "value": {"stringValue": attribute.value.string_value}}
