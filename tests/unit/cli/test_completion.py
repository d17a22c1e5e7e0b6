"""Shell completion: a script for each shell, and what it asks the command as somebody types."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.processes import COMMAND, run

# Each shell that is at hand checks that it understands its script.
CHECKS = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "--no-execute"]}


@pytest.mark.parametrize("shell", CHECKS)
def test_each_shell_gets_a_script_for_this_command(shell: str, tmp_path: Path) -> None:
    script = run(["completion", shell], {})
    assert f"_AXONPUSH_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        file = tmp_path / "completion"
        file.write_text(script)
        subprocess.run([*CHECKS[shell], str(file)], check=True, timeout=30)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("axonpush ev", {"events"}),
        ("axonpush env re", {"rejections", "restore", "resume"}),
        ("axonpush events --ki", {"--kind"}),
        ("axonpush events --kind sp", {"span"}),
    ],
)
def test_commands_options_and_choices_are_completed(words: str, found: set[str]) -> None:
    asked = {"_AXONPUSH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run([COMMAND], env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert {line.partition(",")[2] for line in done.stdout.splitlines()} == found
