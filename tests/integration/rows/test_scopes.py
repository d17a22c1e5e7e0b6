"""What OTLP says of resources, scopes and metrics beside their names, on real PostgreSQL, and within which limits."""

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import EntityRef, InstrumentationScope
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Gauge, Metric, NumberDataPoint
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from consumers.rows.tables import Rows
from gateway.runtime.settings import Limits
from schemas.signals import Signal
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import attributes, span
from tests.unit.rows.whole import surrounded, whole_log, whole_metric, whole_span

LETTERS = attributes({"a": 1, "b": 2, "c": 3})
ONE = Limits(attributes_max_count=1)
# A table, its signal, and one item.
ITEMS: list[tuple[str, Signal, Any]] = [
    ("spans", Signal.TRACES, whole_span({})),
    ("logs", Signal.LOGS, whole_log({})),
    ("metric_points", Signal.METRICS, whole_metric("histogram", {})),
]


async def stored(leaf: Leaf, signal: Signal, item: Span | LogRecord | Metric, **about: Any) -> Rows:
    """Store an item below a resource and a scope, of which is said what `about` holds and nothing else."""
    request = surrounded(item)
    for group in next(iter(request.ListFields()))[1]:
        group.resource.CopyFrom(about.get("resource", Resource()))
        group.schema_url = about.get("resource_schema_url", "")
        for name in ("scope_spans", "scope_logs", "scope_metrics"):
            for inner in getattr(group, name, ()):
                inner.scope.CopyFrom(about.get("scope", InstrumentationScope()))
                inner.schema_url = about.get("scope_schema_url", "")
    return await leaf.store(otlp(signal, request), limits=about.get("limits"))


# What is said, the columns of the resource and those of the row, and what `truncated` names.
RULES: list[tuple[str, dict[str, Any], tuple[dict[str, Any], dict[str, Any]], list[str]]] = [
    (
        "nothing",
        {},
        (
            {"attributes": {}, "schema_url": None, "dropped_attributes_count": 0, "entity_refs": None},
            dict.fromkeys(("scope_name", "scope_attributes", "scope_dropped_attributes_count", "scope_schema_url")),
        ),
        [],
    ),
    (
        "too many attributes of a resource",
        {"resource": Resource(attributes=LETTERS, dropped_attributes_count=4), "limits": ONE},
        ({"attributes": {"a": 1}, "dropped_attributes_count": 6}, {}),
        ["resource.attributes"],
    ),
    (
        "too many attributes of a scope",
        {"scope": InstrumentationScope(attributes=LETTERS, dropped_attributes_count=4), "limits": ONE},
        ({"dropped_attributes_count": 0}, {"scope_attributes": {"a": 1}, "scope_dropped_attributes_count": 6}),
        ["scope.attributes"],
    ),
    (
        "a scope that dropped all of them",
        {"scope": InstrumentationScope(dropped_attributes_count=4)},
        ({}, {"scope_attributes": {}, "scope_dropped_attributes_count": 4}),
        [],
    ),
    (
        "NUL and what is too long",
        {
            "resource": Resource(
                attributes=attributes({"k": "\0"}), entity_refs=[EntityRef(type="e\0"), EntityRef(id_keys=["k"])]
            ),
            "resource_schema_url": "https://\0",
            "scope": InstrumentationScope(attributes=attributes({"k": "0123456789"}), name="0123456789"),
            "scope_schema_url": "https://example.org",
            "limits": Limits(attribute_max_bytes=9),
        },
        (
            {"attributes": {"k": ""}, "schema_url": "https://", "entity_refs": '[{"schema'},
            {"scope_attributes": {"k": "012345678"}, "scope_name": "012345678", "scope_schema_url": "https://e"},
        ),
        [
            *("resource.attributes.k", "resource.entity_refs", "resource.schema_url"),
            *("scope.attributes.k", "scope_name", "scope_schema_url"),
        ],
    ),
]


