"""What the page on environments says of their flags: a dashboard shows the fields, the gateway keeps the promises."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct

from gateway.runtime.clock import now_ns
from tests.acceptance.database import wait_until
from tests.acceptance.landing import landed, resolved, send_logs
from tests.acceptance.stack import App, Stack
from tests.acceptance.topics import Topics

FLAGS = ("isProduction", "isEphemeral", "expiresAt", "requireConfirmationForDestructive")
RED = "#EF4444"
LIFE = timedelta(seconds=4)


@pytest.fixture
def quick_reaper(stack: Stack) -> Iterator[None]:
    """Run an edge beside the stack's that removes what expired without waiting for others."""
    quick = {"AXONPUSH_REAPER_INTERVAL_SECONDS": "1", "AXONPUSH_REAPER_SETTLE_SECONDS": "0"}
    process, _ = stack.join_edge(env=quick)
    yield
    assert process.stop() == 0, process.log


def test_each_environment_stores_the_flags(stack: Stack, app: App) -> None:
    """Each environment stores a few flags that power dashboard UX:

    Field  Purpose
    """  # noqa: D415 (quoted)
    staging = app.environment("staging")
    for flags in (
        {"requireConfirmationForDestructive": True, "isProduction": True},
        {"isProduction": False, "isEphemeral": True, "expiresAt": "2100-01-01T00:00:00Z"},
        {"isEphemeral": False},
        UNGUARDED,
    ):
        if flags is UNGUARDED:
            unguard(stack, staging)
        else:
            stack.control.patch(f"/environments/{staging}", flags)
        changed = stack.control.get(f"/environments/{staging}")
        assert changed | flags == changed
        (listed,) = [
            each for each in stack.control.get(f"/apps/{app.id}/environments")["items"] if each["id"] == staging
        ]
        for flag in FLAGS:
            assert listed[flag] == changed[flag]


def test_production_is_red_and_stricter(stack: Stack, app: App) -> None:
    """`isProduction`: Dashboard renders these differently (red badge, stricter confirms)."""
    app.environment("eu", isProduction=True)
    app.environment("staging")
    listed = {each["slug"]: each for each in stack.control.get(f"/apps/{app.id}/environments")["items"]}
    expected = {"production": True, "eu": True, "development": False, "staging": False}
    assert {slug: each["isProduction"] for slug, each in listed.items()} == expected
    assert {slug: each["color"] == RED for slug, each in listed.items()} == expected
    assert {slug: each["requireConfirmationForDestructive"] for slug, each in listed.items()} == expected
    for slug, each in listed.items():
        stack.control.post(f"/environments/{each['id']}/wipe", status=428 if expected[slug] else 200)
    # However it is confirmed, one that is marked as production is not deleted.
    stack.control.call("DELETE", f"/environments/{listed['eu']['id']}", status=409)
    stack.control.call("DELETE", f"/environments/{listed['staging']['id']}", status=204)


@pytest.mark.usefixtures("quick_reaper")
def test_a_preview_disappears_by_itself(stack: Stack, app: App) -> None:
    """`isEphemeral` / `expiresAt`: Temporary preview environments that auto-disappear."""
    expires_at = datetime.fromtimestamp(now_ns() / 1e9, UTC) + LIFE
    preview = app.environment("preview", expiresAt=expires_at.isoformat())
    shown = stack.control.get(f"/environments/{preview}")
    assert shown["isEphemeral"] is True
    assert datetime.fromisoformat(shown["expiresAt"]) == expires_at
    key = app.key("preview")
    assert resolved(send_logs(app, key, app.id))[0] == "preview"
    assert landed(stack, app.id) == "preview"
    assert records(stack, preview) == 1
    wait_until(lambda: send_logs(app, key, app.id).status == 410, "it takes nothing any more")
    assert now_ns() / 1e9 >= expires_at.timestamp()
    is_purged = "SELECT purged_at IS NOT NULL FROM environments WHERE id = $1"
    wait_until(lambda: stack.database.value(is_purged, preview), "it is gone")
    stack.control.get(f"/environments/{preview}", status=404)
    listed = stack.control.get(f"/apps/{app.id}/environments")["items"]
    assert {each["slug"] for each in listed} == {"production", "development"}
    assert stack.database.rows("SELECT environment FROM logs WHERE body_text = $1", app.id) == []
    assert records(stack, preview) == 0
    # Clients that go on sending are told why.
    answer = send_logs(app, key, app.id)
    assert (answer.status, b"preview" in answer.body) == (410, True)


