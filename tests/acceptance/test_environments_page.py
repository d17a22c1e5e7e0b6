"""What the product's page on environments says, sentence by sentence in its order; each docstring quotes what it shows.

It goes on in `test_environments_override` and `test_environments_flags`.
"""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.curl import RUNNERS
from tests.acceptance.landing import landed, resolved, resource_logs, send_error, send_logs
from tests.acceptance.sending import Answer
from tests.acceptance.stack import App, Stack
from tests.acceptance.topics import Topics

LATER = "2100-01-01T00:00:00Z"
# As the page has them; the host, the keys and what is elided are filled in.
PRODUCTION_LINE = r"""curl -X POST https://api.axonpush.xyz/v1/logs \
-H "X-API-Key: ak_prod_..." \
-H "X-Axonpush-Channel: 1" \
-H "Content-Type: application/json" \
-d '{ "resourceLogs": [ ... ] }'"""
DEVELOPMENT_LINE = r"""curl -X POST https://api.axonpush.xyz/v1/logs \
-H "X-API-Key: ak_dev_..." \
-H "X-Axonpush-Channel: 1" \
..."""


def environments(app: App) -> dict[str, Any]:
    """Answer an app's environments by slug."""
    return {each["slug"]: each for each in app.control.get(f"/apps/{app.id}/environments")["items"]}


def test_an_app_comes_with_two_environments_and_takes_more(stack: Stack, app: App) -> None:
    """Every axonpush app comes with two environments out of the box — Production and Development — and you can add more (staging, preview, per-PR, etc.) from the dashboard."""  # noqa: E501 (quoted)
    assert sorted(each["name"] for each in environments(app).values()) == ["Development", "Production"]
    app.environment("staging")
    app.environment("preview", expiresAt=LATER)
    made = stack.control.put(f"/apps/{app.id}/environments/by-ref/acme%2Fshop%2342", {"ttlSeconds": 3600})
    per_pr = made["environment"]["slug"]
    assert set(environments(app)) == {"production", "development", "staging", "preview", per_pr}
    keys = {"staging": app.key("staging"), "preview": app.key("preview"), per_pr: made["token"]}
    for slug, key in keys.items():
        assert resolved(send_logs(app, key, f"{slug} {app.id}"))[0] == slug
    for slug in keys:
        assert landed(stack, f"{slug} {app.id}") == slug


def test_an_event_and_a_key_belong_to_one_environment_each(stack: Stack, app: App) -> None:
    """Every event belongs to exactly one environment, and every API key is scoped to one environment by default."""
    app.environment("staging")
    keys = {slug: app.key(slug) for slug in app.environments}
    for slug, key in keys.items():
        for named in (None, *keys):
            assert resolved(send_logs(app, key, f"{slug} {named} {app.id}", named))[0] == slug
    counts = stack.wait_until_stored(app.slug)
    assert {slug: each["logs"] for slug, each in counts.items()} == dict.fromkeys(keys, 4)
    rows = stack.database.rows("SELECT environment, body_text FROM logs WHERE body_text LIKE '%' || $1", app.id)
    assert {(row["environment"], row["body_text"].split()[0]) for row in rows} == {
        (identity, slug) for slug, identity in app.environments.items()
    }


def test_dev_traffic_is_isolated_from_real_users(stack: Stack, app: App) -> None:
    """Before you hit production you want dev traffic isolated from real users."""
    key = app.key("development")
    for number in range(3):
        assert send_logs(app, key, f"{number} {app.id}").status == 200
    counts = stack.wait_until_stored(app.slug)
    assert {slug: each["logs"] for slug, each in counts.items()} == {"production": 0, "development": 3}
    topics = Topics(stack.ready.kafka_bootstrap)
    try:
        assert topics.records([app.environments["production"]]) == 0
        assert topics.records([app.environments["development"]]) == 3
    finally:
        topics.close()


def test_incidents_are_filed_where_they_happened(stack: Stack, app: App) -> None:
    """After you hit production you want incidents scoped to the environment where they happened, not filed against a global timeline."""  # noqa: E501 (quoted)
    happened = {slug: [send_error(app, app.key(slug)) for _ in range(2)] for slug in ("production", "development")}
    stack.wait_until_stored(app.slug)
    for slug, event_ids in happened.items():
        listed = stack.control.get(f"/environments/{app.environments[slug]}/events?kind=error")["items"]
        assert [each["eventId"] for each in listed] == event_ids
    # There is no list of more than one environment's.
    for path in ("/events", f"/apps/{app.id}/events"):
        stack.control.get(path, status=404)


def test_one_app_does_for_both_concerns(stack: Stack, app: App) -> None:
    """Environments are the axis axonpush uses to keep those two concerns apart — without making you operate two separate apps."""  # noqa: E501 (quoted)
    for slug in ("production", "development"):
        key = app.made_key(slug)
        assert (key["appId"], key["environmentId"]) == (app.id, app.environments[slug])
        assert resolved(send_logs(app, key["key"], f"{slug} {app.id}", channel=app.channel))[0] == slug
    for slug in ("production", "development"):
        assert landed(stack, f"{slug} {app.id}") == slug
    rows = stack.database.rows("SELECT channel FROM logs WHERE body_text LIKE '%' || $1", app.id)
    assert {row["channel"] for row in rows} == {app.channel}


