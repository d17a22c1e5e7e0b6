"""OTLP metric data points to rows."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from consumers.rows.binary import INT8_MAX, NULL, boolean, float8, int2, int8, jsonb, sized, timestamptz
from consumers.rows.encoder import Encoder
from consumers.rows.otlp.common import INT2_MAX, Prefix, clamped
from consumers.rows.otlp.wire import Buckets, Exemplar, Metric, MetricsRequest, Point
from consumers.rows.tables import Rows
from consumers.rows.values import finite
from schemas.record import Record
from schemas.stored import INDEXED_TEXT_MAX_BYTES


def pack(request: MetricsRequest, record: Record, encoder: Encoder, into: Rows) -> None:
    """Pack every data point of a request."""
    prefix = Prefix("metric_points", record, encoder, into)
    tuples: list[bytes] = []
    for resource_metrics in request.resource_metrics:
        resource, notes = prefix.resource(resource_metrics)
        before = len(tuples)
        for scope_metrics in resource_metrics.scope_metrics:
            head, scope_notes = prefix.scope(resource, notes, scope_metrics)
            for metric in scope_metrics.metrics:
                kind = metric.WhichOneof("data")
                if kind is None:
                    continue
                columns, metric_notes = _metric(metric, kind, encoder)
                for point in getattr(metric, kind).data_points:
                    encoder.notes.extend((*scope_notes, *metric_notes))
                    tuples.append(head + columns + _point(point, kind, record.received_ns, encoder))
        prefix.end(len(tuples) - before)
    into.add("metric_points", b"".join(tuples), len(tuples))


def _metric(metric: Metric, kind: str, encoder: Encoder) -> tuple[bytes, tuple[str, ...]]:
    """Write the columns that all points of a metric share, and answer what had to be changed for them."""
    data = getattr(metric, kind)
    temporality = getattr(data, "aggregation_temporality", None)
    columns = (
        encoder.text("name", metric.name, INDEXED_TEXT_MAX_BYTES),
        sized(kind.encode()),
        encoder.texts("unit")[metric.unit],
        encoder.texts("description")[metric.description],
        NULL if temporality is None else int2(clamped("temporality", temporality, encoder, high=INT2_MAX)),
        boolean(data.is_monotonic) if kind == "sum" else NULL,
        _metadata(metric, encoder) if metric.metadata else NULL,
    )
    notes = tuple(encoder.notes)
    encoder.notes.clear()
    return b"".join(columns), notes


def _metadata(metric: Metric, encoder: Encoder) -> bytes:
    """Write what a metric says of itself beside its name."""
    before = len(encoder.notes)
    metadata, _ = encoder.attributes(metric.metadata, 0)
    encoder.notes[before:] = [note.replace("attributes", "metadata", 1) for note in encoder.notes[before:]]
    return jsonb(metadata)


def _point(point: Point, kind: str, received_ns: int, encoder: Encoder) -> bytes:
    """Write one data point."""
    attributes, dropped = encoder.attributes(point.attributes, 0)
    start_ns, time_ns = point.start_time_unix_nano, point.time_unix_nano
    if start_ns > INT8_MAX or time_ns > INT8_MAX:
        start_ns = clamped("start_ns", start_ns, encoder)
        time_ns = clamped("time_ns", time_ns, encoder)
    exemplars = () if kind == "summary" else point.exemplars
    columns = (
        int8(start_ns) if start_ns else NULL,
        int8(time_ns),
        timestamptz(time_ns or received_ns),
        int8(point.flags),
        *_VALUES[kind](point),
        jsonb(b"[%b]" % b",".join([_exemplar(exemplar, encoder) for exemplar in exemplars])) if exemplars else NULL,
        jsonb(attributes),
        int8(dropped) if dropped else NULL,
        encoder.truncated(),
    )
    return b"".join(columns)


def _number(point: Point) -> tuple[bytes, bytes, bytes]:
    """Write value_double, value_int and histogram of a gauge or a sum; no value at all is three nulls."""
    match point.WhichOneof("value"):
        case "as_double":
            return float8(point.as_double), NULL, NULL
        case "as_int":
            return NULL, int8(point.as_int), NULL
        case _:
            return NULL, NULL, NULL


def _histogram(point: Point) -> tuple[bytes, bytes, bytes]:
    """Write the same columns of a histogram with explicit bounds."""
    return _summarized(
        _totals(point, ("sum", "min", "max"))
        | {"counts": list(point.bucket_counts), "bounds": [finite(bound) for bound in point.explicit_bounds]}
    )


def _exponential_histogram(point: Point) -> tuple[bytes, bytes, bytes]:
    """Write the same columns of an exponential histogram."""
    return _summarized(
        _totals(point, ("sum", "min", "max"))
        | {
            "scale": point.scale,
            "zero_count": point.zero_count,
            "zero_threshold": finite(point.zero_threshold),
            "positive": _buckets(point.positive),
            "negative": _buckets(point.negative),
        }
    )


def _summary(point: Point) -> tuple[bytes, bytes, bytes]:
    """Write the same columns of a summary."""
    quantiles = [{"quantile": finite(item.quantile), "value": finite(item.value)} for item in point.quantile_values]
    return _summarized({"count": point.count, "sum": finite(point.sum), "quantiles": quantiles})


_VALUES: dict[str, Callable[[Point], tuple[bytes, bytes, bytes]]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential_histogram,
    "summary": _summary,
}


def _summarized(histogram: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    """Write null values and the column `histogram`."""
    return NULL, NULL, jsonb(orjson.dumps(histogram))


def _totals(point: Point, optional: Sequence[str]) -> dict[str, Any]:
    """Read the count, and those of the optional doubles that are there."""
    return {"count": point.count} | {name: finite(getattr(point, name)) for name in optional if point.HasField(name)}


def _buckets(buckets: Buckets) -> dict[str, Any]:
    """Read the buckets on one side of an exponential histogram."""
    return {"offset": buckets.offset, "counts": list(buckets.bucket_counts)}


def _exemplar(exemplar: Exemplar, encoder: Encoder) -> bytes:
    """Write one exemplar as JSON."""
    before = len(encoder.notes)
    attributes, dropped = encoder.attributes(exemplar.filtered_attributes, 0)
    encoder.notes[before:] = [f"exemplars.{note}" for note in encoder.notes[before:]]
    kind = exemplar.WhichOneof("value")
    value = None if kind is None else finite(getattr(exemplar, kind))
    return b'{"time_ns":%d,"value":%b,"trace_id":"%b","span_id":"%b","attributes":%b%b}' % (
        exemplar.time_unix_nano,
        orjson.dumps(value),
        exemplar.trace_id.hex().encode(),
        exemplar.span_id.hex().encode(),
        attributes,
        b',"dropped_attributes_count":%d' % dropped if dropped else b"",
    )
