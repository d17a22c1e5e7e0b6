"""A preview for each pull request: the script and the action in deploy/ci, run against a gateway as CI runs them."""

import re
import secrets
import shutil
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from tests.acceptance.database import wait_until
from tests.acceptance.sending import send
from tests.acceptance.stack import App
from tests.integration.edge.actions import Acted, act, run
from tests.integration.edge.forms import JSON
from tests.integration.edge.world import World

FOLDER = Path(__file__).parents[3] / "deploy" / "ci"
SCRIPT = FOLDER / "preview.sh"
SHELLS = [name for name in ("sh", "dash", "bash") if shutil.which(name)]


@pytest.fixture(scope="module")
def app(world: World) -> App:
    """Make an app."""
    return world.control.app()


def settings(world: World, app: App, ref: str) -> dict[str, str | None]:
    """Answer what the script is told."""
    return {
        "AXONPUSH_URL": world.url,
        "AXONPUSH_MANAGEMENT_KEY": world.control.management_key,
        "AXONPUSH_APP": app.id,
        "AXONPUSH_REF": ref,
    }


def previews(world: World, app: App) -> dict[str, Any]:
    """Answer the app's ephemeral environments by ref."""
    listed = world.control.get(f"/apps/{app.id}/environments")["items"]
    return {each["sourceRef"]: each for each in listed if each["isEphemeral"]}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_preview_is_made_lives_on_and_goes(world: World, app: App, shell: str) -> None:
    ref = f'acme/shop "ünï" #{secrets.token_hex(3)}'
    env = settings(world, app, ref)
    made = run([shell, str(SCRIPT), "upsert"], env)
    assert (made.code, made.err) == (0, "")
    preview = previews(world, app)[ref]
    assert made.outputs["environment"] == preview["slug"]
    assert made.outputs["environment_id"] == preview["id"]
    sent = JSON.send(world.url, made.outputs["token"], app.channel)
    assert (sent.status, sent.headers["x-axonpush-resolved-environment"]) == (200, preview["slug"])

    again = run([shell, str(SCRIPT), "upsert"], {**env, "AXONPUSH_TTL_SECONDS": "2000000"})
    assert (again.code, again.outputs) == (0, {**made.outputs, "token": ""})
    assert previews(world, app)[ref]["expiresAt"] > preview["expiresAt"]

    for _ in range(2):
        gone = run([shell, str(SCRIPT), "delete"], env)
        assert (gone.code, gone.out, gone.err) == (0, "", "")
    assert ref not in previews(world, app)
    wait_until(
        lambda: JSON.send(world.url, made.outputs["token"], app.channel).status == 410, "its token ends with it", 10
    )


def test_a_preview_can_live_as_long_as_it_has_traffic(world: World, app: App) -> None:
    env = {**settings(world, app, "growing"), "AXONPUSH_TTL_SECONDS": "600", "AXONPUSH_MAX_TTL_SECONDS": "1200"}
    assert run([str(SCRIPT), "upsert"], env).code == 0
    made = previews(world, app)["growing"]
    assert (made["ttlSeconds"], made["maxExpiresAt"] > made["expiresAt"]) == (600, True)
    refused = run([str(SCRIPT), "upsert"], {**env, "AXONPUSH_MAX_TTL_SECONDS": "599"})
    assert (refused.code, "Field `maxTtlSeconds`: must be 600 at least" in refused.err) == (1, True)


def test_a_channel_can_be_named(world: World, app: App) -> None:
    channel = world.control.post(f"/apps/{app.id}/channels", {"name": "Previews"})["id"]
    env = {**settings(world, app, "channel"), "AXONPUSH_CHANNEL_ID": str(channel)}
    token = run([str(SCRIPT), "upsert"], env).outputs["token"]
    shown = send(f"{world.url}/whoami", method="GET", headers={"X-API-Key": token}).json()
    assert shown["channelId"] == channel


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"AXONPUSH_URL": None}, 2, "AXONPUSH_URL is not set"),
        ({"AXONPUSH_REF": ""}, 2, "AXONPUSH_REF is not set"),
        ({"AXONPUSH_MANAGEMENT_KEY": 'x"\nurl = "http://elsewhere'}, 2, "is no key"),
        ({"AXONPUSH_TTL_SECONDS": "1 week"}, 2, "whole numbers"),
        ({"AXONPUSH_MANAGEMENT_KEY": "mk_admin_wrong"}, 1, "(401): This key is not known"),
        ({"AXONPUSH_APP": "unknown/app"}, 1, "(404): There is no app"),
        ({"AXONPUSH_TTL_SECONDS": "0"}, 1, "(422): Field `ttlSeconds`"),
        ({"AXONPUSH_URL": "http://127.0.0.1:9"}, 1, "cannot be reached"),
    ],
)
def test_what_is_wrong_is_said(world: World, app: App, change: dict[str, str | None], code: int, says: str) -> None:
    ran = run([str(SCRIPT), "upsert"], {**settings(world, app, "wrong"), **change})
    assert ran.code == code, ran
    assert says in ran.err
    assert world.control.management_key not in ran.err


