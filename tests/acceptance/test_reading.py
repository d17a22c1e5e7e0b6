"""What was sent is read back: by `axonpush events` and by REST, of the one environment that it went to."""

import json
import secrets
from datetime import datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.sending import post_message, send
from tests.acceptance.stack import App, Stack
from tests.unit.rows.requests import span, traces


def request(name: str, trace_id: bytes) -> ExportTraceServiceRequest:
    return traces(span(name=name, trace_id=trace_id), resource={"service.name": "shop"})


def test_events_are_read_back_from_the_environment_that_they_went_to(stack: Stack, app: App) -> None:
    key, trace_id = app.key("development"), secrets.token_bytes(16)
    for name in ("first", "second", "third"):
        assert post_message(f"{stack.url}/v1/traces", request(name, trace_id), {"X-API-Key": key}).status == 200
    log = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "hello"}}]}]}]}
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    assert send(f"{stack.url}/v1/logs", headers=headers, body=json.dumps(log).encode()).status == 200
    stack.wait_until_stored(app.slug)

    def read(*arguments: str) -> list[dict[str, str]]:
        return json.loads(stack.run("events", "--app", app.slug, *arguments, "--json"))["items"]

    found = read("--env", "development")
    assert {each["kind"] for each in found} == {"span", "log"}
    assert [each["name"] for each in read("--env", "development", "--kind", "span")] == ["first", "second", "third"]
    newest = read("--env", "development", "--kind", "span", "--newest", "--limit", "2", "--from", "15m")
    assert [each["name"] for each in newest] == ["third", "second"]
    assert len(read("--env", "development", "--trace", trace_id.hex())) == 3
    before = datetime.fromisoformat(found[0]["receivedAt"]).isoformat()
    assert read("--env", "development", "--to", before, "--from", "1h") == []
    assert read("--env", "production") == []
    table = stack.run("events", "--app", app.slug, "--env", "development")
    assert all(text in table for text in ("first", "hello", "shop", trace_id.hex()))


def test_a_key_of_any_kind_is_told_what_it_is(stack: Stack, app: App) -> None:
    shown = json.loads(stack.run("whoami", "--json"))
    assert (shown["kind"], shown["roles"]) == ("mk", [{"role": "admin", "scope": "organization", "target": None}])
    for key, kind, slug in ((app.key("development"), "ak", "development"), (app.token(), "pt", "production")):
        found = json.loads(stack.run("whoami", "--key", key, "--json"))
        assert (found["kind"], found["environment"]["slug"], found["channelId"]) == (kind, slug, app.channel)
    answer = send(f"{stack.url}/whoami", method="GET", headers={"X-API-Key": app.key()})
    assert (answer.status, answer.json()["app"]["slug"]) == (200, app.slug)
    assert "development" in stack.run("whoami", "--key", app.key("development"))
