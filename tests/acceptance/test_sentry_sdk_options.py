"""What users of Sentry's Python SDK set and call beside errors, traces and logs, and what it sent in PostgreSQL."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import sentry_sdk
from sentry_sdk.consts import CompressionAlgo
from sentry_sdk.crons import monitor
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.sessions import track_session

from tests.acceptance.sentry_rows import discarded, items, payloads
from tests.acceptance.stack import App, Stack

_NIGHTLY: Any = {"schedule": {"type": "crontab", "value": "0 3 * * *"}, "max_runtime": 5}


def leave_out(event: Any, _hint: Any) -> Any:
    """Send all but one message."""
    return None if event.get("message") == "left out" else event


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
    sentry_sdk.metrics.gauge("carts", 3, unit="cart")
    sentry_sdk.flush(10)
    # The session and the report of what was left out go when the SDK ends.
    sentry_sdk.get_client().close()
    stats = stack.wait_until_stored(app.slug)["development"]

    event = stack.database.row("SELECT * FROM error_events WHERE environment = $1", app.environments["development"])
    assert (event["value"], event["level"]) == ("low stock", "warning")
    assert (event["release"], event["dist"], event["server_name"]) == ("shop@4.5.6", "linux-7", "host-1")
    assert event["sdk_environment"] == "from-sdk"
    assert [each["message"] for each in event["payload"]["breadcrumbs"]["values"]] == ["step 2", "step 3"]
    assert stats["environment_mismatches"] >= 1

    begun, done, begun_weekly, failed = payloads(stack, app, "check_in")
    assert [(each["monitor_slug"], each["status"]) for each in (begun, done, begun_weekly, failed)] == [
        ("nightly", "in_progress"),
        ("nightly", "ok"),
        ("weekly", "in_progress"),
        ("weekly", "error"),
    ]
    assert begun["monitor_config"] == _NIGHTLY
    assert begun["check_in_id"] == done["check_in_id"]
    (session,) = payloads(stack, app, "session")
    assert (session["status"], session["attrs"]["release"]) == ("exited", "shop@4.5.6")
    (metrics,) = payloads(stack, app, "trace_metric")
    assert [(each["name"], each["type"], each["value"], each.get("unit")) for each in metrics["items"]] == [
        ("orders", "counter", 2, None),
        ("latency", "distribution", 12.5, "millisecond"),
        ("carts", "gauge", 3, "cart"),
    ]
    (report,) = payloads(stack, app, "client_report")
    assert report["discarded_events"] == [{"reason": "before_send", "category": "error", "quantity": 1}]
    assert discarded(stack, app) == {("before_send", "error"): 1}


@pytest.mark.clause("Sentry c1", "Sentry c3")
def test_the_requests_of_a_web_app_are_stored_as_counts_of_sessions(
    stack: Stack, app: App, start_sdk: Callable[..., None]
) -> None:
    def shop(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise OverflowError
        start_response("200 OK", [])
        return [b"hello"]

    start_sdk()
    guarded = SentryWsgiMiddleware(shop)
    for path in ("/", "/cart"):
        environ: dict[str, Any] = {"PATH_INFO": path}
        setup_testing_defaults(environ)
        assert list(guarded(environ, lambda *_: None)) == [b"hello"]
    broken: dict[str, Any] = {"PATH_INFO": "/broken"}
    setup_testing_defaults(broken)
    with pytest.raises(OverflowError):
        guarded(broken, lambda *_: None)
    sentry_sdk.get_client().close()
    stack.wait_until_stored(app.slug)

    counts = {"exited": 0, "crashed": 0}
    for row in items(stack, app, "sessions"):
        assert (row["category"], row["json"]["attrs"]["release"]) == ("session", "shop@4.5.6")
        # One for each minute that requests began in.
        for aggregate in row["json"]["aggregates"]:
            counts = {status: count + aggregate.get(status, 0) for status, count in counts.items()}
    assert counts == {"exited": 2, "crashed": 1}
