"""What will be cut of a request is told when it is accepted: what, where, and how much of it is stored."""

from typing import Any

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from gateway.protocols import otlp
from gateway.runtime.settings import Limits
from schemas.signals import Format, Signal
from tests.unit.protocols.test_otlp_validate import BOTH, GOOD, logs, metrics, payload, traces
from tests.unit.rows.requests import any_value, attributes

MIB = 1024 * 1024
LONG, MANY = {"text": "x" * (MIB + 1)}, {f"k{number}": number for number in range(1025)}


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else "x"


def mapped(levels: int) -> Any:
    return {"k": mapped(levels - 1)} if levels else "x"


def with_resource(request: Any, values: dict[str, Any]) -> Message:
    request.resource_logs[0].resource.attributes.extend(attributes(values))
    return request


def of_span(values: dict[str, Any], **more: Any) -> Message:
    return traces(GOOD, GOOD | {"attributes": attributes(values)} | more)


def with_scope(request: Any, values: dict[str, Any], **fields: str) -> Message:
    scope = request.resource_logs[0].scope_logs[0]
    scope.scope.attributes.extend(attributes(values))
    for name, text in fields.items():
        setattr(scope, name, text)
    return request


def of_point(values: dict[str, Any]) -> Message:
    exemplar = {"as_int": 1, "filtered_attributes": attributes(values)}
    return metrics({"gauge": {"data_points": [{"time_unix_nano": 1, "exemplars": [exemplar]}]}})


SPAN, LOG = "resource_spans[0].scope_spans[0].spans[1]", "resource_logs[0].scope_logs[0].log_records[0]"
POINT = "resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].exemplars[0]"
DEEP = "nests deeper than 16 levels"
TOLD: list[tuple[str, Signal, Message, str]] = [
    ("a long text", Signal.TRACES, of_span(LONG), f"{SPAN}['text'] has {MIB + 1} bytes; the first {MIB} are stored."),
    ("a long list", Signal.TRACES, of_span({"n": ["x" * 1000] * 1100}), f"{SPAN}['n'] has 11"),
    ("long bytes", Signal.TRACES, of_span({"b": bytes(MIB)}), f"{SPAN}['b'] has {4 * (MIB // 3 + 1)} bytes"),
    ("too many attributes", Signal.TRACES, of_span(MANY), f"{SPAN} has 1025 attributes; the first 1024 are stored."),
    ("a deep list", Signal.TRACES, of_span({"d": nested(17)}), f"{SPAN}['d'] {DEEP}"),
    ("a deep map", Signal.TRACES, of_span({"d": mapped(17)}), f"{SPAN}['d'] {DEEP}"),
    (
        "of an event",
        Signal.TRACES,
        of_span({}, events=[{"name": "e", "attributes": attributes(LONG)}]),
        f"{SPAN}.events[0]['text'] has",
    ),
    ("of a link", Signal.TRACES, of_span({}, links=[{"attributes": attributes(LONG)}]), f"{SPAN}.links[0]['text'] has"),
    ("a long body", Signal.LOGS, logs({"body": any_value("é" * MIB)}), f"{LOG}.body has {2 * MIB} bytes"),
    ("a deep body", Signal.LOGS, logs({"body": any_value(nested(17))}), f"{LOG}.body {DEEP}"),
    ("of a resource", Signal.LOGS, with_resource(logs({}), LONG), "resource_logs[0].resource['text'] has"),
    ("of a scope", Signal.LOGS, with_scope(logs({}), LONG), "resource_logs[0].scope_logs[0].scope['text'] has"),
    (
        "deep in a scope",
        Signal.LOGS,
        with_scope(logs({}), {"d": nested(17)}),
        f"resource_logs[0].scope_logs[0].scope['d'] {DEEP}",
    ),
    (
        "many of a scope",
        Signal.LOGS,
        with_scope(logs({}), MANY),
        "resource_logs[0].scope_logs[0].scope has 1025 attributes",
    ),
    (
        "a schema",
        Signal.LOGS,
        with_scope(logs({}), {}, schema_url="s" * (MIB + 1)),
        "resource_logs[0].scope_logs[0].schema_url has",
    ),
    ("of an exemplar", Signal.METRICS, of_point(LONG), f"{POINT}['text'] has"),
    ("a long name", Signal.TRACES, of_span({}, name="é" * MIB), f"{SPAN}.name has {2 * MIB} bytes"),
    ("a long status", Signal.TRACES, of_span({}, status={"message": "x" * (MIB + 1)}), f"{SPAN}.status.message has"),
    ("a long key", Signal.TRACES, of_span({"k" * (MIB + 1): 1}), f"{SPAN}, the key of an attribute of it, has"),
    (
        "the name of a service",
        Signal.LOGS,
        with_resource(logs({}), {"service.name": "s" * 1025}),
        "resource_logs[0].resource['service.name'] has 1025 bytes; the first 1024 are stored as the name.",
    ),
    (
        "of the metadata of a metric",
        Signal.METRICS,
        metrics({"metadata": attributes(MANY), "gauge": {"data_points": [{"time_unix_nano": 1}]}}),
        "resource_metrics[0].scope_metrics[0].metrics[0] has 1025 attributes; the first 1024 are stored.",
    ),
    (
        "the name of a metric",
        Signal.METRICS,
        metrics({"name": "m" * 1025, "gauge": {"data_points": [{"time_unix_nano": 1}]}}),
        "resource_metrics[0].scope_metrics[0].metrics[0].name has 1025 bytes; the first 1024 are stored as the name.",
    ),
]
KEPT: list[tuple[str, Signal, Message]] = [
    ("a text of the limit", Signal.TRACES, of_span({"text": "x" * MIB})),
    ("a body of the limit", Signal.LOGS, logs({"body": any_value("x" * MIB)})),
    ("most attributes", Signal.TRACES, of_span(dict(list(MANY.items())[:1024]))),
    ("the deepest list", Signal.TRACES, of_span({"d": nested(16)})),
    ("the deepest map", Signal.LOGS, logs({"body": any_value(mapped(16))})),
    (
        "the longest names",
        Signal.METRICS,
        metrics({"name": "m" * 1024, "gauge": {"data_points": [{"time_unix_nano": 1}]}}),
    ),
    ("many values", Signal.LOGS, logs({"body": any_value([[1]] * 100)})),
]


