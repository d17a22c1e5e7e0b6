"""`?dryRun=1`: everything is resolved and validated as for the real request, and nothing is published or counted."""

import gzip
import json
import re

import pytest

from tests.acceptance.sending import Answer, send
from tests.integration.edge.forms import FORMS, JSON, SENTRY, Form
from tests.integration.edge.shop import Shop
from tests.integration.edge.world import World


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Make an app."""
    app = world.control.app()
    return Shop(app, app.key("development", allowEnvironmentOverride=True))


def ask(world: World, shop: Shop, form: Form, *, dry: str | None, body: bytes | None = None, **headers: str) -> Answer:
    """Send a request, as a dry run where `dry` says something."""
    path = form.path(shop.app.channel) + ("" if dry is None else f"?dryRun={dry}")
    sent = {**form.headers(shop.key, shop.app.channel), **{k.replace("_", "-"): v for k, v in headers.items()}}
    return send(world.url + path, headers=sent, body=form.payload if body is None else body)


def published(world: World, shop: Shop) -> int:
    return world.topics.records(shop.app.environments.values())


def counted(world: World, shop: Shop) -> float:
    """Answer how many items the edge says that it has accepted of the app."""
    text = send(f"{world.url}/metrics", method="GET").body.decode()
    environment = shop.app.environments["development"]
    lines = re.findall(rf'^axonpush_items_total{{environment="{environment}".*}} (\S+)$', text, re.MULTILINE)
    return sum(float(value) for value in lines)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("yes", ["1", "true", "TRUE"])
def test_a_dry_run_is_answered_as_the_real_request_and_publishes_nothing(
    world: World, shop: Shop, form: Form, yes: str
) -> None:
    before, counted_before = published(world, shop), counted(world, shop)
    dry = ask(world, shop, form, dry=yes)
    assert counted(world, shop) == counted_before
    real = ask(world, shop, form, dry=None)
    assert (dry.status, dry.body) == (real.status, real.body)
    assert dry.headers.pop("x-axonpush-dry-run") == "true"
    assert {**dry.headers, "date": ""} == {**real.headers, "date": ""}
    assert real.headers["x-axonpush-resolved-environment"] == "development"
    # The real one came last, so that whatever a dry run might have published would stand before it.
    assert published(world, shop) == before + 1
    assert counted(world, shop) == counted_before + 1


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"X_Axonpush_Environment": "nowhere"}, None),
        ({"Content_Encoding": "gzip"}, b"no gzip"),
        ({"Content_Encoding": "gzip"}, gzip.compress(bytes(100), mtime=0)),
        ({}, b"\xff\xfe"),
    ],
)
def test_what_would_be_refused_is_refused_likewise(
    world: World, shop: Shop, form: Form, headers: dict[str, str], body: bytes | None
) -> None:
    dry = ask(world, shop, form, dry="1", body=body, **headers)
    real = ask(world, shop, form, dry=None, body=body, **headers)
    assert dry.status == real.status == 400
    assert dry.body == real.body
    assert dry.headers["x-axonpush-dry-run"] == "true"
    assert "x-axonpush-dry-run" not in real.headers


def test_a_partial_success_is_told(world: World, shop: Shop) -> None:
    spans = [{"traceId": "ab" * 16, "spanId": span_id, "name": "n"} for span_id in ("cd" * 8, "00" * 8)]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answer = send(f"{world.url}/v1/traces?dryRun=1", headers=JSON.headers(shop.key), body=body)
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"


def test_an_override_is_resolved(world: World, shop: Shop) -> None:
    answer = ask(world, shop, JSON, dry="1", X_Axonpush_Environment="production")
    assert answer.headers["x-axonpush-resolved-environment"] == "production"
    assert answer.headers["x-axonpush-resolved-via"] == "header-override"


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_what_says_neither_yes_nor_no_is_refused_rather_than_published(world: World, shop: Shop, form: Form) -> None:
    before = published(world, shop)
    answer = ask(world, shop, form, dry="yes-please")
    form.check_error(answer, 400, "dryRun")
    assert published(world, shop) == before


@pytest.mark.parametrize("no", ["0", "false"])
def test_no_means_no(world: World, shop: Shop, no: str) -> None:
    before = published(world, shop)
    answer = ask(world, shop, SENTRY, dry=no)
    assert answer.status == 200
    assert "x-axonpush-dry-run" not in answer.headers
    assert published(world, shop) == before + 1


def test_browsers_may_read_that_it_was_one(world: World, shop: Shop) -> None:
    answer = ask(world, shop, JSON, dry="1", Origin="https://shop.example")
    assert "x-axonpush-dry-run" in answer.headers["access-control-expose-headers"]
