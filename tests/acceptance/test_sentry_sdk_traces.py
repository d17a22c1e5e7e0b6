"""Sentry's Python SDK: each way in which it sends spans and profiles, and what it sent in PostgreSQL."""

import time
from collections.abc import Callable
from typing import Any

import pytest
import sentry_sdk
from msgspec import Struct
from sentry_sdk import traces
from sentry_sdk.profiler import start_profiler, stop_profiler

from tests.acceptance.database import wait_until
from tests.acceptance.sentry_rows import attachments, items, payloads
from tests.acceptance.stack import App, Stack

# Enough of what samples profiles: it looks a hundred times a second.
_PROFILED_SECONDS = 0.1
_SPANS = "SELECT * FROM spans WHERE environment = $1 ORDER BY start_ns"


def work() -> None:
    """Be seen by a profiler."""
    end = time.monotonic() + _PROFILED_SECONDS
    while time.monotonic() < end:
        sum(range(1000))


def spans_of(stack: Stack, app: App) -> list[Any]:
    return stack.database.rows(_SPANS, app.environments["development"])


@pytest.mark.clause("Sentry c4")
def test_streamed_spans_are_stored_as_those_of_a_transaction_are(
    stack: Stack, app: App, start_sdk: Callable[..., None]
) -> None:
    start_sdk(traces_sample_rate=1.0, trace_lifecycle="stream", environment="from-sdk")
    with (
        traces.start_span(name="GET /cart", attributes={"sentry.op": "http.server", "items": 3}) as root,
        traces.start_span(name="SELECT 1", attributes={"ratio": 2.5, "tables": ["a", "b"]}) as child,
    ):
        child.status = "error"
    sentry_sdk.flush(10)
    stack.wait_until_stored(app.slug)

    rows = spans_of(stack, app)
    stored, query = rows
    assert [row["name"] for row in rows] == ["GET /cart", "SELECT 1"]
    assert {row["trace_id"].hex() for row in rows} == {root.trace_id}
    assert {(row["source"], row["event_environment"]) for row in rows} == {("sentry", "from-sdk")}
    assert (stored["span_id"].hex(), stored["parent_span_id"]) == (root.span_id, None)
    assert (query["span_id"].hex(), query["parent_span_id"]) == (child.span_id, stored["span_id"])
    assert (stored["kind"], stored["status_code"], query["status_code"]) == (2, 1, 2)
    assert stored["attributes"]["items"] == 3
    assert (query["attributes"]["ratio"], query["attributes"]["tables"]) == (2.5, ["a", "b"])
    assert stored["duration_ns"] >= query["duration_ns"] > 0


@pytest.mark.clause("Sentry c4")
def test_the_span_of_a_model_beside_its_transaction_has_its_columns(
    stack: Stack, app: App, start_sdk: Callable[..., None]
) -> None:
    start_sdk(traces_sample_rate=1.0)
    with sentry_sdk.start_transaction(op="task", name="answer") as root:
        with sentry_sdk.start_span(op="gen_ai.chat", name="chat m-1") as chat:
            chat.set_data("gen_ai.request.model", "m-1")
            chat.set_data("gen_ai.usage.input_tokens", 11)
        with sentry_sdk.start_span(op="db.query", name="SELECT 1") as query:
            pass
    sentry_sdk.flush(10)
    stack.wait_until_stored(app.slug)

    rows = {row["name"]: row for row in spans_of(stack, app)}
    assert set(rows) == {"answer", "chat m-1", "SELECT 1"}
    # Of one envelope: the transaction, and the span that the SDK took out of it.
    assert len({row["ingest_id"] for row in rows.values()}) == 1
    for span in (chat, query):
        row = rows[span.description]
        assert row["trace_id"] == bytes.fromhex(root.trace_id)
        assert (row["span_id"].hex(), row["parent_span_id"].hex()) == (span.span_id, root.span_id)
    modelled = rows["chat m-1"]
    assert (modelled["gen_ai_request_model"], modelled["gen_ai_input_tokens"]) == ("m-1", 11)
    assert rows["SELECT 1"]["gen_ai_request_model"] is None


