"""OpenTelemetry's and Sentry's JavaScript clients under Node.js, and what they sent in PostgreSQL."""

from collections.abc import Mapping
from uuid import UUID

import pytest

from tests.acceptance import node_client
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = [pytest.mark.usefixtures("node"), pytest.mark.timeout(400)]


def test_the_lock_file_names_no_place_that_packages_come_from() -> None:
    lock = (node_client.FOLDER / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock


@pytest.mark.clause("OTLP 16a")
@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_what_the_opentelemetry_sdk_exports_is_stored_as_it_was_made(
    stack: Stack, app: App, protocol: str, compression: str
) -> None:
    made = node_client.run(
        "otlp.mjs",
        {
            "OTEL_SERVICE_NAME": "shop-node",
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
            "OTEL_EXPORTER_OTLP_HEADERS": (
                f"authorization=Bearer%20{app.key('development')},x-axonpush-channel={app.channel}"
            ),
        },
    )
    check_spans(stack, app, made)
    check_logs(stack, app, made)
    check_metrics(stack, app)


def check_spans(stack: Stack, app: App, made: Mapping[str, str]) -> None:
    rows = stack.database.wait_for(
        2,
        "SELECT s.*, r.attributes AS resource FROM spans s LEFT JOIN resources r"
        " ON r.environment = s.environment AND r.id = s.resource_id WHERE trace_id = $1 ORDER BY start_ns",
        bytes.fromhex(made["traceId"]),
    )
    root, child = rows
    assert {row["environment"] for row in rows} == {app.environments["development"]}
    assert {row["channel"] for row in rows} == {app.channel}
    assert {row["service_name"] for row in rows} == {"shop-node"}
    assert {row["event_environment"] for row in rows} == {"from-node"}
    assert {(row["scope_name"], row["scope_version"]) for row in rows} == {("acceptance-node", "1.2.3")}
    assert root["resource"] == {"service.name": "shop-node", "deployment.environment.name": "from-node"}

    assert root["name"] == "checkout"
    assert root["span_id"] == bytes.fromhex(made["rootId"])
    assert root["parent_span_id"] is None
    assert root["kind"] == 2
    assert root["status_code"] == 0
    assert root["attributes"] == {"text": "naïve ✓", "whole": 42, "broken": 0.5, "yes": True, "list": ["a", "b"]}

    assert child["name"] == "charge"
    assert child["span_id"] == bytes.fromhex(made["childId"])
    assert child["parent_span_id"] == bytes.fromhex(made["rootId"])
    assert child["kind"] == 3
    assert (child["status_code"], child["status_message"]) == (2, "card declined")
    assert [event["name"] for event in child["events"]] == ["declined"]
    assert len(child["links"]) == 1
    assert 0 < child["duration_ns"] < 60_000_000_000


def check_logs(stack: Stack, app: App, made: Mapping[str, str]) -> None:
    rows = stack.database.wait_for(
        2, "SELECT * FROM logs WHERE environment = $1 ORDER BY severity_number", app.environments["development"]
    )
    warning, error = rows
    assert {row["service_name"] for row in rows} == {"shop-node"}
    assert (warning["severity_number"], warning["severity_text"]) == (13, "WARN")
    assert warning["body"] == "stock of tea is low"
    assert warning["attributes"] == {"left": 3}
    assert warning["trace_id"] == bytes.fromhex(made["traceId"])
    assert warning["span_id"] == bytes.fromhex(made["rootId"])
    assert error["severity_number"] == 17
    assert error["trace_id"] is None
    assert error["event_name"] == "charge.failed"
    assert error["body"] == {"order": 42, "items": ["tea", None], "raw": "AP8="}
    assert error["time_ns"] > 1_000_000_000_000_000_000


def check_metrics(stack: Stack, app: App) -> None:
    rows = stack.database.wait_for(
        5, "SELECT * FROM metric_points WHERE environment = $1", app.environments["development"]
    )
    points = {row["name"]: row for row in rows}
    assert len(rows) == len(points)
    orders, carts, temperature = points["orders"], points["carts"], points["temperature"]
    assert (orders["type"], orders["unit"], orders["monotonic"]) == ("sum", "{order}", True)
    assert (orders["value_int"], orders["attributes"]) == (41, {"shop": "a"})
    assert (carts["type"], carts["monotonic"], carts["value_int"]) == ("sum", False, -2)
    assert (temperature["type"], temperature["value_double"]) == ("gauge", 20.5)
    assert points["latency"]["type"] == "histogram"
    assert points["latency"]["histogram"] == {
        "count": 4, "sum": 605, "min": 5, "max": 500, "counts": [1, 2, 1], "bounds": [10, 100],
    }  # fmt: skip
    assert points["sizes"]["type"] == "exponential_histogram"
    sizes = points["sizes"]["histogram"]
    assert (sizes["count"], sizes["sum"], sizes["min"], sizes["max"], sizes["zero_count"]) == (4, 1027, 0, 1024, 1)
    assert sum(sizes["positive"]["counts"]) == 3
    assert sum(sizes["negative"]["counts"]) == 0


@pytest.mark.parametrize("lifecycle", ["stream", "static"])
def test_what_the_sentry_sdk_sends_is_stored(stack: Stack, app: App, lifecycle: str) -> None:
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
    assert (attachment["filename"], attachment["content_type"]) == ("cart.txt", "text/plain")
    assert bytes(attachment["data"]) == f"items of {marker}".encode()

    spans = stack.database.wait_for(2, "SELECT * FROM spans WHERE trace_id = $1 ORDER BY start_ns", trace_id)
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
def test_what_users_of_the_sentry_sdk_set_and_call_is_stored(stack: Stack, app: App, way: str) -> None:
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

    query = "SELECT * FROM sentry_items WHERE environment = $1 AND type = $2 ORDER BY received_at"
    (report,) = stack.database.rows(query, environment, "client_report")
    assert report["json"]["discarded_events"] == [{"reason": "before_send", "category": "error", "quantity": 1}]
    (feedback,) = stack.database.rows(query, environment, "feedback")
    assert (feedback["event_id"], feedback["category"]) == (UUID(made["feedbackId"]), "feedback")
    assert feedback["json"]["contexts"]["feedback"]["message"] == "The cart is empty"
    assert feedback["json"]["contexts"]["feedback"]["associated_event_id"] == made["onlineId"]
    # The SDK sends both at once.
    check_ins = {row["json"]["status"]: row["json"] for row in stack.database.rows(query, environment, "check_in")}
    begun, done = check_ins.pop("in_progress"), check_ins.pop("ok")
    assert not check_ins
    assert begun["monitor_slug"] == done["monitor_slug"] == f"nightly-{way}"
    assert begun["monitor_config"]["schedule"] == {"type": "crontab", "value": "0 3 * * *"}
    assert begun["check_in_id"] == done["check_in_id"]
    (metrics,) = stack.database.rows(query, environment, "trace_metric")
    assert [(each["name"], each["type"], each["value"]) for each in metrics["json"]["items"]] == [
        ("orders", "counter", 2),
        ("latency", "distribution", 12.5),
    ]
    sessions = [row["json"] for row in stack.database.rows(query, environment, "session")]
    assert {session["sid"] for session in sessions} == {sessions[0]["sid"]}
    assert {session["attrs"]["release"] for session in sessions} == {"shop@4.5.6"}
    assert "exited" in {session["status"] for session in sessions}
    outcomes = stack.database.rows(
        "SELECT outcome, reason, category, quantity::int FROM sentry_outcomes"
        " WHERE environment = $1 AND outcome = 'client_discard'",
        environment,
    )
    assert [tuple(row) for row in outcomes] == [("client_discard", "before_send", "error", 1)]
