"""Each event in exactly one environment: whatever it says of itself, and however often it is sent."""

import json
import secrets

from tests.acceptance.landing import resolved
from tests.acceptance.sending import send
from tests.acceptance.stack import App, Stack


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