@pytest.mark.clause("OTLP b4", "OTLP b5", "OTLP d8")
@pytest.mark.parametrize("target", [pytest.param(each, id=each[0]) for each in ITEMS])
@pytest.mark.parametrize(("about", "columns", "truncated"), [pytest.param(*case[1:], id=case[0]) for case in RULES])
async def test_what_is_said_of_a_resource_and_a_scope_has_the_limits_of_items(
    leaf: Leaf,
    target: tuple[str, Signal, Any],
    about: dict[str, Any],
    columns: tuple[dict[str, Any], dict[str, Any]],
    truncated: list[str],
) -> None:
    table, signal, item = target
    of_resource, of_row = columns
    await stored(leaf, signal, item, **about)
    (row,) = await leaf.read(table)
    (resource,) = (await leaf.resources()).values()
    assert {column: resource[column] for column in of_resource} == of_resource
    assert {column: row[column] for column in of_row} == of_row
    # Of the item itself a short limit may cut something too.
    named = [note for note in row["truncated"] or [] if note.startswith(("resource", "scope"))]
    assert sorted(named) == truncated


@pytest.mark.clause("OTLP d8")
async def test_resources_that_differ_in_anything_are_two_and_equal_ones_are_one(leaf: Leaf) -> None:
    service = attributes({"service.name": "shop"})
    said: list[dict[str, Any]] = [
        {"resource": Resource(attributes=service)},
        {"resource": Resource(attributes=service, dropped_attributes_count=1)},
        {"resource": Resource(attributes=service, entity_refs=[EntityRef(type="service")])},
        {"resource": Resource(attributes=service), "resource_schema_url": "https://example.org"},
    ]
    ids = [[next(iter((await stored(leaf, *ITEMS[0][1:], **about)).resources)) for about in said] for _ in range(2)]
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(said)


# A point and what is said of its metric, with one attribute each that is left out, and what is stored.
POINTS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "a point",
        {},
        {"attributes": LETTERS},
        {"attributes": {"a": 1}, "dropped_attributes_count": 2, "metadata": None},
        ["attributes"],
    ),
    ("a point that has no more", {}, {"attributes": LETTERS[:1]}, {"dropped_attributes_count": None}, []),
    (
        "exemplars",
        {},
        {"exemplars": [Exemplar(as_int=1, filtered_attributes=LETTERS[:n]) for n in (3, 1)]},
        {
            "exemplars": [
                {"time_ns": 0, "value": 1, "trace_id": "", "span_id": "", "attributes": {"a": 1}, **more}
                for more in ({"dropped_attributes_count": 2}, {})
            ]
        },
        ["exemplars.attributes"],
    ),
    ("too much metadata", {"metadata": LETTERS}, {}, {"metadata": {"a": 1}}, ["metadata"]),
    ("metadata that changes", {"metadata": attributes({"k": "\0"})}, {}, {"metadata": {"k": ""}}, ["metadata.k"]),
]


@pytest.mark.clause("OTLP b5", "OTLP d4", "OTLP d8")
@pytest.mark.parametrize(
    ("of_metric", "of_point", "columns", "truncated"), [pytest.param(*case[1:], id=case[0]) for case in POINTS]
)
async def test_what_a_point_lacks_is_counted(
    leaf: Leaf, of_metric: dict[str, Any], of_point: dict[str, Any], columns: dict[str, Any], truncated: list[str]
) -> None:
    sent = Metric(name="m", gauge=Gauge(data_points=[NumberDataPoint(as_int=1, **of_point)]), **of_metric)
    await stored(leaf, Signal.METRICS, sent, limits=ONE)
    (row,) = await leaf.read("metric_points")
    assert {column: row[column] for column in columns} == columns
    assert row["truncated"] == (truncated or None)


@pytest.mark.clause("OTLP b5")
async def test_what_events_and_links_lack_is_counted(leaf: Leaf) -> None:
    sent = span(
        events=[Span.Event(name="e", attributes=LETTERS, dropped_attributes_count=4)],
        links=[Span.Link(trace_id=b"\1" * 16, span_id=b"\2" * 8, attributes=LETTERS, dropped_attributes_count=5)],
    )
    await stored(leaf, Signal.TRACES, sent, limits=ONE)
    (row,) = await leaf.read("spans")
    counts = [(each["attributes"], each["dropped_attributes_count"]) for each in (*row["events"], *row["links"])]
    assert counts == [({"a": 1}, 6), ({"a": 1}, 7)]
