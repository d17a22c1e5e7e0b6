"""What users of Sentry's SDK for browsers set and call beside errors, traces and logs, and what is in PostgreSQL."""

import json
import zlib
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from tests.acceptance import node_client
from tests.acceptance.sentry_rows import attachments, items, payloads
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = pytest.mark.timeout(400)

_USES = ("offline", "profile", "more")


class Visit(Struct, frozen=True):
    """An app of its own, and what came of a page that used one of `_USES`; its DSN leads through a path prefix."""

    app: App
    made: Any


@pytest.fixture(scope="module")
def visits(stack: Stack, node: None) -> dict[str, Visit]:
    """Visit once for all tests, and wait until everything is stored."""
    del node
    apps = {use: stack.control.app() for use in _USES}
    settings: list[Any] = []
    for use, app in apps.items():
        origin, _, channel = app.dsn(app.token("development")).rpartition("/")
        settings.append({"dsn": f"{origin}/some/prefix/{channel}", "use": use})
    results = node_client.visit("page_options.mjs", settings)
    for app in apps.values():
        stack.wait_until_stored(app.slug)
    return {use: Visit(app, made) for (use, app), made in zip(apps.items(), results, strict=True)}


@pytest.mark.clause("Sentry 9c")
@pytest.mark.parametrize("use", _USES)
def test_a_dsn_with_a_path_prefix_works_in_a_page(visits: dict[str, Visit], use: str) -> None:
    visit = visits[use]
    requests = visit.made["requests"]
    assert {each["path"] for each in requests} == {f"/some/prefix/api/{visit.app.channel}/envelope/"}
    assert {each["status"] for each in requests} == {200}


def test_what_was_captured_offline_is_stored_once(stack: Stack, visits: dict[str, Visit]) -> None:
    app, made = visits["offline"].app, visits["offline"].made
    query = "SELECT * FROM error_events WHERE environment = $1 ORDER BY value"
    first, online, second = stack.database.rows(query, app.environments["development"])
    assert (online["event_id"], online["value"]) == (UUID(made["onlineId"]), "online")
    assert [row["event_id"].hex for row in (first, second)] == made["offlineIds"]
    assert [row["value"] for row in (first, second)] == ["first while offline", "second while offline"]
    assert all(row["sent_at"] > row["timestamp"] for row in (first, second))
    data = bytes(range(256))
    assert attachments(stack, app) == [
        (event_id, f"{name}.bin", data) for event_id, name in zip(made["offlineIds"], ("first", "second"), strict=True)
    ]
    logs = stack.database.rows("SELECT body_text FROM logs WHERE environment = $1", app.environments["development"])
    assert [row["body_text"] for row in logs] == ["while offline"]


@pytest.mark.clause("Sentry c1", "Sentry c3")
def test_chunks_of_a_pages_profile_are_stored(stack: Stack, visits: dict[str, Visit]) -> None:
    app = visits["profile"].app
    chunks = items(stack, app, "profile_chunk")
    assert {(row["category"], row["headers"]["platform"]) for row in chunks} == {("profile_chunk_ui", "javascript")}
    assert {row["json"]["release"] for row in chunks} == {"shop@4.5.6"}
    assert "work" in {frame["function"] for row in chunks for frame in row["json"]["profile"]["frames"]}
    (span,) = stack.database.rows("SELECT * FROM spans WHERE environment = $1", app.environments["development"])
    assert span["name"] == "checkout"
    assert {row["json"]["profiler_id"] for row in chunks} == {span["attributes"]["sentry.profiler_id"]}


@pytest.mark.clause("Sentry c1", "Sentry c3")
def test_what_users_set_and_call_in_a_page_is_stored(stack: Stack, visits: dict[str, Visit]) -> None:
    app, made = visits["more"].app, visits["more"].made
    error = stack.database.row("SELECT * FROM error_events WHERE environment = $1", app.environments["development"])
    assert (error["event_id"], error["value"]) == (UUID(made["eventId"]), "no stock")
    assert attachments(stack, app) == [(made["eventId"], "cart.bin", bytes(range(256)))]
    (feedback,) = items(stack, app, "feedback")
    assert (feedback["event_id"], feedback["category"]) == (UUID(made["feedbackId"]), "feedback")
    assert feedback["json"]["contexts"]["feedback"]["message"] == "The cart is empty"
    (metrics,) = payloads(stack, app, "trace_metric")
    assert [(each["name"], each["type"], each["value"]) for each in metrics["items"]] == [
        ("orders", "counter", 2),
        ("latency", "distribution", 12.5),
        ("carts", "gauge", 3),
    ]


@pytest.mark.clause("Sentry c1", "Sentry c3")
def test_a_replay_of_a_page_is_stored_byte_for_byte(stack: Stack, visits: dict[str, Visit]) -> None:
    app, made = visits["more"].app, visits["more"].made
    (replay,) = items(stack, app, "replay_event")
    (recording,) = items(stack, app, "replay_recording")
    assert (replay["category"], recording["category"]) == ("replay", "replay")
    assert replay["json"]["replay_id"] == replay["event_id"].hex == recording["event_id"].hex == made["replayId"]
    head, _, compressed = recording["payload"].partition(b"\n")
    assert json.loads(head) == recording["json"] == {"segment_id": replay["json"]["segment_id"]}
    recorded = json.loads(zlib.decompress(compressed))
    # The page as it is, and its document whole.
    by_type = {each["type"]: each["data"] for each in recorded}
    assert by_type[4]["href"] == replay["json"]["urls"][0]
    assert by_type[2]["node"]["childNodes"]
