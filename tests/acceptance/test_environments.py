"""What is promised about environments: each event in exactly one, told in the answer, and found there in PostgreSQL."""

import json
import secrets
from collections.abc import Callable

import pytest

from tests.acceptance.curl import RUNNERS
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App, Stack

# As it is documented; the host, the keys and the elided body are filled in.
PRODUCTION_LINE = r"""curl -X POST https://api.axonpush.xyz/v1/logs \
-H "X-API-Key: ak_prod_..." \
-H "X-Axonpush-Channel: 1" \
-H "Content-Type: application/json" \
-d '{ "resourceLogs": [ ... ] }'"""
DEVELOPMENT_LINE = r"""curl -X POST https://api.axonpush.xyz/v1/logs \
-H "X-API-Key: ak_dev_..." \
-H "X-Axonpush-Channel: 1" \
-H "Content-Type: application/json" \
-d '{ "resourceLogs": [ ... ] }'"""


def resource_logs(text: str) -> str:
    return json.dumps({"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]})


def logs_body(text: str) -> bytes:
    return b'{"resourceLogs":[%s]}' % resource_logs(text).encode()


def stored(stack: Stack, text: str) -> str:
    """Wait for the log record with this text and answer its environment; there must be one only."""
    (row,) = stack.database.wait_for(
        1,
        "SELECT e.slug FROM logs l JOIN environments e ON e.id = l.environment WHERE l.body_text = $1",
        text,
    )
    return row["slug"]


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize(
    ("line", "shown", "environment"),
    [(PRODUCTION_LINE, "ak_prod_...", "production"), (DEVELOPMENT_LINE, "ak_dev_...", "development")],
)
def test_the_documented_lines_work(
    stack: Stack, run: Callable[[str], Answer], line: str, shown: str, environment: str
) -> None:
    text = f"curl {secrets.token_hex(8)}"
    key = stack.ready.api_keys[environment]
    assert key.startswith(shown.removesuffix("..."))
    filled = (
        line.replace("https://api.axonpush.xyz", stack.url)
        .replace(shown, key)
        .replace('{ "resourceLogs": [ ... ] }', f'{{ "resourceLogs": [ {resource_logs(text)} ] }}')
    )
    answer = run(filled)
    assert answer.status == 200, answer
    assert answer.headers["x-axonpush-resolved-environment"] == environment
    assert answer.headers["x-axonpush-resolved-via"] == "key-default"
    assert answer.json() == {}
    assert stored(stack, text) == environment


def send_logs(app: App, key: str, text: str, override: str | None) -> Answer:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    headers |= {} if override is None else {"X-Axonpush-Environment": override}
    return send(f"{app.control.url}/v1/logs", headers=headers, body=logs_body(text))


def resolved(answer: Answer) -> tuple[str, str, str | None]:
    assert answer.status == 200, answer
    headers = answer.headers
    return (
        headers["x-axonpush-resolved-environment"],
        headers["x-axonpush-resolved-via"],
        headers.get("x-axonpush-override"),
    )


def test_an_app_begins_with_production_and_development(stack: Stack, app: App) -> None:
    listed = stack.control.get(f"/apps/{app.id}/environments")["items"]
    seen = {(each["slug"], each["name"], each["isProduction"], each["color"]) for each in listed}
    assert seen == {
        ("production", "Production", True, "#EF4444"),
        ("development", "Development", False, "#3B82F6"),
    }
    shown = stack.control.get(f"/apps/{app.id}")
    assert shown["defaultEnvironmentId"] == app.environments["production"]
    made = stack.control.post("/api-keys", {"appId": app.id})
    assert made["environmentId"] == app.environments["production"]
    assert made["allowEnvironmentOverride"] is False


def test_a_header_chooses_the_environment_where_the_key_may(stack: Stack, app: App) -> None:
    app.environment("staging")
    allowed, plain, token = app.key(allowEnvironmentOverride=True), app.key(), app.token("development")
    expected = {
        "allowed": (allowed, "staging", ("staging", "header-override", None)),
        "allowed without": (allowed, None, ("production", "key-default", None)),
        "not allowed": (plain, "staging", ("production", "key-default", "ignored")),
        "token": (token, "staging", ("development", "public-token", "ignored")),
        "token without": (token, None, ("development", "public-token", None)),
    }
    for name, (key, override, row) in expected.items():
        assert resolved(send_logs(app, key, f"{name} {app.id}", override)) == row
    for name, (_, _, row) in expected.items():
        assert stored(stack, f"{name} {app.id}") == row[0]


def test_a_header_chooses_for_traces_and_envelopes_too(stack: Stack, app: App) -> None:
    staging = app.environment("staging")
    key = app.key(allowEnvironmentOverride=True)
    trace_id, event_id = secrets.token_hex(16), secrets.token_hex(16)
    span = {"traceId": trace_id, "spanId": "ab" * 8, "name": "n", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    override = {"X-Axonpush-Environment": "staging"}
    traces = send(
        f"{stack.url}/v1/traces",
        headers={"X-API-Key": key, "Content-Type": "application/json", **override},
        body=json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode(),
    )
    envelope = send(
        f"{stack.url}/api/{app.channel}/envelope/",
        headers={"X-Sentry-Auth": f"Sentry sentry_key={key}", **override},
        body=b'{"event_id":"%s"}\n{"type":"event"}\n{"message":"hello"}\n' % event_id.encode(),
    )
    assert resolved(traces) == resolved(envelope) == ("staging", "header-override", None)
    assert envelope.json() == {"id": event_id}
    (span_row,) = stack.database.wait_for(1, "SELECT * FROM spans WHERE trace_id = $1", bytes.fromhex(trace_id))
    (event_row,) = stack.database.wait_for(1, "SELECT * FROM error_events WHERE event_id = $1::text::uuid", event_id)
    assert span_row["environment"] == event_row["environment"] == staging
    assert (event_row["value"], event_row["channel"]) == ("hello", app.channel)


def test_what_a_payload_says_of_its_environment_never_routes(stack: Stack, app: App) -> None:
    key = app.key("development", allowEnvironmentOverride=True)
    resource = {"attributes": [{"key": "deployment.environment.name", "value": {"stringValue": "production"}}]}
    logs = [{"body": {"stringValue": app.id}}]
    answer = send(
        f"{stack.url}/v1/logs",
        headers={"X-API-Key": key, "Content-Type": "application/json"},
        body=json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": logs}]}]}).encode(),
    )
    assert resolved(answer) == ("development", "key-default", None)
    (row,) = stack.database.wait_for(1, "SELECT * FROM logs WHERE body_text = $1", app.id)
    assert row["environment"] == app.environments["development"]
    assert row["event_environment"] == "production"


def test_the_same_event_is_stored_once_in_each_environment(stack: Stack, app: App) -> None:
    key = app.key(allowEnvironmentOverride=True)
    event_id = secrets.token_hex(16)
    body = b'{"event_id":"%s"}\n{"type":"event"}\n{"message":"again"}\n' % event_id.encode()
    for slug in ("production", "development", "production", "development", "production"):
        answer = send(
            f"{stack.url}/api/{app.channel}/envelope/",
            headers={"X-Sentry-Auth": f"Sentry sentry_key={key}", "X-Axonpush-Environment": slug},
            body=body,
        )
        assert answer.json() == {"id": event_id}
    stats = stack.wait_until_stored(app.slug)
    assert {slug: each["error_events"] for slug, each in stats.items()} == {"production": 1, "development": 1}
    rows = stack.database.rows("SELECT environment FROM error_events WHERE event_id = $1::text::uuid", event_id)
    assert {row["environment"] for row in rows} == set(app.environments.values())
