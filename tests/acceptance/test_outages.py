"""What clients are told while Kafka or PostgreSQL does not answer, and that all is well again afterwards."""

import json
import secrets

import pytest

from gateway.identity.tokens import mint
from gateway.runtime.clock import now_ns
from gateway.runtime.ids import new_ulid
from schemas.environment import Kind
from tests.acceptance.database import wait_until
from tests.acceptance.sending import send
from tests.acceptance.stack import App, Stack
from tests.integration.edge.forms import FORMS, JSON, Form, logs_json


@pytest.mark.clause("Sentry 25")
@pytest.mark.clause("OTLP 17a", "OTLP 23a")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_kafka_that_does_not_answer_is_a_503_and_nothing_acknowledged_is_lost(
    stack: Stack, app: App, form: Form
) -> None:
    key = app.key()
    # A short patience, so that the freeze is shorter than what the broker forgives a worker.
    edge, url = stack.join_edge(env={"AXONPUSH_KAFKA_PUBLISH_TIMEOUT_SECONDS": "1"})
    assert form.send(url, key, app.channel).status == 200
    with stack.frozen("java"):
        refused = form.send(url, key, app.channel)
        form.check_error(refused, 503, "Kafka did not acknowledge within 1 s")
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert refused.headers["x-axonpush-resolved-environment"] == "production"
        ready = send(f"{url}/readyz", method="GET")
        assert (ready.status, ready.body) == (503, b"Kafka does not answer.\n")
        assert send(f"{url}/healthz", method="GET").status == 200
    wait_until(lambda: send(f"{url}/readyz", method="GET").status == 200, "the edge is ready again", 30)
    text = secrets.token_hex(8)
    body = json.dumps(logs_json(text)).encode()
    wait_until(lambda: JSON.send(url, key, app.channel, body=body).status == 200, "it publishes again", 30)
    stack.database.wait_for(1, "SELECT 1 FROM logs WHERE body_text = $1", text)
    assert edge.stop() == 0, edge.log


def test_postgresql_that_does_not_answer_keeps_known_keys_and_never_says_401(stack: Stack, app: App) -> None:
    known = app.key()
    edge, url = stack.join_edge()
    text = secrets.token_hex(8)
    body = json.dumps(logs_json(text)).encode()
    assert JSON.send(url, known, app.channel).status == 200
    # Never told to the edge: the id of no key, with check digits that are right.
    late = mint(Kind.API_KEY, "prod", new_ulid(now_ns()), bytes(32))
    with stack.frozen("postgres"):
        assert JSON.send(url, known, app.channel, body=body).status == 200
        for form in FORMS:
            refused = form.send(url, late, app.channel)
            form.check_error(refused, 503, "cannot be looked up")
            assert 1 <= int(refused.headers["retry-after"]) <= 5
    wait_until(lambda: JSON.send(url, late, app.channel).status == 401, "keys are looked up again", 30)
    # Stored once PostgreSQL is back.
    stack.database.wait_for(1, "SELECT 1 FROM logs WHERE body_text = $1", text)
    assert edge.stop() == 0, edge.log
