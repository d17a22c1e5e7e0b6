"""What users of Sentry's Python SDK set and call beside errors, traces and logs, and what it sent in PostgreSQL."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.consts import CompressionAlgo
from sentry_sdk.crons import monitor
from sentry_sdk.profiler import start_profiler, stop_profiler
from sentry_sdk.profiler.continuous_profiler import teardown_continuous_profiler
from sentry_sdk.profiler.transaction_profiler import teardown_profiler
from sentry_sdk.sessions import track_session

from tests.acceptance.stack import App, Stack

# Enough of what samples profiles: it looks a hundred times a second.
_PROFILED_SECONDS = 0.1
_NIGHTLY: Any = {"schedule": {"type": "crontab", "value": "0 3 * * *"}, "max_runtime": 5}


@pytest.fixture
def start_sdk(app: App) -> Iterator[Callable[..., None]]:
    """Answer what starts the SDK with options; its DSN leads through a path prefix, as behind a proxy."""
    origin, _, channel = app.dsn(app.key("development")).rpartition("/")

    def start(**options: Any) -> None:
        sentry_sdk.init(dsn=f"{origin}/some/prefix/{channel}", release="shop@4.5.6", dist="linux-7", **options)

    yield start
    teardown_profiler()
    teardown_continuous_profiler()
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def work() -> None:
    """Be seen by a profiler."""
    end = time.monotonic() + _PROFILED_SECONDS
    while time.monotonic() < end:
        sum(range(1000))


def leave_out(event: Any, _hint: Any) -> Any:
    """Send all but one message."""
    return None if event.get("message") == "left out" else event


def items(stack: Stack, app: App, item_type: str) -> list[Any]:
    query = "SELECT json FROM sentry_items WHERE environment = $1 AND type = $2 ORDER BY received_at"
    return [row["json"] for row in stack.database.rows(query, app.environments["development"], item_type)]


@pytest.mark.clause("Sentry 9c", "Sentry c3")
@pytest.mark.parametrize(
    "compression",
    [
        pytest.param({}, id="gzip"),
        pytest.param({"transport_compression_algo": CompressionAlgo.BROTLI}, id="br"),
        pytest.param({"transport_compression_level": 0}, id="none"),
    ],
)
def test_what_users_set_and_call_is_stored(
    stack: Stack, app: App, start_sdk: Callable[..., None], compression: Any
) -> None:
    start_sdk(
        environment="from-sdk",
        server_name="host-1",
        max_breadcrumbs=2,
        before_send=leave_out,
        _experiments=compression,
    )
    with track_session(sentry_sdk.get_isolation_scope()):
        for step in (1, 2, 3):
            sentry_sdk.add_breadcrumb(message=f"step {step}")
        sentry_sdk.capture_message("low stock", level="warning")
    sentry_sdk.capture_message("left out")
    with monitor(monitor_slug="nightly", monitor_config=_NIGHTLY):
        pass
    with pytest.raises(OverflowError), monitor(monitor_slug="weekly"):
        raise OverflowError
    sentry_sdk.metrics.count("orders", 2, attributes={"shop": "a"})
    sentry_sdk.metrics.distribution("latency", 12.5, unit="millisecond")
    sentry_sdk.flush(10)
    # The session and the report of what was left out go when the SDK ends.
    sentry_sdk.get_client().close()
    stats = stack.wait_until_stored(app.slug)["development"]

    environment = app.environments["development"]
    event = stack.database.row("SELECT * FROM error_events WHERE environment = $1", environment)
    assert (event["value"], event["level"]) == ("low stock", "warning")
    assert (event["release"], event["dist"], event["server_name"]) == ("shop@4.5.6", "linux-7", "host-1")
    assert event["sdk_environment"] == "from-sdk"
    assert [each["message"] for each in event["payload"]["breadcrumbs"]["values"]] == ["step 2", "step 3"]
    assert stats["environment_mismatches"] >= 1

    begun, done, begun_weekly, failed = items(stack, app, "check_in")
    assert [(each["monitor_slug"], each["status"]) for each in (begun, done, begun_weekly, failed)] == [
        ("nightly", "in_progress"),
        ("nightly", "ok"),
        ("weekly", "in_progress"),
        ("weekly", "error"),
    ]
    assert begun["monitor_config"] == _NIGHTLY
    assert begun["check_in_id"] == done["check_in_id"]
    (session,) = items(stack, app, "session")
    assert (session["status"], session["attrs"]["release"]) == ("exited", "shop@4.5.6")
    (metrics,) = items(stack, app, "trace_metric")
    assert [(each["name"], each["type"], each["value"]) for each in metrics["items"]] == [
        ("orders", "counter", 2),
        ("latency", "distribution", 12.5),
    ]
    (report,) = items(stack, app, "client_report")
    assert report["discarded_events"] == [{"reason": "before_send", "category": "error", "quantity": 1}]
    query = (
        "SELECT reason, category, quantity FROM sentry_outcomes WHERE environment = $1 AND outcome = 'client_discard'"
    )
    assert tuple(stack.database.row(query, environment)) == ("before_send", "error", 1)


@pytest.mark.clause("Sentry c3")
def test_the_profile_of_a_transaction_is_stored(stack: Stack, app: App, start_sdk: Callable[..., None]) -> None:
    with pytest.warns(DeprecationWarning, match="profiling is deprecated"):
        start_sdk(traces_sample_rate=1.0, profiles_sample_rate=1.0)
    with sentry_sdk.start_transaction(name="checkout", op="task") as transaction:
        work()
    sentry_sdk.flush(10)
    stack.wait_until_stored(app.slug)
    (profile,) = items(stack, app, "profile")
    assert profile["release"] == "shop@4.5.6"
    (profiled,) = profile["transactions"]
    assert (profiled["name"], profiled["trace_id"]) == ("checkout", transaction.trace_id)
    assert "work" in {frame["function"] for frame in profile["profile"]["frames"]}


@pytest.mark.clause("Sentry c3")
def test_chunks_of_a_continuous_profile_are_stored(stack: Stack, app: App, start_sdk: Callable[..., None]) -> None:
    start_sdk(profile_session_sample_rate=1.0)
    start_profiler()
    work()
    stop_profiler()
    sentry_sdk.flush(10)
    sentry_sdk.get_client().close()
    stack.wait_until_stored(app.slug)
    chunks = items(stack, app, "profile_chunk")
    assert chunks
    assert {chunk["release"] for chunk in chunks} == {"shop@4.5.6"}
    assert "work" in {frame["function"] for chunk in chunks for frame in chunk["profile"]["frames"]}
