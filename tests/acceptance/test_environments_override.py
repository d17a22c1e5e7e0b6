"""What the page on environments says of overriding an environment, and of public tokens; each docstring quotes it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from tests.acceptance.curl import RUNNERS
from tests.acceptance.landing import landed, logs_body, resolved, send_error, send_logs
from tests.acceptance.sending import Answer, Connection, send
from tests.acceptance.stack import App, Stack

DOCUMENT = Path(__file__).parents[2] / "docs" / "environments.md"
OVERRIDE_LINE = "X-Axonpush-Environment: staging"
ECHOED_LINES = ["x-axonpush-resolved-environment: staging", "x-axonpush-resolved-via: header-override"]


class Sent(Struct, frozen=True):
    """A request of some protocol: its path, how it carries the key, its body, and the table that gets its event."""

    path: str
    key_header: tuple[str, str]
    body: str
    table: str


OTLP_KEY = ("X-API-Key", "{key}")
SENTRY_KEY = ("X-Sentry-Auth", "Sentry sentry_key={key}")
SPAN = {"traceId": "ab" * 16, "spanId": "ab" * 8, "name": "n", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]}
GAUGE = {"name": "n", "gauge": {"dataPoints": [{"asInt": "1", "timeUnixNano": "1"}]}}
METRICS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [GAUGE]}]}]}
ENVELOPE = '{}\n{"type":"event"}\n{"message":"hello"}\n'
PROTOCOLS = [
    Sent("/v1/logs", OTLP_KEY, logs_body("hello").decode(), "logs"),
    Sent("/v1/traces", OTLP_KEY, json.dumps(SPANS), "spans"),
    Sent("/v1/metrics", OTLP_KEY, json.dumps(METRICS), "metric_points"),
    Sent("/api/:channelId/envelope", SENTRY_KEY, ENVELOPE, "error_events"),
    Sent("/api/:channelId/envelope/", SENTRY_KEY, ENVELOPE, "error_events"),
    Sent("/api/:channelId/store/", SENTRY_KEY, '{"message":"hello"}', "error_events"),
]


@pytest.mark.parametrize("sent", PROTOCOLS, ids=lambda sent: sent.path)
def test_a_request_of_any_protocol_can_pin_an_environment(stack: Stack, app: App, sent: Sent) -> None:
    """When a key has allowEnvironmentOverride=true, the caller can pin a specific environment per request:

    X-Axonpush-Environment: staging

    Works for OTLP (/v1/logs, /v1/traces) and Sentry-compatible ingest (/api/:channelId/envelope etc.).
    """  # noqa: D415 (quoted)
    staging = app.environment("staging")
    name, value = sent.key_header
    override, _, slug = OVERRIDE_LINE.partition(": ")
    headers = {name: value.format(key=app.key(allowEnvironmentOverride=True)), override: slug}
    url = stack.url + sent.path.replace(":channelId", str(app.channel))
    answer = send(url, headers={**headers, "Content-Type": "application/json"}, body=sent.body.encode())
    assert resolved(answer) == ("staging", "header-override", None)
    counts = stack.wait_until_stored(app.slug)
    assert {each: row[sent.table] for each, row in counts.items()} == {"staging": 1, "production": 0, "development": 0}
    rows = stack.database.rows(f"SELECT channel FROM {sent.table} WHERE environment = $1", staging)  # noqa: S608 (ours)
    assert [row["channel"] for row in rows] == [app.channel]


def test_the_answer_says_where_an_event_landed(stack: Stack, app: App) -> None:
    """The resolved environment is echoed back in the response headers so you can verify where your events landed:

    x-axonpush-resolved-environment: staging
    x-axonpush-resolved-via: header-override
    """  # noqa: D415 (quoted)
    app.environment("staging")
    key = app.key(allowEnvironmentOverride=True)
    with Connection(stack.url) as connection:
        headers = {"X-API-Key": key, "Content-Type": "application/json", "X-Axonpush-Environment": "staging"}
        connection.http.request("POST", "/v1/logs", logs_body(app.id), headers)
        response = connection.http.getresponse()
        # As they were written, in the order in which they were.
        echoed = [f"{name}: {value}" for name, value in response.getheaders() if "-resolved-" in name.lower()]
    assert (response.status, echoed) == (200, ECHOED_LINES)
    assert landed(stack, app.id) == "staging"


def test_without_header_or_permission_the_keys_environment_is_used(stack: Stack, app: App) -> None:
    """If the header is missing or override isn't allowed, the key's default environment is used."""
    app.environment("staging")
    allowed, plain = app.key("development", allowEnvironmentOverride=True), app.key("development")
    missing = send_logs(app, allowed, f"missing {app.id}")
    not_allowed = send_logs(app, plain, f"not allowed {app.id}", "staging")
    assert resolved(missing) == ("development", "key-default", None)
    assert resolved(not_allowed) == ("development", "key-default", "ignored")
    assert landed(stack, f"missing {app.id}") == landed(stack, f"not allowed {app.id}") == "development"


def test_a_page_needs_no_ak_key(stack: Stack, app: App) -> None:
    """Browser-side code shouldn't carry an ak_* key."""
    origin = "https://shop.example"
    token = app.token("development", origins=[origin])
    asked = "x-api-key,content-type"
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": asked}
    allowed = send(f"{stack.url}/v1/logs", method="OPTIONS", headers=preflight)
    assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (204, "*")
    assert set(asked.split(",")) <= set(re.split(r",\s*", allowed.headers["access-control-allow-headers"].lower()))
    headers = {"X-API-Key": token, "Content-Type": "application/json", "Origin": origin}
    answer = send(f"{stack.url}/v1/logs", headers=headers, body=logs_body(app.id))
    assert resolved(answer) == ("development", "public-token", None)
    assert "x-axonpush-resolved-environment" in answer.headers["access-control-expose-headers"]
    assert landed(stack, app.id) == "development"
    # Whoever reads the page can send what it sends, from a page of this origin, and can read nothing.
    elsewhere = {**headers, "Origin": "https://elsewhere.example"}
    assert send(f"{stack.url}/v1/logs", headers=elsewhere, body=logs_body(app.id)).status == 403
    for path in (f"/environments/{app.environments['development']}/events", f"/apps/{app.id}", "/api-keys"):
        assert send(stack.url + path, method="GET", headers={"Authorization": f"Bearer {token}"}).status in (401, 403)


