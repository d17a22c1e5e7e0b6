"""Every column of the tables of telemetry is filled by something that a client can send, by each kind of metric too."""

from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from gateway.runtime.settings import Limits
from schemas.signals import Signal
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import logs
from tests.unit.rows.whole import STORED_EXEMPLAR, surrounded, unset, whole_log, whole_metric, whole_span

GEN_AI = {
    **{f"gen_ai.{name}": "x" for name in ("operation.name", "provider.name", "request.model", "response.model")},
    **{f"gen_ai.{name}": "x" for name in ("conversation.id", "agent.name", "tool.name")},
    **{f"gen_ai.usage.{name}": 1 for name in ("input_tokens", "output_tokens")},
    **{f"gen_ai.usage.{name}": 1 for name in ("cache_read.input_tokens", "reasoning.output_tokens")},
    "error.type": "x",
}
# One more than the limits of the test let in.
VALUES = {**GEN_AI, "left out": 1}
LIMITS = Limits(attributes_max_count=len(GEN_AI))
# What a kind of metric does not have.
NUMBERS = {"value_double", "value_int"}
LACKING: dict[str, set[str]] = {
    "gauge": {"temporality", "monotonic", "histogram"},
    "sum": {"histogram"},
    "histogram": {"monotonic", *NUMBERS},
    "exponential_histogram": {"monotonic", *NUMBERS},
    "summary": {"temporality", "monotonic", "exemplars", *NUMBERS},
}


@pytest.mark.clause("OTLP d1", "OTLP d2", "OTLP d3", "OTLP d4", "OTLP d8")
@pytest.mark.parametrize(
    ("table", "signal", "item", "lacking"),
    [
        pytest.param("spans", Signal.TRACES, whole_span(VALUES), set[str](), id="spans"),
        pytest.param("logs", Signal.LOGS, whole_log(VALUES), set[str](), id="logs"),
        *(
            pytest.param("metric_points", Signal.METRICS, whole_metric(kind, VALUES), lacking, id=kind)
            for kind, lacking in LACKING.items()
        ),
    ],
)
async def test_no_column_stays_empty(leaf: Leaf, table: str, signal: Signal, item: Any, lacking: set[str]) -> None:
    request = surrounded(item)
    assert unset(request) == []
    await leaf.store(otlp(signal, request), limits=LIMITS)
    rows = await leaf.read(table)
    filled = {column for row in rows for column, value in row.items() if value is not None}
    assert filled == await leaf.columns(table) - lacking


@pytest.mark.clause("OTLP 26a", "OTLP d4")
@pytest.mark.parametrize("kind", LACKING)
async def test_every_kind_of_metric_keeps_its_exemplars(leaf: Leaf, kind: str) -> None:
    await leaf.store(otlp(Signal.METRICS, surrounded(whole_metric(kind, VALUES))))
    expected = None if kind == "summary" else [STORED_EXEMPLAR]
    rows = await leaf.read("metric_points")
    assert [row["exemplars"] for row in rows] == [expected] * len(rows)
    assert len(rows) == (2 if kind in ("gauge", "sum") else 1)


@pytest.mark.clause("OTLP d5")
async def test_every_severity_number_is_kept(leaf: Leaf) -> None:
    records = [LogRecord(severity_number=number, time_unix_nano=number + 1) for number in range(25)]  # pyright: ignore[reportArgumentType]
    await leaf.store(otlp(Signal.LOGS, logs(*records)))
    rows = sorted(await leaf.read("logs"), key=lambda row: row["time_ns"])
    assert [row["severity_number"] for row in rows] == list(range(25))
