"""The tree of a trace: every span is shown once, below its parent, whatever is missing."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.query.trace import tree_of
from schemas.stored import SpanEvent

TRACE = "ab" * 16
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def span(span_id: str, parent: str | None = None, *, start: int = 0, duration: int = 1) -> SpanEvent:
    own: dict[str, Any] = dict.fromkeys(SpanEvent.__struct_fields__)
    own |= {"start_unix_nano": str(start), "duration_nano": str(duration), "started_at": NOON, "received_at": NOON}
    own |= {"span_id": span_id, "parent_span_id": parent, "trace_id": TRACE, "name": span_id}
    return SpanEvent(**own)


def drawn(spans: Sequence[SpanEvent]) -> list[str]:
    """Write a tree, a line for each span; `*` is the root that stands in."""
    placed = tree_of(TRACE, spans).spans
    return ["." * each.depth + (each.span.name if each.span is not None else "*") for each in placed]


@pytest.mark.clause("OTLP d7")
@pytest.mark.parametrize(
    ("spans", "lines"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([span("a")], ["a"], id="a root alone"),
        pytest.param(
            [span("a"), span("b", "a"), span("c", "b"), span("d", "a")], ["a", ".b", "..c", ".d"], id="a whole trace"
        ),
        pytest.param([span("b", "a"), span("c", "b"), span("d", "a")], ["*", ".b", "..c", ".d"], id="no root"),
        pytest.param([span("b", "a")], ["*", ".b"], id="one span, without its parent"),
        pytest.param([span("a"), span("c", "b")], ["*", ".a", ".c"], id="a root, and a span without its parent"),
        pytest.param([span("a"), span("b")], ["*", ".a", ".b"], id="two roots"),
        pytest.param([span("a", "a")], ["*", ".a"], id="its own parent"),
        pytest.param([span("a", "b"), span("b", "a")], ["*", ".a", "..b"], id="a circle"),
        pytest.param(
            [span("r"), span("a", "b"), span("b", "a")], ["*", ".r", ".a", "..b"], id="a circle beside a root"
        ),
        pytest.param([span("a"), span("a"), span("b", "a")], ["*", ".a", "..b", ".a"], id="sent twice"),
    ],
)
def test_spans_stand_below_their_parents(spans: list[SpanEvent], lines: list[str]) -> None:
    assert drawn(spans) == lines


def test_a_trace_lasts_from_its_first_start_to_its_last_end() -> None:
    trace = tree_of(TRACE, [span("a", start=5, duration=10), span("b", "a", start=7, duration=100)])
    assert (trace.start_unix_nano, trace.duration_nano) == ("5", "102")
    empty = tree_of(TRACE, [])
    assert (empty.trace_id, empty.start_unix_nano, empty.duration_nano) == (TRACE, None, None)


def test_a_trace_may_be_as_deep_as_it_has_spans() -> None:
    chain = [span("0")] + [span(str(number), str(number - 1)) for number in range(1, 10_000)]
    assert [each.depth for each in tree_of(TRACE, chain).spans] == list(range(10_000))


IDS = st.sampled_from("abcdef")


@given(edges=st.lists(st.tuples(IDS, IDS | st.none()), max_size=12))
def test_every_span_is_shown_once_and_one_deeper_than_what_it_stands_below(edges: list[tuple[str, str | None]]) -> None:
    spans = [span(own, parent, start=number) for number, (own, parent) in enumerate(edges)]
    placed = tree_of(TRACE, spans).spans
    shown = [each.span for each in placed if each.span is not None]
    assert sorted(map(id, shown)) == sorted(map(id, spans))
    path: list[Any] = []
    for each in placed:
        assert each.depth <= len(path)
        del path[each.depth :]
        above = path[-1] if path else None
        if above is not None and each.span is not None:
            assert each.span.parent_span_id == above.span_id
        path.append(each.span)
    assert [each.depth for each in placed].count(0) == bool(placed)
