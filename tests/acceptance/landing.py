"""Sending a log record or an incident, what the answer says of where it went, and where it is found in PostgreSQL."""

import json
import secrets

from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App, Stack


def resource_logs(text: str) -> str:
    """Write an element of `resourceLogs` with one record."""
    return json.dumps({"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]})


def logs_body(text: str) -> bytes:
    """Write an OTLP request with one log record."""
    return b'{"resourceLogs":[%s]}' % resource_logs(text).encode()


def send_logs(app: App, key: str, text: str, override: str | None = None, channel: int | None = None) -> Answer:
    """Send a log record."""
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    headers |= {} if override is None else {"X-Axonpush-Environment": override}
    headers |= {} if channel is None else {"X-Axonpush-Channel": str(channel)}
    return send(f"{app.control.url}/v1/logs", headers=headers, body=logs_body(text))


def send_error(app: App, key: str, **headers: str) -> str:
    """Send an incident as a Sentry SDK does, and answer its event id."""
    event_id = secrets.token_hex(16)
    event = {"event_id": event_id, "exception": {"values": [{"type": "OverflowError", "value": "cart"}]}}
    body = b'{"event_id":"%s"}\n{"type":"event"}\n%s\n' % (event_id.encode(), json.dumps(event).encode())
    url = f"{app.control.url}/api/{app.channel}/envelope/"
    assert send(url, headers={"X-Sentry-Auth": f"Sentry sentry_key={key}", **headers}, body=body).status == 200
    return event_id


def resolved(answer: Answer) -> tuple[str, str, str | None]:
    """Answer what an accepted request was told: the environment, why that one, and whether an override was ignored."""
    assert answer.status == 200, answer
    headers = answer.headers
    return (
        headers["x-axonpush-resolved-environment"],
        headers["x-axonpush-resolved-via"],
        headers.get("x-axonpush-override"),
    )


def landed(stack: Stack, text: str) -> str:
    """Wait for the log record with this text and answer its environment; there must be one only."""
    (row,) = stack.database.wait_for(
        1,
        "SELECT e.slug FROM logs l JOIN environments e ON e.id = l.environment WHERE l.body_text = $1",
        text,
    )
    return row["slug"]