def test_a_transaction_keeps_its_attachment(stack: Stack, app: App, start_sdk: Callable[..., None]) -> None:
    start_sdk(traces_sample_rate=1.0)
    data = bytes(range(256))
    with sentry_sdk.new_scope() as scope:
        scope.add_attachment(bytes=data, filename="cart.bin", add_to_transactions=True)
        with sentry_sdk.start_transaction(op="task", name="checkout"):
            pass
    sentry_sdk.flush(10)
    stack.wait_until_stored(app.slug)
    (span,) = spans_of(stack, app)
    assert span["name"] == "checkout"
    assert attachments(stack, app) == [(span["attributes"]["sentry.event_id"], "cart.bin", data)]


def by_hand() -> None:
    start_profiler()
    work()
    stop_profiler()


def by_transaction() -> None:
    with sentry_sdk.start_transaction(name="checkout", op="task"):
        work()


def by_streamed_span() -> None:
    with traces.start_span(name="checkout"):
        work()


class Way(Struct, frozen=True):
    """Options of the SDK, what is profiled, and which attribute of its span names the profile; None without a span."""

    options: dict[str, Any]
    profile: Callable[[], None]
    link: str | None


_BY_TRACE = {"traces_sample_rate": 1.0, "profile_lifecycle": "trace"}
_STREAMED = {**_BY_TRACE, "trace_lifecycle": "stream"}


@pytest.mark.clause("Sentry c1", "Sentry c3")
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(Way({}, by_hand, None), id="by-hand"),
        pytest.param(Way(_BY_TRACE, by_transaction, "profiler_id"), id="of-a-transaction"),
        pytest.param(Way(_STREAMED, by_streamed_span, "sentry.profiler_id"), id="of-a-streamed-span"),
    ],
)
def test_chunks_of_a_continuous_profile_are_stored(
    stack: Stack, app: App, start_sdk: Callable[..., None], way: Way
) -> None:
    start_sdk(profile_session_sample_rate=1.0, **way.options)
    way.profile()
    sentry_sdk.flush(10)
    # The profiler sends what it has from a thread of its own, once it sees that nothing is profiled any more.
    wait_until(lambda: bool(items(stack, app, "profile_chunk")), "a chunk is stored")
    chunks = items(stack, app, "profile_chunk")
    assert {(row["category"], row["headers"]["platform"]) for row in chunks} == {("profile_chunk", "python")}
    assert {row["json"]["release"] for row in chunks} == {"shop@4.5.6"}
    assert "work" in {frame["function"] for row in chunks for frame in row["json"]["profile"]["frames"]}
    if way.link is not None:
        (span,) = stack.database.wait_for(1, _SPANS, app.environments["development"])
        assert {row["json"]["profiler_id"] for row in chunks} == {span["attributes"][way.link]}


@pytest.mark.clause("Sentry c3")
def test_the_profile_of_a_transaction_is_stored(stack: Stack, app: App, start_sdk: Callable[..., None]) -> None:
    with pytest.warns(DeprecationWarning, match="profiling is deprecated"):
        start_sdk(traces_sample_rate=1.0, profiles_sample_rate=1.0)
    with sentry_sdk.start_transaction(name="checkout", op="task") as transaction:
        work()
    sentry_sdk.flush(10)
    stack.wait_until_stored(app.slug)
    (profile,) = payloads(stack, app, "profile")
    assert profile["release"] == "shop@4.5.6"
    (profiled,) = profile["transactions"]
    assert (profiled["name"], profiled["trace_id"]) == ("checkout", transaction.trace_id)
    assert "work" in {frame["function"] for frame in profile["profile"]["frames"]}