def records(stack: Stack, environment: str) -> int:
    """Count the records in an environment's topic; none where there is no topic."""
    topics = Topics(stack.ready.kafka_bootstrap)
    try:
        return topics.records([environment])
    finally:
        topics.close()


class Destructive(Struct, frozen=True):
    """A call that destroys something; its path is of the app, environment, channel or key that is filled in."""

    method: str
    path: str
    name: str
    body: dict[str, Any] | None = None
    status: int = 200


DESTRUCTIVE = [
    Destructive("POST", "/environments/{environment}/wipe", "guarded"),
    Destructive("DELETE", "/channels/{channel}", "second", status=204),
    Destructive("DELETE", "/environments/{environment}", "guarded", status=204),
    Destructive("PATCH", "/environments/{environment}", "guarded", {"retentionDays": 1}),
    Destructive("POST", "/api-keys/{key}/revoke", "guarded"),
]
UNGUARDED = {"requireConfirmationForDestructive": False}


def unguard(stack: Stack, environment: str) -> None:
    """Let an environment ask no more, which it asks about."""
    path = f"/environments/{environment}"
    problem = stack.control.call("PATCH", path, UNGUARDED, 428)
    confirmed = {"X-Confirm": problem["confirm"], "X-Confirm-Challenge": problem["challenge"]}
    stack.control.call("PATCH", path, UNGUARDED, 200, confirmed)


@pytest.mark.parametrize("call", DESTRUCTIVE, ids=lambda call: f"{call.method} {call.path}")
def test_a_name_is_typed_before_something_is_destroyed(stack: Stack, app: App, call: Destructive) -> None:
    """`requireConfirmationForDestructive`: Typing-gate before wiping events, deleting channels, etc."""
    unguard(stack, app.environments["production"])
    guarded = app.environment("guarded", requireConfirmationForDestructive=True)
    channel = stack.control.post(f"/apps/{app.id}/channels", {"name": "Second"})["id"]
    key = app.made_key("guarded")
    assert send_logs(app, key["key"], app.id, channel=channel).status == 200
    assert landed(stack, app.id) == "guarded"
    path = call.path.format(environment=guarded, channel=channel, key=key["id"])

    def challenge(confirm: dict[str, str]) -> str:
        problem = stack.control.call(call.method, path, call.body, 428, confirm)
        assert set(problem["impact"]) == {"events", "bytes", "keys"}
        assert problem["confirm"] == call.name
        return problem["challenge"]

    mistyped = {"X-Confirm": call.name[:-1], "X-Confirm-Challenge": challenge({})}
    confirmed = {"X-Confirm": call.name, "X-Confirm-Challenge": challenge(mistyped)}
    assert landed(stack, app.id) == "guarded"
    assert resolved(send_logs(app, key["key"], f"still {app.id}", channel=channel))[0] == "guarded"
    stack.control.call(call.method, path, call.body, call.status, confirmed)


@pytest.mark.parametrize("call", DESTRUCTIVE, ids=lambda call: f"{call.method} {call.path}")
def test_nothing_is_typed_where_no_environment_asks(stack: Stack, app: App, call: Destructive) -> None:
    """`requireConfirmationForDestructive` is what makes the difference: without it the same calls are made at once."""
    unguard(stack, app.environments["production"])
    open_to_all = app.environment("guarded", **UNGUARDED)
    channel = stack.control.post(f"/apps/{app.id}/channels", {"name": "Second"})["id"]
    path = call.path.format(environment=open_to_all, channel=channel, key=app.made_key("guarded")["id"])
    stack.control.call(call.method, path, call.body, call.status)
