"""Java: the versions of all the ways in which it names itself, and what is said where there is none."""

from pathlib import Path

import pytest

from gateway.local import java
from gateway.local.errors import LocalError


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "25.0.2" 2026-01-20\nOpenJDK Runtime Environment', 25),
        ('openjdk version "17" 2021-09-14', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "21-ea" 2023-09-19', 21),
        ("not a java", 0),
    ],
)
def test_the_major_version(text: str, version: int) -> None:
    assert java.major_version(text) == version


def fake_java(folder: Path, version: str) -> Path:
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def test_a_new_enough_java_on_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_java(tmp_path, "17.0.1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert java.on_path() == program


def test_an_old_java_is_named_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_java(tmp_path, "11.0.2")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(LocalError, match=f"needs Java 17 or newer; {program} is version 11. Put a newer one on PATH"):
        java.on_path()


def test_no_java_at_all_is_said_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalError, match=r"there is none\. Install one so that `java` is on PATH"):
        java.on_path()