@pytest.mark.clause("OTLP 11")
@BOTH
@pytest.mark.parametrize(("signal", "request_", "told"), [pytest.param(*case[1:], id=case[0]) for case in TOLD])
def test_what_will_be_cut_is_told(payload_format: Format, signal: Signal, request_: Message, told: str) -> None:
    data = payload(request_, payload_format)
    verdict = otlp.validate(signal, payload_format, data)
    assert (verdict.rejected, verdict.rewritten) == (0, None)
    assert verdict.accepted >= 1
    assert verdict.message.startswith(told)


BATCHED = {
    "many attributes": attributes(MANY),
    "a deep list": attributes({"d": nested(17)}),
    "a deep map": attributes({"d": mapped(17)}),
}


def small(number: int) -> dict[str, Any]:
    return GOOD | {"attributes": attributes({"n": number, "list": [[number]]})}


@pytest.mark.clause("OTLP 11")
@BOTH
@pytest.mark.parametrize("within", ["", "events", "links"])
@pytest.mark.parametrize("found", BATCHED.values(), ids=BATCHED)
def test_one_in_a_batch_of_small_spans_is_told(payload_format: Format, found: list[KeyValue], within: str) -> None:
    inner = {"attributes": found}
    request = traces(*map(small, range(300)), GOOD | ({within: [inner]} if within else inner), *map(small, range(300)))
    message = otlp.validate(Signal.TRACES, payload_format, payload(request, payload_format)).message
    place = "resource_spans[0].scope_spans[0].spans[300]" + (f".{within}[0]" if within else "")
    assert message.startswith((f"{place} has 1025 attributes", f"{place}['d'] {DEEP}"))


@pytest.mark.clause("OTLP 11")
@BOTH
def test_a_batch_of_which_nothing_is_cut_is_told_nothing(payload_format: Format) -> None:
    most = GOOD | {"attributes": attributes(dict(list(MANY.items())[:1022]) | {"d": nested(16), "m": mapped(16)})}
    request = traces(*map(small, range(300)), most)
    assert otlp.validate(Signal.TRACES, payload_format, payload(request, payload_format)) == otlp.Verdict(301)


@pytest.mark.clause("OTLP 11")
@BOTH
@pytest.mark.parametrize(("signal", "request_"), [pytest.param(*case[1:], id=case[0]) for case in KEPT])
def test_what_is_stored_whole_is_not_told(payload_format: Format, signal: Signal, request_: Message) -> None:
    verdict = otlp.validate(signal, payload_format, payload(request_, payload_format))
    assert (verdict.rejected, verdict.message, verdict.rewritten) == (0, "", None)


@pytest.mark.clause("OTLP 11")
@BOTH
def test_it_is_told_beside_what_was_refused(payload_format: Format) -> None:
    request = traces(GOOD | {"attributes": attributes(LONG)}, {"name": "bad"})
    verdict = otlp.validate(Signal.TRACES, payload_format, payload(request, payload_format))
    assert (verdict.accepted, verdict.rejected) == (1, 1)
    assert "1 of 2 spans were refused" in verdict.message
    assert f"['text'] has {MIB + 1} bytes" in verdict.message


@BOTH
def test_limits_are_settings(payload_format: Format) -> None:
    data = payload(of_span({"a": "12345", "b": [[1]]}), payload_format)
    for limits, told in (
        (Limits(attribute_max_bytes=4), "['a'] has 5 bytes; the first 4 are stored."),
        (Limits(attributes_max_count=1), " has 2 attributes; the first 1 are stored."),
        (Limits(), ""),
    ):
        message = otlp.validate(Signal.TRACES, payload_format, data, limits).message
        assert message.endswith(told)
        assert bool(message) == bool(told)


@BOTH
def test_looking_ends_within_one_value_too(payload_format: Format) -> None:
    """A list of half a million numbers would take a second."""
    log = logs({"body": any_value(list(range(500_000)))})
    verdict = otlp.validate(Signal.LOGS, payload_format, payload(log, payload_format))
    assert (verdict.accepted, verdict.message) == (1, "")


def test_looking_ends_in_a_large_request() -> None:
    pair = KeyValue(key="k", value=AnyValue(int_value=1))
    many = [GOOD | {"attributes": [pair] * 1000} for _ in range(150)]
    deep = GOOD | {"attributes": attributes({"d": nested(17)})}
    first = otlp.validate(Signal.TRACES, Format.PROTOBUF, traces(deep, *many).SerializeToString())
    last = otlp.validate(Signal.TRACES, Format.PROTOBUF, traces(*many, deep).SerializeToString())
    assert (bool(first.message), bool(last.message)) == (True, False)
