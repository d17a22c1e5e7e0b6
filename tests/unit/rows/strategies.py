"""Hypothesis strategies: OTLP requests and Sentry events of any content; and what is stored of a value."""

import base64
import math
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Summary,
    SummaryDataPoint,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.unit.rows.requests import any_value, attributes

UINT64 = st.integers(0, 2**64 - 1)
INT64 = st.integers(-(2**63), 2**63 - 1)
UINT32 = st.integers(0, 2**32 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
# Repeated in a request, so that the memo is met; each has been trouble: long for a one-byte length, NUL, an escape.
KEY = st.sampled_from(["k", "k\0", "error.type", "gen_ai.system", "gen_ai.usage.input_tokens", "k" * 130, ""]) | TEXT

SCALAR = (
    st.none()
    | st.booleans()
    | INT64
    | st.floats()
    | TEXT
    | st.binary(max_size=10)
    | st.sampled_from(["\\u0000", "a\0b", "é" * 70])
)
VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3), max_leaves=6
)
ATTRIBUTES = st.dictionaries(KEY, VALUE, max_size=5)
# The bytes of an AnyValue that is a string stand for themselves; JSON has no bytes.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def messages(kind: Any, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Make protobuf messages whose fields are drawn; `attributes` are drawn as a dict."""

    def build(drawn: dict[str, Any]) -> Any:
        return kind(**{name: attributes(value) if name == "attributes" else value for name, value in drawn.items()})

    return st.fixed_dictionaries({}, optional=fields).map(build)


EVENTS = messages(Span.Event, time_unix_nano=UINT64, name=TEXT, attributes=ATTRIBUTES, dropped_attributes_count=UINT32)
LINKS = messages(
    Span.Link,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    trace_state=TEXT,
    flags=UINT32,
    attributes=ATTRIBUTES,
)
STATUSES = messages(Status, code=INT32, message=TEXT)
SPANS = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    parent_span_id=st.binary(min_size=8, max_size=8) | st.just(b""),
    trace_state=TEXT,
    flags=UINT32,
    name=TEXT,
    kind=INT32,
    start_time_unix_nano=UINT64,
    end_time_unix_nano=UINT64,
    status=STATUSES,
    attributes=ATTRIBUTES.map(attributes),
    events=st.lists(EVENTS, max_size=2),
    links=st.lists(LINKS, max_size=2),
    dropped_attributes_count=UINT32,
)
LOGS = st.builds(
    LogRecord,
    time_unix_nano=UINT64,
    observed_time_unix_nano=UINT64,
    severity_number=INT32,
    severity_text=TEXT,
    body=VALUE.map(any_value),
    attributes=ATTRIBUTES.map(attributes),
    trace_id=st.binary(max_size=16),
    span_id=st.binary(max_size=8),
    flags=UINT32,
    event_name=TEXT,
)
TIMES = {"start_time_unix_nano": UINT64, "time_unix_nano": UINT64, "flags": UINT32, "attributes": ATTRIBUTES}
METRICS = (
    messages(
        Metric,
        name=TEXT,
        unit=TEXT,
        gauge=st.lists(messages(NumberDataPoint, **TIMES, as_double=st.floats()), max_size=2).map(
            lambda points: Gauge(data_points=points)
        ),
    )
    | messages(
        Metric,
        histogram=st.lists(
            messages(
                HistogramDataPoint,
                **TIMES,
                count=UINT64,
                sum=st.floats(),
                bucket_counts=st.lists(UINT64, max_size=3),
                explicit_bounds=st.lists(st.floats(), max_size=2),
            ),
            max_size=2,
        ).map(lambda points: Histogram(data_points=points)),
    )
    | messages(
        Metric,
        summary=st.lists(messages(SummaryDataPoint, **TIMES, sum=st.floats()), max_size=2).map(
            lambda points: Summary(data_points=points)
        ),
    )
)

EVENT_FIELDS = (
    *(
        "event_id",
        "timestamp",
        "start_timestamp",
        "level",
        "logger",
        "transaction",
        "release",
        "environment",
        "message",
    ),
    *("logentry", "exception", "culprit", "contexts", "fingerprint", "user", "tags", "sdk", "spans", "type", "data"),
    *("trace_id", "span_id", "parent_span_id", "op", "status", "description", "name", "body", "attributes", "values"),
    *("trace", "items", "severity_number", "mechanism", "stacktrace", "frames", "function", "links", "kind", "value"),
    *("threads", "crashed", "current", "in_app", "module", "params", "formatted", "handled", "id", "version", "dist"),
    *("discarded_events", "rate_limited_events", "reason", "category", "quantity", "measurements", "platform"),
    *("sentry.interfaces.Exception", "sentry.interfaces.Message", "sentry.interfaces.User", "end_timestamp"),
)
# Objects whose members have the names that are looked for, and whatever values.
EVENT = st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(EVENT_FIELDS), inner, max_size=6),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict))

# What SDKs write in such fields, so that what depends on a form is met, and a little off.
FORMS = st.sampled_from(
    ("{{ default }}", "{{ message }}", "{{ tags.k }}", "%s {} %(id)s", "2026-07-01T12:00:00Z", "0" * 32, "a" * 16, 1e12)
)
LIKELY_EVENT = st.recursive(
    JSON | FORMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(EVENT_FIELDS), inner, max_size=6),
    max_leaves=16,
)
# Types that have a table, a category or a form of their own, and any other text.
ITEM_TYPES = st.text(max_size=8) | st.sampled_from(
    (
        *("event", "transaction", "span", "log", "attachment", "session", "sessions", "client_report", "check_in"),
        *("profile", "profile_chunk", "replay_recording", "replay_event", "trace_metric", "statsd", "raw_security"),
    )
)


def stored(value: Any) -> Any:
    """Answer what stands in a jsonb column for a value that was sent."""
    if isinstance(value, dict):
        return {stored(key): stored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stored(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value.replace("\0", "") if isinstance(value, str) else value
