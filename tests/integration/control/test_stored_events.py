"""Reading events by the control plane: who sees them whole, who redacted, who not at all, and what can be asked."""

from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from gateway.query.redaction import MASK
from schemas.signals import Signal
from tests.integration.control.api import Api, Item
from tests.integration.query.archive import Archive, when
from tests.unit.rows.records import otlp
from tests.unit.rows.requests import any_value, logs, span, traces

HOUR = {"from": when(-1800).isoformat(), "to": when(1800).isoformat()}


@pytest.fixture(scope="module")
async def shop(api: Api, archive: Archive) -> dict[str, Item]:
    """Make an app whose environments have a log record and a span each."""
    _, environments = await api.app("Shop with events")
    for environment in environments.values():
        await archive.store(environment["id"], otlp(Signal.LOGS, logs(LogRecord(body=any_value("hello")))))
        await archive.store(environment["id"], otlp(Signal.TRACES, traces(span())), seconds=1)
    return environments


async def events(caller: Api, environment: Item, **query: str) -> list[dict[str, Any]]:
    """Read events of the hour in which they were stored."""
    return (await caller.got(f"/environments/{environment['id']}/events", **HOUR, **query))["items"]


async def caller(api: Api, role: str) -> Api:
    """Make a caller with a role in the organization."""
    key = await api.made("/management-keys", {"role": role})
    return Api(api.service, key["key"])


@pytest.mark.parametrize(
    ("role", "slug", "body"),
    [
        ("admin", "production", "hello"),
        ("admin", "development", "hello"),
        ("developer", "production", MASK),
        ("developer", "development", "hello"),
        ("agent", "production", MASK),
        ("agent", "development", MASK),
    ],
)
async def test_the_role_decides_what_is_shown(api: Api, shop: dict[str, Item], role: str, slug: str, body: str) -> None:
    found = await events(await caller(api, role), shop[slug])
    assert [each["kind"] for each in found] == ["log", "span"]
    assert found[0]["body"] == body
    assert found[1]["name"] == "checkout"


@pytest.mark.parametrize(
    ("role", "slug", "value"),
    [
        ("admin", "production", "v"),
        ("developer", "production", MASK),
        ("developer", "development", "v"),
        ("agent", "development", MASK),
    ],
)
async def test_the_role_decides_what_a_trace_shows(
    api: Api, archive: Archive, role: str, slug: str, value: str
) -> None:
    _, environments = await api.app(f"Shop of {role} {slug}")
    environment = environments[slug]["id"]
    sent = span(trace_id=b"1" * 16, parent_span_id=b"p" * 8, attributes={"k": "v"})
    await archive.store(environment, otlp(Signal.TRACES, traces(sent)))
    found = await (await caller(api, role)).got(f"/environments/{environment}/traces/{sent.trace_id.hex().upper()}")
    assert [each["depth"] for each in found["spans"]] == [0, 1]
    assert found["spans"][0]["span"] is None
    assert found["spans"][1]["span"]["attributes"] == {"k": value}


async def test_a_trace_of_which_nothing_is_stored_has_no_spans(api: Api, shop: dict[str, Item]) -> None:
    path = f"/environments/{shop['production']['id']}/traces"
    assert (await api.got(f"{path}/{'0' * 32}"))["spans"] == []
    assert (await api.call("GET", f"{path}/nonsense"))[0] == 404


async def test_a_role_without_the_permission_reads_nothing(api: Api, shop: dict[str, Item]) -> None:
    body = {"slug": "blind", "name": "Blind", "base": "developer", "without": ["events.read"]}
    await api.made("/roles", body)
    status, problem = await (await caller(api, "blind")).call("GET", f"/environments/{shop['production']['id']}/events")
    assert status == 403
    assert "events.read" in problem["detail"]


async def test_another_organization_is_told_that_there_is_no_such_environment(
    other: Api, shop: dict[str, Item]
) -> None:
    status, _ = await other.call("GET", f"/environments/{shop['production']['id']}/events")
    assert status == 404


async def test_kinds_order_and_pages_are_asked_for(api: Api, shop: dict[str, Item]) -> None:
    environment = shop["production"]
    assert [each["kind"] for each in await events(api, environment, kind="span")] == ["span"]
    assert [each["kind"] for each in await events(api, environment, order="newest")] == ["span", "log"]
    assert [each["kind"] for each in await events(api, environment, traceId="74" * 16)] == ["span"]
    path = f"/environments/{environment['id']}/events"
    first = await api.got(path, **HOUR, limit="1")
    second = await api.got(path, **HOUR, limit="1", after=first["next"])
    assert [each["kind"] for page in (first, second) for each in page["items"]] == ["log", "span"]
    assert second["next"] is None


async def test_without_a_time_the_last_day_is_meant(api: Api, shop: dict[str, Item], archive: Archive) -> None:
    environment = shop["development"]
    ago_seconds = api.service.now().timestamp() - when(0).timestamp()
    await archive.store(environment["id"], otlp(Signal.TRACES, traces(span(name="today"))), ago_seconds - 3600)
    await archive.store(environment["id"], otlp(Signal.TRACES, traces(span(name="before"))), ago_seconds - 90_000)
    found = (await api.got(f"/environments/{environment['id']}/events"))["items"]
    assert [each["name"] for each in found] == ["today"]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"kind": "trace"}, "`kind`"),
        ({"from": "yesterday"}, "`from`"),
        ({"from": "2026-01-01T00:00:00"}, "`from`"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "`from`"),
        ({"traceId": "xyz"}, "`traceId`"),
        ({"limit": "0"}, "`limit`"),
        ({"after": "x"}, "`after`"),
        ({"order": "up"}, "`order`"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_is_wrong_with_a_question_is_named(
    api: Api, shop: dict[str, Item], query: dict[str, str], says: str
) -> None:
    status, problem = await api.call("GET", f"/environments/{shop['production']['id']}/events", None, None, **query)
    assert status == 422
    assert says in problem["detail"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_times_at_the_ends_of_the_calendar_are_only_far_away(
    api: Api, shop: dict[str, Item], moment: str
) -> None:
    path = f"/environments/{shop['production']['id']}/events"
    is_early = moment.startswith("0")
    found = await api.got(path, **({"from": moment} if is_early else {"from": HOUR["from"], "to": moment}))
    assert len(found["items"]) == 2
