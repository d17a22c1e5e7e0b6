"""Sentry's JavaScript SDK under Node.js, and what it sent in PostgreSQL."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance import node_client
from tests.acceptance.sentry_rows import attachments, discarded, items, payloads
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = [pytest.mark.usefixtures("node"), pytest.mark.timeout(400)]


@pytest.mark.parametrize("lifecycle", ["stream", "static"])
def test_what_the_sdk_sends_is_stored(stack: Stack, app: App, lifecycle: str) -> None:
    marker = f"node-{lifecycle}"
    dsn = app.dsn(app.key("development"))
    made = node_client.run("sentry.mjs", {"SENTRY_DSN": dsn, "MARKER": marker, "TRACE_LIFECYCLE": lifecycle})
    assert made["isFlushed"]
    trace_id = bytes.fromhex(made["traceId"])

    (error,) = stack.database.wait_for(1, "SELECT * FROM error_events WHERE event_id = $1", UUID(made["eventId"]))
    assert error["environment"] == app.environments["development"]
    assert error["channel"] == app.channel
    assert (error["type"], error["value"]) == ("RangeError", "order 42 cannot be charged with 1999")
    assert (error["platform"], error["level"]) == ("node", "error")
    assert (error["release"], error["sdk_environment"]) == ("shop@4.5.6", "from-node")
    assert error["sdk_name"] == "sentry.javascript.node"
    assert error["tags"]["marker"] == marker
    assert error["user"]["email"] == "ann@example.com"
    assert error["trace_id"] == trace_id

    (attachment,) = stack.database.wait_for(1, "SELECT * FROM attachments WHERE event_id = $1", UUID(made["eventId"]))
    assert attachment["filename"] == "cart.bin"
    assert bytes(attachment["data"]) == bytes(range(256))

    query = "SELECT * FROM spans WHERE trace_id = $1 ORDER BY parent_span_id NULLS FIRST"
    spans = stack.database.wait_for(2, query, trace_id)
    root, child = spans
    assert {span["environment"] for span in spans} == {app.environments["development"]}
    assert {span["source"] for span in spans} == {"sentry"}
    assert root["name"] == f"GET /{marker}"
    assert child["name"] == "SELECT 1"
    assert child["parent_span_id"] == root["span_id"]

    (log,) = stack.database.wait_for(1, "SELECT * FROM logs WHERE trace_id = $1", trace_id)
    assert log["environment"] == app.environments["development"]
    assert log["body_text"] == f"low stock {marker}"
    assert log["severity_number"] == 13
    assert log["source"] == "sentry"
    assert log["attributes"]["left"] == 3


@pytest.mark.clause("Sentry c3")
@pytest.mark.parametrize(
    "way",
    [
        pytest.param("prefix", marks=pytest.mark.clause("Sentry 9c")),
        pytest.param("tunnel", marks=pytest.mark.clause("Sentry 19a")),
    ],
)
def test_what_users_set_and_call_is_stored(stack: Stack, app: App, way: str) -> None:
    origin, _, channel = app.dsn(app.key("development")).rpartition("/")
    env = {"MARKER": way, "SENTRY_DSN": f"{origin}/some/prefix/{channel}"}
    if way == "tunnel":
        env["TUNNEL"] = f"{stack.url}/api/{channel}/envelope/"
    made = node_client.run("sentry_options.mjs", env)
    stats = stack.wait_until_stored(app.slug)["development"]
    environment = app.environments["development"]

    assert made["keptCount"] > 0
    query = "SELECT * FROM error_events WHERE environment = $1 ORDER BY timestamp"
    offline, online = stack.database.rows(query, environment)
    assert (offline["event_id"], offline["value"]) == (UUID(made["offlineId"]), "while offline")
    assert offline["sent_at"] > offline["timestamp"]
    assert (online["event_id"], online["value"]) == (UUID(made["onlineId"]), "online again")
    assert {(row["release"], row["dist"], row["server_name"]) for row in (offline, online)} == {
        ("shop@4.5.6", "linux-7", "host-1")
    }
    assert (online["level"], online["sdk_environment"]) == ("warning", "from-node")
    assert online["tags"]["marker"] == way
    assert [each["message"] for each in online["payload"]["breadcrumbs"]] == ["step 2", "step 3", "step 4"]

    # What the SDK says that it is of, "from-node", is another environment than the key's.
    assert stats["environment_mismatches"] >= 2

    (report,) = payloads(stack, app, "client_report")
    assert report["discarded_events"] == [{"reason": "before_send", "category": "error", "quantity": 1}]
    assert discarded(stack, app) == {("before_send", "error"): 1}
    (feedback,) = items(stack, app, "feedback")
    assert (feedback["event_id"], feedback["category"]) == (UUID(made["feedbackId"]), "feedback")
    assert feedback["json"]["contexts"]["feedback"]["message"] == "The cart is empty"
    assert feedback["json"]["contexts"]["feedback"]["associated_event_id"] == made["onlineId"]
    assert attachments(stack, app) == [(made["feedbackId"], "cart.txt", f"items of {way}".encode())]
    # The SDK sends all at once.
    check_ins = {each["status"]: each for each in payloads(stack, app, "check_in")}
    begun, done, failed = (check_ins.pop(status) for status in ("in_progress", "ok", "error"))
    assert not check_ins
    assert begun["monitor_slug"] == done["monitor_slug"] == f"nightly-{way}"
    assert begun["monitor_config"]["schedule"] == {"type": "crontab", "value": "0 3 * * *"}
    assert begun["check_in_id"] == done["check_in_id"]
    assert (failed["monitor_slug"], failed["duration"]) == (f"hourly-{way}", 1.5)
    (metrics,) = payloads(stack, app, "trace_metric")
    assert [(each["name"], each["type"], each["value"]) for each in metrics["items"]] == [
        ("orders", "counter", 2),
        ("latency", "distribution", 12.5),
    ]
    sessions = payloads(stack, app, "session")
    assert {session["sid"] for session in sessions} == {sessions[0]["sid"]}
    assert {session["attrs"]["release"] for session in sessions} == {"shop@4.5.6"}
    assert "exited" in {session["status"] for session in sessions}
    # Of the requests, one for each minute that any began in.
    counted = [each for payload in payloads(stack, app, "sessions") for each in payload["aggregates"]]
    assert sum(each["exited"] for each in counted) == 3


# By how spans are sent, where their attributes name the profile.
_PROFILERS: dict[str, Callable[[Any], str]] = {
    "static": lambda attributes: attributes["sentry.contexts"]["profile"]["profiler_id"],
    "stream": lambda attributes: attributes["sentry.profiler_id"],
}


@pytest.mark.clause("Sentry c1", "Sentry c3")
@pytest.mark.parametrize(("lifecycle", "trace_lifecycle"), [("trace", "stream"), ("manual", "static")])
def test_chunks_of_a_continuous_profile_are_stored(
    stack: Stack, app: App, lifecycle: str, trace_lifecycle: str
) -> None:
    dsn = app.dsn(app.key("development"))
    env = {"SENTRY_DSN": dsn, "LIFECYCLE": lifecycle, "TRACE_LIFECYCLE": trace_lifecycle}
    made = node_client.run("sentry_profile.mjs", env)
    assert made["isFlushed"]
    stack.wait_until_stored(app.slug)
    chunks = items(stack, app, "profile_chunk")
    assert {(row["category"], row["headers"]["platform"]) for row in chunks} == {("profile_chunk", "node")}
    assert {row["json"]["release"] for row in chunks} == {"shop@4.5.6"}
    assert "work" in {frame["function"] for row in chunks for frame in row["json"]["profile"]["frames"]}
    (span,) = stack.database.rows("SELECT * FROM spans WHERE environment = $1", app.environments["development"])
    assert (span["name"], span["trace_id"].hex()) == ("checkout", made["traceId"])
    assert {row["json"]["profiler_id"] for row in chunks} == {_PROFILERS[trace_lifecycle](span["attributes"])}
