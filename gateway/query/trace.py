"""The spans of one trace as a tree: each behind its parent, and all of them shown whatever is missing."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from gateway.query.columns import SOURCES
from gateway.query.events import PAGE_MAX_BYTES, event_of
from gateway.query.redaction import redact
from gateway.query.store import Reader
from schemas.stored import EventKind, SpanEvent, StoredTrace, TraceSpan

SPANS_MAX_COUNT = 10_000
_SOURCE = SOURCES[EventKind.SPAN]
_SPANS = f"""
SELECT {_SOURCE.select()} FROM (
    SELECT * FROM {_SOURCE.table} WHERE environment = $1 AND trace_id = $2 ORDER BY start_ns, span_id LIMIT $3
) AS e
LEFT JOIN resources AS r ON r.environment = e.environment AND r.id = e.resource_id
ORDER BY e.start_ns, e.span_id
"""  # noqa: S608 (made of our own names; values are arguments)


async def read(reader: Reader, org_id: str, environment: str, trace_id: bytes, *, is_redacted: bool) -> StoredTrace:
    """Answer what is stored of a trace (16 bytes), the earliest spans where there are too many for one answer.

    Raises:
        StoreTransient: PostgreSQL cannot be reached, or does not answer in time.
    """
    async with reader.tenant(org_id) as tenant:
        rows, is_cut = await tenant.rows(_SPANS, environment, trace_id, SPANS_MAX_COUNT + 1, max_bytes=PAGE_MAX_BYTES)
    found: list[SpanEvent] = [event_of(EventKind.SPAN, row) for row in rows[:SPANS_MAX_COUNT]]
    trace = tree_of(trace_id.hex(), [redact(each) for each in found] if is_redacted else found)
    return replace(trace, is_cut=is_cut or len(rows) > SPANS_MAX_COUNT)


def tree_of(trace_id: str, spans: Sequence[SpanEvent]) -> StoredTrace:
    """Put the spans of a trace, given by their start, in the order of their tree, siblings by their start.

    A root stands in where it is missing, where there are several, and above every span whose parent is not among them;
    parents in a circle are broken up at the earliest of them.
    """
    ids = {span.span_id for span in spans}
    children: dict[str | None, list[int]] = defaultdict(list)
    tops: list[int] = []
    for number, span in enumerate(spans):
        if span.parent_span_id in ids:
            children[span.parent_span_id].append(number)
        else:
            tops.append(number)
    walked: set[int] = set()
    placed: list[TraceSpan] = []
    for number in (*tops, *range(len(spans))):
        if number not in walked:
            placed += _below(number, spans, children, walked)
    roots = [each.span for each in placed if each.depth == 0]
    has_one_root = len(roots) == 1 and roots[0] is not None and roots[0].parent_span_id is None
    if placed and not has_one_root:
        deeper = [replace(each, depth=each.depth + 1) for each in placed]
        placed = [TraceSpan(depth=0, span=None), *deeper]
    start_ns = min((int(span.start_unix_nano) for span in spans), default=None)
    end_ns = max((int(span.start_unix_nano) + int(span.duration_nano) for span in spans), default=None)
    return StoredTrace(
        trace_id=trace_id,
        start_unix_nano=None if start_ns is None else str(start_ns),
        duration_nano=None if start_ns is None or end_ns is None else str(end_ns - start_ns),
        spans=placed,
        is_cut=False,
    )


def _below(
    top: int, spans: Sequence[SpanEvent], children: dict[str | None, list[int]], walked: set[int]
) -> Iterator[TraceSpan]:
    """Yield a span and all below it, without recursion: a trace can be as deep as it has spans."""
    left = [(top, 0)]
    while left:
        number, depth = left.pop()
        if number in walked:
            continue
        walked.add(number)
        yield TraceSpan(depth=depth, span=spans[number])
        left += [(child, depth + 1) for child in reversed(children.get(spans[number].span_id, ()))]