def test_two_environments_are_seeded(app: App) -> None:
    """When an app is created, two environments are seeded automatically:

    Slug         Name         Production flag  Color
    production   Production   ✓                #EF4444
    development  Development                   #3B82F6
    """  # noqa: D415 (quoted)
    seen = {(each["slug"], each["name"], each["isProduction"], each["color"]) for each in environments(app).values()}
    assert seen == {
        ("production", "Production", True, "#EF4444"),
        ("development", "Development", False, "#3B82F6"),
    }


def test_production_is_the_default(stack: Stack, app: App) -> None:
    """`production` is marked as the default environment on the app."""
    assert stack.control.get(f"/apps/{app.id}")["defaultEnvironmentId"] == app.environments["production"]


def test_a_key_without_a_choice_inherits_the_default(stack: Stack, app: App) -> None:
    """Any API key created without an explicit environment choice inherits this default."""
    made = stack.control.post("/api-keys", {"appId": app.id})
    assert made["environmentId"] == app.environments["production"]
    assert resolved(send_logs(app, made["key"], app.id)) == ("production", "key-default", None)
    assert landed(stack, app.id) == "production"
    stack.control.post(f"/environments/{app.environments['development']}/make-default", status=200)
    assert stack.control.post("/api-keys", {"appId": app.id})["environmentId"] == app.environments["development"]


def test_a_key_is_bound_to_exactly_one_environment(stack: Stack, app: App) -> None:
    """Every API key (ak_*) is bound to exactly one environment via the environmentId column."""
    made = app.made_key("development")
    assert made["key"].startswith("ak_")
    shown = stack.control.get(f"/api-keys/{made['id']}")
    assert shown["environmentId"] == made["environmentId"] == app.environments["development"]
    for wrong in (None, [], list(app.environments.values())):
        stack.control.call("PATCH", f"/api-keys/{made['id']}", {"environmentId": wrong}, status=422)
    row = stack.database.row("SELECT environment_id FROM credentials WHERE id = $1", made["id"])
    assert row["environment_id"] == app.environments["development"]
    assert not stack.database.rows("SELECT id FROM credentials WHERE kind = 'ak' AND environment_id IS NULL")


def test_the_flag_allows_another_environment_request_by_request(stack: Stack, app: App) -> None:
    """The allowEnvironmentOverride flag controls whether that key is allowed to target a different environment on a per-request basis — it defaults to false for newly created keys."""  # noqa: E501 (quoted)
    made = app.made_key()
    assert made["allowEnvironmentOverride"] is False
    assert resolved(send_logs(app, made["key"], f"false {app.id}", "development"))[0] == "production"
    allowed = app.key(allowEnvironmentOverride=True)
    expected = {
        "development": "development",
        "": "production",
        "production": "production",
        "Development": "development",
    }
    for named, slug in expected.items():
        assert resolved(send_logs(app, allowed, f"true {named} {app.id}", named))[0] == slug
    for named, slug in expected.items():
        assert landed(stack, f"true {named} {app.id}") == slug
    assert landed(stack, f"false {app.id}") == "production"


@pytest.mark.parametrize("run", RUNNERS)
@pytest.mark.parametrize(
    ("line", "shown", "environment"),
    [(PRODUCTION_LINE, "ak_prod_...", "production"), (DEVELOPMENT_LINE, "ak_dev_...", "development")],
    ids=["production", "development"],
)
def test_the_commands_work_as_they_stand_there(
    stack: Stack, run: Callable[[str], Answer], line: str, shown: str, environment: str
) -> None:
    """Key bound to production. Events go to production. Different key for dev — events go to development."""
    text = f"curl {secrets.token_hex(8)}"
    key = stack.ready.api_keys[environment]
    assert key.startswith(shown.removesuffix("..."))
    same = '-H "X-Axonpush-Channel: 1" \\\n'
    whole = line if line.endswith("'") else line.removesuffix("...") + PRODUCTION_LINE.partition(same)[2]
    answer = run(
        whole.replace("https://api.axonpush.xyz", stack.url)
        .replace(shown, key)
        .replace('{ "resourceLogs": [ ... ] }', f'{{ "resourceLogs": [ {resource_logs(text)} ] }}')
    )
    assert resolved(answer) == (environment, "key-default", None)
    assert answer.json() == {}
    assert landed(stack, text) == environment
    assert stack.database.value("SELECT channel FROM logs WHERE body_text = $1", text) == 1


def test_deployments_differ_in_their_key_alone(stack: Stack, app: App, tmp_path: Path) -> None:
    """Common pattern: rotate the API key per deploy environment (via secret manager / .env.production / .env.development) and leave everything else identical."""  # noqa: E501 (quoted)

    def deploy(name: str, text: str) -> Answer:
        key = (tmp_path / f".env.{name}").read_text().removeprefix("AXONPUSH_API_KEY=").strip()
        return send_logs(app, key, text, channel=app.channel)

    for name in ("production", "development"):
        made = app.made_key(name)
        rotated = stack.control.post(f"/api-keys/{made['id']}/rotate", {"overlapSeconds": 3600})
        for number, key in enumerate((made["key"], rotated["key"])):
            (tmp_path / f".env.{name}").write_text(f"AXONPUSH_API_KEY={key}\n")
            assert resolved(deploy(name, f"{name} {number} {app.id}")) == (name, "key-default", None)
    for name in ("production", "development"):
        assert [landed(stack, f"{name} {number} {app.id}") for number in range(2)] == [name] * 2
