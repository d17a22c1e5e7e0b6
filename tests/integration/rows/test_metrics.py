"""OTLP metric data points on real PostgreSQL."""

import math
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)

from schemas.signals import Signal
from tests.integration.rows.leaf import ENVIRONMENT, Leaf, moment
from tests.unit.rows.records import CHANNEL, INGEST_ID, RECEIVED_NS, otlp
from tests.unit.rows.requests import attributes, metrics
from tests.unit.rows.whole import STORED_EXEMPLAR, STORED_RESOURCE, STORED_SCOPE, surrounded, unset, whole_metric

DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
UINT8_MAX = 2**64 - 1
TIMES: dict[str, Any] = {"start_time_unix_nano": 1000, "time_unix_nano": 2000}
EXEMPLAR = Exemplar(
    time_unix_nano=3,
    as_int=4,
    trace_id=b"\1" * 16,
    span_id=b"\2" * 8,
    filtered_attributes=attributes({"k": "v"}),
)

# A metric, and what is stored of its one point.
POINTS: list[tuple[str, Metric, dict[str, Any]]] = [
    (
        "gauge",
        Metric(
            name="load",
            unit="1",
            description="How busy",
            gauge=Gauge(data_points=[NumberDataPoint(**TIMES, as_double=0.5, attributes=attributes({"cpu": 1}))]),
        ),
        {
            "name": "load",
            "type": "gauge",
            "unit": "1",
            "description": "How busy",
            "temporality": None,
            "monotonic": None,
            "start_ns": 1000,
            "time_ns": 2000,
            "ts": moment(2000),
            "value_double": 0.5,
            "value_int": None,
            "histogram": None,
            "exemplars": None,
            "flags": 0,
            "attributes": {"cpu": 1},
            "truncated": None,
        },
    ),
    (
        "sum with an exemplar",
        Metric(
            name="requests",
            sum=Sum(
                aggregation_temporality=DELTA,
                is_monotonic=True,
                data_points=[NumberDataPoint(**TIMES, as_int=-(2**63), exemplars=[EXEMPLAR])],
            ),
        ),
        {
            "type": "sum",
            "temporality": 1,
            "monotonic": True,
            "value_double": None,
            "value_int": -(2**63),
            "exemplars": [
                {"time_ns": 3, "value": 4, "trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {"k": "v"}}
            ],
        },
    ),
    (
        "infinity",
        Metric(name="g", gauge=Gauge(data_points=[NumberDataPoint(as_double=math.inf)])),
        {"value_double": math.inf, "time_ns": 0, "start_ns": None, "ts": moment(RECEIVED_NS)},
    ),
    (
        "no recorded value",
        Metric(name="g", gauge=Gauge(data_points=[NumberDataPoint(flags=1)])),
        {"value_double": None, "value_int": None, "flags": 1},
    ),
    (
        "times past 2262",
        Metric(
            name="g",
            gauge=Gauge(data_points=[NumberDataPoint(start_time_unix_nano=2**63, time_unix_nano=UINT8_MAX)]),
        ),
        {
            "start_ns": 2**63 - 1,
            "time_ns": 2**63 - 1,
            "ts": moment(2**63 - 1),
            "truncated": ["start_ns", "time_ns"],
        },
    ),
    (
        "histogram",
        Metric(
            name="h",
            histogram=Histogram(
                aggregation_temporality=DELTA,
                data_points=[
                    HistogramDataPoint(
                        count=UINT8_MAX, sum=math.nan, min=0.5, max=9.5, bucket_counts=[1, 2], explicit_bounds=[0.25]
                    )
                ],
            ),
        ),
        {
            "type": "histogram",
            "temporality": 1,
            "monotonic": None,
            "histogram": {"count": UINT8_MAX, "sum": "NaN", "min": 0.5, "max": 9.5, "counts": [1, 2], "bounds": [0.25]},
        },
    ),
    (
        "exponential histogram",
        Metric(
            name="e",
            exponential_histogram=ExponentialHistogram(
                data_points=[
                    ExponentialHistogramDataPoint(
                        count=6,
                        sum=-1.5,
                        min=-4,
                        max=2,
                        scale=-2,
                        zero_count=1,
                        zero_threshold=0.5,
                        positive=ExponentialHistogramDataPoint.Buckets(offset=-1, bucket_counts=[2, 3]),
                        negative=ExponentialHistogramDataPoint.Buckets(offset=7, bucket_counts=[1]),
                    )
                ]
            ),
        ),
        {
            "type": "exponential_histogram",
            "temporality": 0,
            "histogram": {
                "count": 6,
                "sum": -1.5,
                "min": -4,
                "max": 2,
                "scale": -2,
                "zero_count": 1,
                "zero_threshold": 0.5,
                "positive": {"offset": -1, "counts": [2, 3]},
                "negative": {"offset": 7, "counts": [1]},
            },
        },
    ),
    (
        "summary",
        Metric(
            name="s",
            summary=Summary(
                data_points=[
                    SummaryDataPoint(
                        count=2,
                        sum=3,
                        quantile_values=[SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=math.nan)],
                    )
                ]
            ),
        ),
        {"type": "summary", "histogram": {"count": 2, "sum": 3, "quantiles": [{"quantile": 0.5, "value": "NaN"}]}},
    ),
    (
        "a name too long for its index",
        Metric(name="n\0" * 3000, gauge=Gauge(data_points=[NumberDataPoint(as_int=1)])),
        {"name": "n" * 1024, "truncated": ["name"]},
    ),
]


