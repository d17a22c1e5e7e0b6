"""A preview for each pull request: the script and the action in deploy/ci, run against a gateway as CI runs them."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec import Struct

from tests.acceptance.database import wait_until
from tests.acceptance.sending import send
from tests.acceptance.stack import App
from tests.integration.edge.forms import JSON
from tests.integration.edge.world import World

FOLDER = Path(__file__).parents[3] / "deploy" / "ci"
SCRIPT = FOLDER / "preview.sh"
SHELLS = [name for name in ("sh", "dash", "bash") if shutil.which(name)]


class Ran(Struct, frozen=True):
    """How a command ended; `outputs` are the lines `name=value` that it printed."""

    code: int
    out: str
    err: str

    @property
    def outputs(self) -> dict[str, str]:
        """What it printed as outputs."""
        return dict(re.findall(r"^(\w+)=(.*)$", self.out, re.MULTILINE))


def run(command: list[str], env: Mapping[str, str | None]) -> Ran:
    """Run a command with these variables alone."""
    given = {name: value for name, value in env.items() if value is not None}
    done = subprocess.run(
        command, env={"PATH": os.environ["PATH"], **given}, capture_output=True, text=True, timeout=60, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


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


def test_the_action_runs_the_script_with_everything_that_it_takes(world: World, app: App, tmp_path: Path) -> None:
    action = yaml.safe_load((FOLDER / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    (step,) = action["runs"]["steps"]
    assert step["shell"] == "sh"
    named = set(re.findall(r"AXONPUSH_[A-Z_]+", SCRIPT.read_text()))
    assert set(step["env"]) == {*named, "AXONPUSH_COMMAND"}
    expressions = " ".join(step["env"].values())
    assert set(re.findall(r"inputs\.([a-z-]+)", expressions)) == set(action["inputs"])
    assert all("description" in each for each in (*action["inputs"].values(), *action["outputs"].values()))

    output = tmp_path / "output"
    env = {
        **settings(world, app, "acme/shop#7"),
        "AXONPUSH_COMMAND": "upsert",
        "AXONPUSH_TTL_SECONDS": action["inputs"]["ttl-seconds"]["default"],
        "AXONPUSH_MAX_TTL_SECONDS": "",
        "AXONPUSH_CHANNEL_ID": "",
        "GITHUB_OUTPUT": str(output),
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTION_PATH": str(FOLDER),
    }
    ran = run(["sh", "-e", "-c", step["run"]], env)
    assert ran.code == 0, ran
    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert set(written) == {
        re.findall(r"steps\.preview\.outputs\.(\w+)", each["value"])[0] for each in action["outputs"].values()
    }
    assert ran.out.startswith(f"::add-mask::{written['token']}\n")
    assert previews(world, app)["acme/shop#7"]["id"] == written["environment_id"]
