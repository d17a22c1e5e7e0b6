"""What Sentry's SDKs do where the gateway limits a category: they hold it back, report so, and go on with the rest."""

import logging
import re
from collections.abc import Callable
from itertools import product
from typing import Literal

import pytest
import sentry_sdk
from msgspec import Struct
from sentry_sdk import logger as sentry_logger
from sentry_sdk import traces

from tests.acceptance import node_client
from tests.acceptance.database import wait_until
from tests.acceptance.sending import send
from tests.acceptance.sentry_rows import payloads
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = [pytest.mark.usefixtures("node"), pytest.mark.timeout(400)]

_PROBE = b"""{}
{"type":"transaction"}
{"transaction":"probe","start_timestamp":1,"timestamp":2,"contexts":{"trace":{"trace_id":"%s","span_id":"%s"}}}
""" % (b"ab" * 16, b"cd" * 8)
_STORED = (
    "SELECT value FROM error_events WHERE environment = $1",
    "SELECT body_text FROM logs WHERE environment = $1",
    "SELECT name FROM spans WHERE environment = $1 AND name <> 'probe'",
)


class Case(Struct, frozen=True):
    """What is limited, what an SDK sends first, how that is answered, what it reports and what is stored in the end.

    `lifecycle` is how an SDK sends spans: "static" is in transactions, "stream" in containers. `reported` is how many
    items it says that it held back, after the name that SDKs have for the category.
    """

    category: str
    per_minute: int
    lifecycle: Literal["static", "stream"]
    first: str
    status: int
    reported: tuple[str, int]
    errors: tuple[str, ...] = ("first", "second")
    spans: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("second",)


_TRANSACTION, _SPANS, _METRIC = ("transaction", 1), ("span", 2), ("trace_metric", 1)
_SECOND = ("second", "second child")
CASES = {
    "unwanted": Case("transaction", 0, "static", "error", 200, _TRANSACTION),
    "unwanted-spans": Case("span", 0, "stream", "error", 200, _SPANS),
    "unwanted-metrics": Case("metric", 0, "stream", "error", 200, _METRIC, spans=_SECOND, metrics=()),
    "all-of-it": Case("transaction", 1, "static", "trace", 429, _TRANSACTION, errors=("second",)),
    # The span of a model goes beside its transaction, in the same envelope.
    "a-part": Case("transaction", 1, "static", "model", 200, _TRANSACTION, ("second",), spans=("first child",)),
}


def by_python(case: Case, dsn: str, caplog: pytest.LogCaptureFixture) -> int:
    """Do what `sendLimited` of limited.mjs does, and answer how the first request was answered."""

    def trace(name: str, operation: str) -> None:
        if case.lifecycle == "stream":
            with traces.start_span(name=name), traces.start_span(name=f"{name} child"):
                return
        with sentry_sdk.start_transaction(name=name), sentry_sdk.start_span(name=f"{name} child", op=operation):
            return

    firsts = {
        "error": lambda: sentry_sdk.capture_message("first"),
        "trace": lambda: trace("first", "task"),
        "model": lambda: trace("first", "gen_ai.chat"),
    }
    sentry_sdk.init(dsn=dsn, traces_sample_rate=1.0, enable_logs=True, trace_lifecycle=case.lifecycle)
    # This is where urllib3 says how each request was answered.
    with caplog.at_level(logging.DEBUG, logger="urllib3.connectionpool"):
        firsts[case.first]()
        sentry_sdk.flush(10)
    answers = [re.search(r'" (\d{3}) ', record.getMessage()) for record in caplog.records]
    trace("second", "task")
    sentry_sdk.capture_message("second")
    sentry_logger.warning("second")
    sentry_sdk.metrics.count("second", 1)
    sentry_sdk.flush(10)
    sentry_sdk.get_client().close()
    sentry_sdk.init()
    return next(int(answer[1]) for answer in answers if answer)


def by_node(case: Case, dsn: str, _caplog: pytest.LogCaptureFixture) -> int:
    env = {"SENTRY_DSN": dsn, "FIRST": case.first, "TRACE_LIFECYCLE": case.lifecycle}
    return node_client.run("sentry_limits.mjs", env)["firstStatus"]


def by_browser(case: Case, dsn: str, _caplog: pytest.LogCaptureFixture) -> int:
    settings = {"dsn": dsn, "first": case.first, "traceLifecycle": case.lifecycle}
    (made,) = node_client.visit("page_limits.mjs", [settings])
    return made["firstStatus"]


def limit(app: App, category: str, per_minute: int) -> None:
    """Limit a category of the development environment, use its rate up, and wait until SDKs would be told."""
    policy = {"categories": {category: {"perMinute": per_minute}}}
    app.control.patch(f"/environments/{app.environments['development']}/policy", policy)
    headers = {"X-Sentry-Auth": f"Sentry sentry_key={app.key('development')}"}

    def is_told() -> bool:
        answer = send(f"{app.control.url}/api/{app.channel}/envelope/", headers=headers, body=_PROBE)
        return "x-sentry-rate-limits" in answer.headers

    wait_until(is_told, f"{category} is limited")


# A browser takes long to start, and most of its SDK is that of Node.js.
_RUNS = [*product((by_python, by_node), CASES), *product((by_browser,), ("unwanted-spans", "all-of-it"))]


@pytest.mark.clause("Sentry 23a", "Sentry 23b", "Sentry 24", "Sentry 26a")
@pytest.mark.parametrize(("send_by", "name"), _RUNS)
def test_a_limited_category_is_held_back_and_reported_while_the_rest_goes_on(
    stack: Stack,
    app: App,
    caplog: pytest.LogCaptureFixture,
    send_by: Callable[[Case, str, pytest.LogCaptureFixture], int],
    name: str,
) -> None:
    case = CASES[name]
    limit(app, case.category, case.per_minute)
    assert send_by(case, app.dsn(app.token("development")), caplog) == case.status
    stack.wait_until_stored(app.slug)

    environment = app.environments["development"]
    errors, logs, spans = ([row[0] for row in stack.database.rows(query, environment)] for query in _STORED)
    assert sorted(errors) == list(case.errors)
    assert logs == ["second"]
    assert sorted(spans) == list(case.spans)
    metrics = [each["name"] for payload in payloads(stack, app, "trace_metric") for each in payload["items"]]
    assert metrics == list(case.metrics)

    usage = stack.control.get(f"/environments/{environment}/usage")["sentry"]
    reported = [(each["category"], each["quantity"]) for each in usage if each["reason"] == "ratelimit_backoff"]
    assert case.reported in reported
