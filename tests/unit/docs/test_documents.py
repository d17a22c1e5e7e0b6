"""README.md and docs/ stay true: the commands, options, settings, modules, metrics and links that they name exist."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from gateway.cli.main import COMMANDS
from gateway.runtime import metrics
from gateway.runtime.catalogue import BY_VARIABLE, SECTIONS, SETTINGS

ROOT = Path(__file__).parents[3]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text() for path in DOCUMENTS}
_MIB = 1024 * 1024

_FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def code_of(text: str) -> Iterator[str]:
    """Give each line of the fenced blocks, and each span of code."""
    for block in _FENCE.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    yield from _CODE.findall(_FENCE.sub("", text))


def invocations(text: str) -> Iterator[list[str]]:
    """Give the arguments of each `axonpush …` that stands as a command."""
    for line in code_of(text):
        words = shlex.split(line, comments=True) if line.startswith((".venv/bin/axonpush ", "axonpush ")) else []
        if words:
            yield words[1:]


def resolve(arguments: list[str]) -> tuple[click.Command, list[str]]:
    """Follow sub-commands as the command line would; answer the last one and what is left for it."""
    assert arguments[0] in COMMANDS, f"`axonpush {arguments[0]}` does not exist"
    command: click.Command = import_module(f"gateway.cli.{arguments[0]}").command
    rest = arguments[1:]
    while rest and isinstance(command, click.Group):
        assert rest[0] in command.commands, f"`axonpush {' '.join(arguments)}` does not exist"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, rest


def anchors(text: str) -> set[str]:
    """Give the names under which the headings of a document can be linked to."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_opens_with_the_two_commands() -> None:
    first_block = _FENCE.findall(TEXTS["README.md"])[0]
    assert [line.split("#")[0].strip() for line in first_block.splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize("name", TEXTS)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {match[1] for line in code_of(TEXTS[name]) if (match := re.match(r"make ([a-z-]+)", line))}
    assert named <= set(targets)


@pytest.mark.parametrize("name", TEXTS)
def test_every_command_that_is_shown_exists_and_takes_its_arguments(name: str) -> None:
    for arguments in invocations(TEXTS[name]):
        command, rest = resolve(arguments)
        if not isinstance(command, click.Group):
            command.make_parser(click.Context(command)).parse_args(rest)


def test_readme_shows_commands_for_all_that_can_be_made() -> None:
    shown = {tuple(arguments[:2]) for arguments in invocations(TEXTS["README.md"])}
    assert {("app", "create"), ("env", "create"), ("key", "create"), ("token", "create")} <= shown


@pytest.mark.parametrize("name", TEXTS)
def test_every_environment_variable_that_is_named_is_a_setting(name: str) -> None:
    assert set(re.findall(r"\bAXONPUSH_[A-Z_]+[A-Z]\b", TEXTS[name])) <= set(BY_VARIABLE) | {
        "AXONPUSH_CONFIG",
        "AXONPUSH_DATA_DIR",
    }


@pytest.mark.parametrize("name", TEXTS)
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = {span for span in code_of(TEXTS[name]) if re.fullmatch(rf"(?:{'|'.join(SECTIONS)})\.[a-z_]+", span)}
    assert named <= set(SETTINGS)


def test_the_limits_that_readme_shows_are_the_defaults() -> None:
    rows = re.findall(r"\| `(limits\.\w+)` \| (\d+)( MiB)? \|", TEXTS["README.md"])
    assert rows
    for key, number, unit in rows:
        assert int(number) * (_MIB if unit else 1) == SETTINGS[key].default, key


@pytest.mark.parametrize("name", TEXTS)
def test_every_module_that_is_named_exists(name: str) -> None:
    for span in code_of(TEXTS[name]):
        if re.fullmatch(r"(gateway|consumers|schemas)(\.[a-z_]+)+", span):
            assert importlib.util.find_spec(span), span


@pytest.mark.parametrize("name", TEXTS)
def test_every_metric_that_is_named_exists(name: str) -> None:
    known = set(re.findall(r'"(axonpush_\w+)"', Path(metrics.__file__).read_text()))
    assert {span for span in code_of(TEXTS[name]) if re.fullmatch(r"axonpush_\w+", span)} <= known


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_inside_the_project_leads_somewhere(name: str) -> None:
    for link in _LINK.findall(_FENCE.sub("", TEXTS[name])):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def test_every_file_and_folder_that_readme_names_exists() -> None:
    for span in _CODE.findall(_FENCE.sub("", TEXTS["README.md"])):
        if re.fullmatch(r"[a-z]+/", span):
            assert (ROOT / span).is_dir(), span