def test_a_token_is_of_one_channel_and_one_environment_whatever_a_header_says(stack: Stack, app: App) -> None:
    """Mint a public token (pt_*) scoped to a single channel + single environment via the dashboard or the /public-tokens API; the token cannot be used to target any other environment, regardless of override headers."""  # noqa: E501 (quoted)
    app.environment("staging")
    second = stack.control.post(f"/apps/{app.id}/channels", {"name": "Second"})["id"]
    body = {"channelId": app.channel, "environmentId": app.environments["development"]}
    made = stack.control.post("/public-tokens", body)
    token = made["token"]
    assert token.startswith("pt_")
    assert {name: made[name] for name in body} == body
    for missing in body:
        stack.control.post("/public-tokens", {name: value for name, value in body.items() if name != missing}, 422)
    assert send_logs(app, token, f"second {app.id}", channel=second).status == 403
    expected = {None: None, "development": None, "production": "ignored", "staging": "ignored", "nowhere": "ignored"}
    for named, note in expected.items():
        assert resolved(send_logs(app, token, f"{named} {app.id}", named)) == ("development", "public-token", note)
    event_id = send_error(app, token, **{"X-Axonpush-Environment": "production"})
    counts = stack.wait_until_stored(app.slug)
    seen = {slug: (each["logs"], each["error_events"]) for slug, each in counts.items()}
    assert seen == {"development": (5, 1), "production": (0, 0), "staging": (0, 0)}
    row = stack.database.row("SELECT channel FROM error_events WHERE event_id = $1::text::uuid", event_id)
    assert row["channel"] == app.channel
    # Nor can one be made that could.
    flag = {"allowEnvironmentOverride": True}
    stack.control.post("/public-tokens", body | flag, 422)
    stack.control.call("PATCH", f"/public-tokens/{made['id']}", flag, status=422)


@pytest.mark.parametrize("run", RUNNERS)
def test_the_commands_of_our_own_page_answer_as_it_says(stack: Stack, app: App, run: Callable[[str], Answer]) -> None:
    app.environment("staging")
    shown = re.findall(r"^```sh\n(curl .*?)^```\n\n```\n(.*?)^```", DOCUMENT.read_text(), re.DOTALL | re.MULTILINE)
    assert len(shown) == 2
    for line, says in shown:
        filled = (
            line.replace("http://127.0.0.1:8080", stack.url)
            .replace("ak_prod_…", app.key())
            .replace("ak_override_…", app.key(allowEnvironmentOverride=True))
            .replace("X-Axonpush-Channel: 1", f"X-Axonpush-Channel: {app.channel}")
        )
        answer = run(filled.strip())
        assert answer.status == 200, answer
        assert [f"{name}: {answer.headers[name]}" for name in re.findall(r"^[\w-]+", says, re.MULTILINE)] == (
            says.splitlines()
        )
