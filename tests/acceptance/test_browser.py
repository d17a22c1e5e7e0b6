"""Sentry's and OpenTelemetry's clients in a real browser, in pages of other origins than the gateway's."""

import socket
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance import node_client
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = pytest.mark.timeout(400)

_ENVELOPES = "/api/{channel}/envelope/"
_SIGNALS = ("traces", "logs", "metrics")
_FORMS = ("application/json", "application/x-protobuf")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Visits:
    """An app whose token one origin may use, and what came of each visit: from there or elsewhere, by DSN or tunnel."""

    def __init__(self, stack: Stack) -> None:
        self.app: App = stack.control.app()
        port = free_port()
        # One server; to a browser they are two origins.
        self.allowed, refused = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
        token = self.app.token("production", origins=[self.allowed])
        self.path = _ENVELOPES.format(channel=self.app.channel)
        both = {"dsn": self.app.dsn(token), "token": token, "ingestUrl": stack.url}
        tunnel = {"tunnel": stack.url + self.path}
        visits = {
            "dsn": {"origin": self.allowed, **both},
            "tunnel": {"origin": self.allowed, **both, **tunnel},
            "refused-dsn": {"origin": refused, **both},
            "refused-tunnel": {"origin": refused, **both, **tunnel},
        }
        settings = [{"marker": name, **each} for name, each in visits.items()]
        results = node_client.visit("page.mjs", settings, port)
        self.results: dict[str, Any] = dict(zip(visits, results, strict=True))

    def requests(self, name: str, path: str) -> list[Any]:
        """Answer a visit's requests to a path of the gateway; the preflights do not show."""
        found = [request for request in self.results[name]["requests"] if request["path"] == path]
        assert found, f"{name} sent nothing to {path}."
        return found


@pytest.fixture(scope="module")
def visits(stack: Stack, node: None) -> Visits:
    """Visit once for all tests."""
    del node
    return Visits(stack)


@pytest.mark.clause("Sentry c5")
@pytest.mark.parametrize("name", ["dsn", pytest.param("tunnel", marks=pytest.mark.clause("Sentry 19a"))])
def test_what_a_page_of_an_allowed_origin_sends_is_stored(stack: Stack, visits: Visits, name: str) -> None:
    made = visits.results[name]["sentry"]
    assert made["answer"]["statusCode"] == 200
    for request in visits.requests(name, visits.path):
        assert request["status"] == 200
        assert "x-sentry-auth" not in request["sent"]
        assert ("sentry_key" in request["query"]) == (name == "dsn")
        assert request["answered"]["access-control-allow-origin"] == "*"
        assert request["answered"]["x-axonpush-resolved-via"] == "public-token"

    environment, trace_id = visits.app.environments["production"], bytes.fromhex(made["traceId"])
    (error,) = stack.database.wait_for(1, "SELECT * FROM error_events WHERE event_id = $1", UUID(made["eventId"]))
    assert (error["environment"], error["channel"]) == (environment, visits.app.channel)
    assert (error["type"], error["value"]) == ("RangeError", f"no stock {name}")
    assert (error["platform"], error["sdk_name"]) == ("javascript", "sentry.javascript.browser")
    assert (error["release"], error["sdk_environment"]) == ("shop@4.5.6", "from-browser")
    assert error["tags"]["marker"] == name
    assert error["trace_id"] == trace_id
    # The SDK may add a span for a request of its own.
    query = "SELECT * FROM spans WHERE trace_id = $1 AND name IN ($2, 'charge') ORDER BY parent_span_id NULLS FIRST"
    root, child = stack.database.wait_for(2, query, trace_id, f"checkout {name}")
    assert (root["name"], root["source"], child["source"]) == (f"checkout {name}", "sentry", "sentry")
    assert child["parent_span_id"] == root["span_id"]
    (log,) = stack.database.wait_for(1, "SELECT * FROM logs WHERE trace_id = $1", trace_id)
    assert (log["environment"], log["body_text"]) == (environment, f"low stock {name}")
    query = "SELECT * FROM sentry_items WHERE environment = $1 AND type = 'session'"
    sessions = stack.database.wait_for(1, query, environment)
    assert {row["json"]["attrs"]["release"] for row in sessions} == {"shop@4.5.6"}


@pytest.mark.clause("OTLP 21b")
@pytest.mark.parametrize("form", _FORMS)
def test_what_opentelemetry_sends_from_a_page_of_an_allowed_origin_is_stored(
    stack: Stack, visits: Visits, form: str
) -> None:
    made = visits.results["dsn"]["otlp"][form]
    assert made["takenCount"] == len(_SIGNALS)
    for signal in _SIGNALS:
        sent = visits.requests("dsn", f"/v1/{signal}")
        (request,) = [each for each in sent if each["sent"]["content-type"] == form]
        # A header of its own and such a type: the browser has asked for leave before.
        assert "x-api-key" in request["sent"]
        assert request["status"] == 200
        assert request["answered"]["access-control-allow-origin"] == "*"
    environment, trace_id = visits.app.environments["production"], bytes.fromhex(made["traceId"])
    (span,) = stack.database.wait_for(1, "SELECT * FROM spans WHERE trace_id = $1", trace_id)
    assert (span["environment"], span["name"], span["source"]) == (environment, "otlp dsn", "otlp")
    (log,) = stack.database.wait_for(1, "SELECT * FROM logs WHERE trace_id = $1", trace_id)
    assert (log["environment"], log["body_text"], log["source"]) == (environment, "low stock dsn", "otlp")
    query = "SELECT * FROM metric_points WHERE attributes @> $1"
    (point,) = stack.database.wait_for(1, query, {"marker": "dsn", "contentType": form})
    assert (point["environment"], point["name"], point["value_double"]) == (environment, "charges", 1)


@pytest.mark.clause("OTLP 21b", "OTLP 21d")
@pytest.mark.parametrize("name", ["refused-dsn", "refused-tunnel"])
def test_a_page_of_another_origin_is_refused_and_can_read_why(stack: Stack, visits: Visits, name: str) -> None:
    made = visits.results[name]
    assert made["sentry"]["answer"]["statusCode"] == 403
    assert [each["takenCount"] for each in made["otlp"].values()] == [0] * len(_FORMS)
    for signal in _SIGNALS:
        requests = visits.requests(name, f"/v1/{signal}")
        assert {each["sent"]["content-type"] for each in requests} == set(_FORMS)
        for request in requests:
            assert (request["status"], request["answered"]["access-control-allow-origin"]) == (403, "*")
    for request in visits.requests(name, visits.path):
        assert request["status"] == 403
        assert "origin" in request["answered"]["x-sentry-error"]
        assert "x-sentry-error" in request["answered"]["access-control-expose-headers"]
    # What the allowed pages sent is all that there is.
    stack.wait_until_stored(visits.app.slug)
    environment = visits.app.environments["production"]
    errors = stack.database.rows("SELECT value FROM error_events WHERE environment = $1", environment)
    assert {row["value"] for row in errors} == {"no stock dsn", "no stock tunnel"}
    spans = stack.database.rows("SELECT name FROM spans WHERE environment = $1 AND source = 'otlp'", environment)
    assert {row["name"] for row in spans} == {"otlp dsn", "otlp tunnel"}
    logs = stack.database.rows("SELECT body_text FROM logs WHERE environment = $1", environment)
    assert {row["body_text"] for row in logs} == {"low stock dsn", "low stock tunnel"}
    points = stack.database.rows("SELECT attributes FROM metric_points WHERE environment = $1", environment)
    assert {row["attributes"]["marker"] for row in points} == {"dsn", "tunnel"}
