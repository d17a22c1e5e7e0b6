"""The command line: help, the generated flags, exit codes, and the configuration's documents."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.config import document
from gateway.runtime.catalogue import SETTINGS

ROOT = Path(__file__).parents[3]


def axonpush(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AXONPUSH_")}
    return subprocess.run(
        [sys.executable, "-c", "from gateway.cli.main import main; main()", *arguments],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_help_lists_the_commands_without_importing_them(tmp_path: Path) -> None:
    probe = "import sys; from gateway.cli.main import main\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", probe, "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Bring the database to this version" in done.stdout
    imported = set(done.stderr.split())
    assert "gateway.cli.main" in imported
    assert not {"msgspec", "asyncio", "aiohttp", "asyncpg", "rich"} & imported


def test_a_flag_outranks_the_environment_and_its_origin_is_shown(tmp_path: Path) -> None:
    done = axonpush(
        "config", "--json", "--port", "1", cwd=tmp_path, AXONPUSH_SERVER_PORT="2", AXONPUSH_LOG_LEVEL="DEBUG"
    )
    shown = {row["setting"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}
    assert set(shown) == set(SETTINGS)
    assert shown["server.port"] == ("1", "flag --server-port")
    assert shown["log.level"] == ("DEBUG", "environment variable AXONPUSH_LOG_LEVEL")
    assert shown["log.format"] == ("text", "default")


def test_the_table_masks_passwords(tmp_path: Path) -> None:
    done = axonpush("config", "--database-url", "postgresql://me:hunter2@db/x", cwd=tmp_path)
    assert "postgresql://me:********@db/x" in done.stdout
    assert "hunter2" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environ", "sentence"),
    [
        (["--port", "x"], {}, "axonpush: server.port (flag --server-port) is 'x'; it takes a whole number"),
        ([], {"AXONPUSH_SERVER_PORT": "-1"}, "axonpush: server.port (environment variable AXONPUSH_SERVER_PORT)"),
        (["--config", "gone.toml"], {}, "axonpush: The configuration file gone.toml (flag --config) does not exist."),
    ],
)
def test_a_bad_setting_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], sentence: str
) -> None:
    done = axonpush("config", *arguments, cwd=tmp_path, **environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1


def test_the_document_has_a_line_for_each_setting() -> None:
    lines = document().splitlines()
    for setting in SETTINGS.values():
        line = next(line for line in lines if f"`{setting.variable}`" in line and line.startswith("|"))
        assert setting.description in line
    assert (
        "| `body_max_bytes` | `AXONPUSH_LIMITS_BODY_MAX_BYTES` | `20971520` (20 MiB) | Largest request body as sent. |"
        in lines
    )
