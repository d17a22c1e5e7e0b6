"""OpenTelemetry's JavaScript client under Node.js, and what it sent in PostgreSQL; its packages and Sentry's."""

from collections.abc import Mapping

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
        " ON r.environment = s.environment AND r.id = s.resource_id"
        # By the clock of a process in milliseconds both may have begun at once.
        " WHERE trace_id = $1 ORDER BY parent_span_id NULLS FIRST",
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
