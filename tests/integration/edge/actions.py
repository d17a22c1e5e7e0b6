"""Running a composite action as GitHub's runner does: its expressions are evaluated, its step runs in its shell."""

import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_NAME = re.compile(r"\b(?:github|inputs|secrets|steps|vars)(?:\.[\w-]+)+")


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


class Acted(Struct, frozen=True):
    """How an action ended: its step, and the outputs that the action declares."""

    step: Ran
    outputs: dict[str, str]


def act(folder: Path, given: Mapping[str, str], contexts: Mapping[str, Any], scratch: Path) -> Acted:
    """Run the action in a folder.

    Args:
        folder: where its action.yml stands.
        given: what stands behind `with:` where it is used, expressions included.
        contexts: what expressions read, by name: github, vars, secrets.
        scratch: a folder for the files of the runner.
    """
    action = yaml.safe_load((folder / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    (step,) = action["runs"]["steps"]
    assert set(given) <= set(action["inputs"])
    assert {name for name, each in action["inputs"].items() if each.get("required")} <= set(given)
    defaults = {name: each.get("default", "") for name, each in action["inputs"].items()}
    known = {**contexts, "inputs": defaults | {name: filled(text, contexts) for name, text in given.items()}}
    output = scratch / secrets.token_hex(4)
    output.touch()
    runners = {"GITHUB_OUTPUT": str(output), "GITHUB_ACTIONS": "true", "GITHUB_ACTION_PATH": str(folder)}
    env = {name: filled(text, known) for name, text in step["env"].items()}
    ran = run([step["shell"], "-e", "-c", filled(step["run"], known)], env | runners)
    written = dict(line.split("=", 1) for line in output.read_text().splitlines())
    known["steps"] = {step["id"]: {"outputs": written}}
    return Acted(ran, {name: filled(each["value"], known) for name, each in action["outputs"].items()})


def filled(text: str, contexts: Mapping[str, Any]) -> str:
    """Put the values of the expressions in the place of each `${{ ... }}`; what is not known is empty."""
    return _EXPRESSION.sub(lambda found: str(_value(found[1], contexts) or ""), text)


def _value(expression: str, contexts: Mapping[str, Any]) -> Any:
    """Evaluate an expression: names, texts, ==, &&, || and format() mean in Python what they mean there."""

    def look_up(path: str) -> Any:
        found: Any = contexts
        for name in path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return found

    python = _NAME.sub(lambda name: f'look_up("{name[0]}")', expression).replace("||", " or ").replace("&&", " and ")
    functions = {"look_up": look_up, "format": str.format, "__builtins__": {}}
    return eval(python.strip(), functions)  # noqa: S307 (the action's own text)