def test_without_a_command_it_says_which_there_are(world: World, app: App) -> None:
    ran = run([str(SCRIPT)], settings(world, app, "none"))
    assert (ran.code, ran.out) == (2, "")
    assert "upsert" in ran.err


def event(action: str) -> dict[str, Any]:
    """Write what GitHub says of a pull request."""
    return {"action": action, "pull_request": {"number": 7}}


def test_the_workflow_at_the_head_of_the_action_makes_keeps_and_deletes_a_preview(
    world: World, app: App, tmp_path: Path
) -> None:
    head = [
        line.removeprefix("#") for line in (FOLDER / "action.yml").read_text().splitlines() if line.startswith("#  ")
    ]
    workflow = yaml.safe_load(dedent("\n".join(head)))
    # YAML 1.1 takes the word `on` for true.
    assert set(workflow[True]["pull_request"]["types"]) == {"opened", "reopened", "synchronize", "closed"}
    (used,) = [step for step in workflow["jobs"]["preview"]["steps"] if step["uses"] == "./deploy/ci"]
    told = {
        "vars": {"AXONPUSH_URL": world.url, "AXONPUSH_APP": app.id},
        "secrets": {"AXONPUSH_MANAGEMENT_KEY": world.control.management_key},
    }

    def acted(happened: dict[str, Any], **given: str) -> Acted:
        github = {"repository": "acme/shop", "ref_name": "main", "event": happened}
        acted = act(FOLDER, used["with"] | given, {**told, "github": github}, tmp_path)
        assert (acted.step.code, acted.step.err) == (0, "")
        return acted

    opened = acted(event("opened"))
    preview = previews(world, app)["acme/shop#7"]
    token = opened.outputs["token"]
    assert opened.outputs == {"environment": preview["slug"], "environment-id": preview["id"], "token": token}
    assert opened.step.out.startswith(f"::add-mask::{token}\n")
    sent = JSON.send(world.url, token, app.channel)
    assert (sent.status, sent.headers["x-axonpush-resolved-environment"]) == (200, preview["slug"])

    again = acted(event("synchronize"), **{"ttl-seconds": "2000000"})
    assert again.outputs == opened.outputs | {"token": ""}
    assert previews(world, app)["acme/shop#7"]["expiresAt"] > preview["expiresAt"]

    closed = acted(event("closed"))
    assert closed.outputs == {"environment": "", "environment-id": "", "token": ""}
    assert "acme/shop#7" not in previews(world, app)


def test_the_action_passes_on_what_it_is_given(world: World, app: App, tmp_path: Path) -> None:
    channel = world.control.post(f"/apps/{app.id}/channels", {"name": "Action"})["id"]
    given = {"url": world.url, "management-key": world.control.management_key, "app": app.id}
    push = {"github": {"repository": "acme/shop", "ref_name": "main", "event": {}}}
    of_branch = act(FOLDER, given | {"channel-id": str(channel), "max-ttl-seconds": "900000"}, push, tmp_path)
    assert of_branch.step.code == 0, of_branch
    assert previews(world, app)["acme/shop#main"]["id"] == of_branch.outputs["environment-id"]
    shown = send(f"{world.url}/whoami", method="GET", headers={"X-API-Key": of_branch.outputs["token"]}).json()
    assert shown["channelId"] == channel
    act(FOLDER, given | {"ref": "named"}, push, tmp_path)
    assert {"acme/shop#main", "named"} <= set(previews(world, app))
    act(FOLDER, given | {"ref": "named", "command": "delete"}, push, tmp_path)
    assert "named" not in previews(world, app)


def test_the_action_knows_all_that_the_script_takes() -> None:
    action = yaml.safe_load((FOLDER / "action.yml").read_text())
    (step,) = action["runs"]["steps"]
    named = set(re.findall(r"AXONPUSH_[A-Z_]+", SCRIPT.read_text()))
    assert set(step["env"]) == {*named, "AXONPUSH_COMMAND"}
    assert set(re.findall(r"inputs\.([a-z-]+)", " ".join(step["env"].values()))) == set(action["inputs"])
    assert all("description" in each for each in (*action["inputs"].values(), *action["outputs"].values()))
