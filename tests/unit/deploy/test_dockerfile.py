"""deploy/Dockerfile: what it copies exists, its locks hold what it takes from them, and it runs as nobody special."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

from gateway.cli.main import COMMANDS

ROOT = Path(__file__).parents[3]
LINES = re.sub(r"\\\n", "", (ROOT / "deploy/Dockerfile").read_text()).splitlines()
INSTRUCTIONS = [line.split(None, 1) for line in LINES if line.strip() and not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def copied() -> Iterator[str]:
    """Name what is copied out of the build's context."""
    for instruction, rest in INSTRUCTIONS:
        if instruction == "COPY" and not rest.startswith("--from"):
            yield from rest.split()[:-1]


def last(name: str) -> str:
    """Answer the last value of an instruction: what holds in the final stage."""
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name][-1]


def test_it_copies_what_exists_and_the_context_holds() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied()) == let_in
    assert all((ROOT / source).exists() for source in let_in)


def test_every_package_is_copied() -> None:
    packages = {pattern.removesuffix("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= set(copied())


def test_a_stage_is_copied_from_only_if_it_exists() -> None:
    stages = {rest.split(" AS ")[1] for instruction, rest in INSTRUCTIONS if instruction == "FROM" and " AS " in rest}
    sources = re.findall(r"--from=(\w+)", "\n".join(rest for _, rest in INSTRUCTIONS))
    assert sources
    assert set(sources) <= stages


def test_the_final_stage_runs_the_command_as_a_numeric_user_that_is_not_root() -> None:
    user, group = last("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    entrypoint, default = json.loads(last("ENTRYPOINT")), json.loads(last("CMD"))
    assert set(entrypoint) <= set(PROJECT["project"]["scripts"])
    assert set(default) <= set(COMMANDS)


def test_nothing_is_installed_without_its_hash() -> None:
    installs = re.findall(r"pip install ([^&]*)", "\n".join(rest for _, rest in INSTRUCTIONS))
    assert installs
    for arguments in installs:
        assert "--require-hashes" in arguments or arguments.startswith("--no-deps /wheels/")


def test_the_build_backend_is_found_in_the_lock() -> None:
    script = re.search(r"sed -n '([^']+)' (\S+)", "\n".join(LINES))
    assert script
    found = subprocess.run(
        ["sed", "-n", script[1], script[2]], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert re.fullmatch(r"setuptools==[\d.]+ (\\\n +--hash=sha256:[0-9a-f]{64} ?)+\n", found)
    assert [each.split(">=")[0] for each in PROJECT["build-system"]["requires"]] == ["setuptools"]


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    for source in copied():
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, context / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, context / source)
    expected = {
        str(path.relative_to(context))
        for package in ("consumers", "gateway", "schemas")
        for path in (context / package).rglob("*")
        if path.is_file()
    }
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-qqq", "--no-deps", "--no-build-isolation", "-w", tmp_path, context],
        check=True,
    )
    (wheel,) = tmp_path.glob("axonpush-*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == expected