@pytest.mark.clause("OTLP 26a", "OTLP d4")
@pytest.mark.parametrize(("metric", "stored"), [pytest.param(*case[1:], id=case[0]) for case in POINTS])
async def test_a_point_is_stored_whole(leaf: Leaf, metric: Metric, stored: dict[str, Any]) -> None:
    rows = await leaf.store(otlp(Signal.METRICS, metrics(metric)))
    (row,) = await leaf.read("metric_points")
    assert rows.counts == {"metric_points": 1}
    assert {column: row[column] for column in stored} == stored


# What is stored of the points of a metric of which every field is set, by its kind: what that kind alone has.
TOTALS = {"count": 6, "sum": 1.5}
BUCKETS = {"offset": -1, "counts": [2, 3]}
WHOLE: dict[str, list[dict[str, Any]]] = {
    "gauge": [{"value_double": 0.5}, {"value_int": 7}],
    "sum": [{"temporality": 1, "monotonic": True, **value} for value in ({"value_double": 0.5}, {"value_int": 7})],
    "histogram": [
        {"temporality": 1, "histogram": {**TOTALS, "min": 0.5, "max": 2, "counts": [1], "bounds": [2]}},
    ],
    "exponential_histogram": [
        {
            "temporality": 1,
            "histogram": {
                **TOTALS,
                "min": -4,
                "max": 2,
                "scale": -2,
                "zero_count": 1,
                "zero_threshold": 0.5,
                "positive": BUCKETS,
                "negative": BUCKETS,
            },
        },
    ],
    "summary": [{"histogram": {**TOTALS, "quantiles": [{"quantile": 0.5, "value": 2}]}}],
}


@pytest.mark.clause("OTLP d4", "OTLP d8")
@pytest.mark.parametrize("kind", WHOLE)
async def test_every_field_of_a_point_is_stored(leaf: Leaf, kind: str) -> None:
    request = surrounded(whole_metric(kind, {"k": 1}))
    assert unset(request) == []
    rows = await leaf.store(otlp(Signal.METRICS, request))
    (resource_id,) = rows.resources
    assert await leaf.resources() == {UUID(bytes=resource_id): STORED_RESOURCE}
    common = {
        "environment": ENVIRONMENT,
        "channel": CHANNEL,
        "received_at": moment(RECEIVED_NS),
        "ingest_id": UUID(bytes=INGEST_ID),
        "source": "otlp",
        **STORED_SCOPE,
        "resource_id": UUID(bytes=resource_id),
        "name": "m",
        "type": kind,
        "unit": "ms",
        "description": "d",
        "metadata": {"prometheus.type": "info"},
        "start_ns": 1,
        "time_ns": 2,
        "ts": moment(2),
        "flags": 1,
        "attributes": {"k": 1},
        **({} if kind == "summary" else {"exemplars": [STORED_EXEMPLAR]}),
    }
    found = [
        {column: value for column, value in row.items() if value is not None}
        for row in await leaf.read("metric_points")
    ]
    assert found == [{**common, **own} for own in WHOLE[kind]]


async def test_a_metric_without_data_is_no_point(leaf: Leaf) -> None:
    rows = await leaf.store(otlp(Signal.METRICS, metrics(Metric(name="nothing"))))
    assert rows.counts == {}
