"""Sentry's Python SDK, and what it sent in PostgreSQL."""

import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import sentry_sdk
from sentry_sdk import logger as sentry_logger

from tests.acceptance.stack import App, Stack

_OTLP_PROGRAM = Path(__file__).with_name("sentry_otlp.py")


@pytest.fixture(params=["production", "development"])
def environment(request: pytest.FixtureRequest, stack: Stack) -> Iterator[str]:
    """Start the SDK with the DSN of one environment of the stack, as `axonpush up` prints it."""
    sentry_sdk.init(
        dsn=stack.ready.dsn[request.param],
        environment="from-sdk",
        release="shop@4.5.6",
        server_name="host-1",
        traces_sample_rate=1.0,
        enable_logs=True,
    )
    yield request.param
    sentry_sdk.get_client().close()
    sentry_sdk.init()


def charge(order_number: int) -> None:
    amount = 1999
    raise OverflowError(f"order {order_number} cannot be charged with {amount}")


def environment_id(stack: Stack, slug: str) -> str:
    return stack.database.value(
        "SELECT e.id FROM environments e JOIN apps a ON a.id = e.app_id WHERE a.slug = 'default' AND e.slug = $1", slug
    )


def test_an_exception_is_stored_with_its_locals_and_its_attachment(stack: Stack, environment: str) -> None:
    with sentry_sdk.new_scope() as scope:
        scope.set_user({"id": 7, "email": "ann@example.com"})
        scope.set_tag("plan", "gold")
        scope.add_attachment(bytes=b"\x00\x01cart\n\xff", filename="cart.bin", content_type="application/x-cart")
        event_id = None
        try:
            charge(42)
        except OverflowError:
            event_id = sentry_sdk.capture_exception()
    sentry_sdk.flush(10)

    (row,) = stack.database.wait_for(1, "SELECT * FROM error_events WHERE event_id = $1", UUID(event_id))
    assert row["environment"] == environment_id(stack, environment)
    assert row["channel"] == stack.ready.channel
    assert (row["item_type"], row["level"], row["platform"]) == ("event", "error", "python")
    assert (row["type"], row["value"]) == ("OverflowError", "order 42 cannot be charged with 1999")
    assert row["handled"] is True
    assert (row["release"], row["sdk_environment"], row["server_name"]) == ("shop@4.5.6", "from-sdk", "host-1")
    assert row["sdk_name"].startswith("sentry.python")
    assert row["user"]["email"] == "ann@example.com"
    assert row["tags"]["plan"] == "gold"
    assert row["sent_at"] is not None
    frame = row["payload"]["exception"]["values"][-1]["stacktrace"]["frames"][-1]
    assert frame["function"] == "charge"
    assert frame["vars"] == {"order_number": "42", "amount": "1999"}

    (attachment,) = stack.database.wait_for(1, "SELECT * FROM attachments WHERE event_id = $1", UUID(event_id))
    assert attachment["environment"] == row["environment"]
    assert (attachment["filename"], attachment["content_type"]) == ("cart.bin", "application/x-cart")
    assert bytes(attachment["data"]) == b"\x00\x01cart\n\xff"
    assert attachment["size_bytes"] == 8


@pytest.mark.clause("Sentry c4")
def test_a_transaction_is_stored_as_its_spans(stack: Stack, environment: str) -> None:
    with sentry_sdk.start_transaction(op="http.server", name="GET /cart") as transaction:
        transaction.set_data("cart", "c-1")
        with transaction.start_child(op="db.query", name="SELECT 1") as child:
            child.set_status("internal_error")
    sentry_sdk.flush(10)

    rows = stack.database.wait_for(
        2, "SELECT * FROM spans WHERE trace_id = $1 ORDER BY start_ns", bytes.fromhex(transaction.trace_id)
    )
    root, query = rows
    assert {row["environment"] for row in rows} == {environment_id(stack, environment)}
    assert {row["source"] for row in rows} == {"sentry"}
    assert {row["event_environment"] for row in rows} == {"from-sdk"}
    assert root["name"] == "GET /cart"
    assert root["span_id"] == bytes.fromhex(transaction.span_id)
    assert root["parent_span_id"] is None
    assert root["kind"] == 2
    assert root["attributes"]["cart"] == "c-1"
    assert query["name"] == "SELECT 1"
    assert query["parent_span_id"] == root["span_id"]
    assert query["status_code"] == 2
    assert query["duration_ns"] > 0


@pytest.mark.clause("Sentry c5")
def test_a_log_is_stored_beside_otlps(stack: Stack, environment: str) -> None:
    product = secrets.token_hex(6)
    sentry_logger.warning("stock of {product} is low", product=product, attributes={"left": 3})
    sentry_sdk.flush(10)

    (row,) = stack.database.wait_for(1, "SELECT * FROM logs WHERE body_text = $1", f"stock of {product} is low")
    assert row["environment"] == environment_id(stack, environment)
    assert row["source"] == "sentry"
    assert row["severity_number"] == 13
    assert row["attributes"]["left"] == 3
    assert row["event_environment"] == "from-sdk"


@pytest.mark.clause("Sentry 14")
@pytest.mark.parametrize(("slug", "prefix"), [("production", ""), ("development", "some/prefix/")])
def test_spans_of_opentelemetry_are_stored_where_the_dsn_leads(stack: Stack, app: App, slug: str, prefix: str) -> None:
    origin, _, channel = app.dsn(app.key(slug)).rpartition("/")
    env = os.environ | {"SENTRY_DSN": f"{origin}/{prefix}{channel}"}
    done = subprocess.run(
        [sys.executable, _OTLP_PROGRAM], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    trace_id, root_id, child_id = json.loads(done.stdout)

    rows = stack.database.wait_for(
        2, "SELECT * FROM spans WHERE trace_id = $1 ORDER BY start_ns", trace_id.to_bytes(16, "big")
    )
    root, child = rows
    assert {(row["environment"], row["channel"]) for row in rows} == {(app.environments[slug], app.channel)}
    assert {(row["source"], row["scope_name"], row["scope_version"]) for row in rows} == {("otlp", "shop", "1.2.3")}
    assert (root["name"], root["span_id"], root["parent_span_id"]) == ("GET /cart", root_id.to_bytes(8, "big"), None)
    assert (child["name"], child["span_id"]) == ("charge", child_id.to_bytes(8, "big"))
    assert child["parent_span_id"] == root["span_id"]
    assert [event["name"] for event in child["events"]] == ["exception"]
    # The SDK sends the exception on its own too, in an envelope, and it belongs to the same span.
    (error,) = stack.database.wait_for(1, "SELECT * FROM error_events WHERE trace_id = $1", root["trace_id"])
    assert (error["environment"], error["span_id"]) == (app.environments[slug], child["span_id"])
    assert (error["type"], error["value"]) == ("OverflowError", "order 42 cannot be charged")


def test_the_sdk_of_a_revoked_key_is_told_so(stack: Stack, caplog: pytest.LogCaptureFixture) -> None:
    app = stack.control.app()
    made, _ = app.made_key(), app.made_key()  # the last one of production would ask for a confirmation
    stack.control.post(f"/api-keys/{made['id']}/revoke", status=200)
    sentry_sdk.init(dsn=app.dsn(made["key"]), debug=True)
    with caplog.at_level(logging.DEBUG, logger="sentry_sdk.errors"):
        sentry_sdk.capture_message("lost")
        sentry_sdk.flush(10)
    sentry_sdk.get_client().close()
    sentry_sdk.init()
    assert "403" in caplog.text
