"""OpenTelemetry's and Sentry's JavaScript clients under Node.js, and what they sent in PostgreSQL."""

from uuid import UUID

import pytest

from tests.acceptance import node_client
from tests.acceptance.stack import App, Stack

pytestmark = pytest.mark.usefixtures("node")


def test_the_lock_file_names_no_place_that_packages_come_from() -> None:
    lock = (node_client.FOLDER / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock


def test_spans_of_the_json_exporter_are_stored_as_they_were_made(stack: Stack, app: App) -> None:
    key = app.key("development")
    made = node_client.run(
        "otlp.mjs",
        {
            "OTEL_SERVICE_NAME": "shop-node",
            "OTEL_EXPORTER_OTLP_ENDPOINT": stack.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"X-API-Key={key},X-Axonpush-Channel={app.channel}",
        },
    )
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
