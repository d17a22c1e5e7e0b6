"""Writes docs/compatibility.md: each clause and the tests that carry its number."""

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_TESTS = Path(__file__).parent.parent
_TITLES = {"otlp": "OTLP over HTTP", "sentry": "Sentry"}
_HEAD = """\
# Compatibility

What OpenTelemetry exporters and Sentry SDKs may rely on, clause by clause, and where each clause is tested. Generated
from `tests/conformance/clauses.toml` and from the numbers that the tests carry: run `make docs`.
"""


def clauses() -> dict[str, str]:
    """Answer every clause by its number, such as `OTLP 5b`, in the order of the list."""
    parsed = tomllib.loads((Path(__file__).parent / "clauses.toml").read_text())
    return {f"{_name(table)} {number}": text for table, lines in parsed.items() for number, text in lines.items()}


def numbers_of_tests() -> dict[str, list[str]]:
    """Answer for every number that tests carry the tests, as `path::name`.

    A test carries numbers by `@pytest.mark.clause("OTLP 5b", ...)`, on itself, its class, or one of its parameters.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(_TESTS.rglob("test_*.py")):
        where = path.relative_to(_TESTS.parent)
        for name, numbers in _carried(ast.parse(path.read_text())):
            for number in numbers:
                entry = f"{where}::{name}"
                if entry not in found[number]:
                    found[number].append(entry)
    return dict(found)


def render() -> str:
    """Answer the document."""
    where = numbers_of_tests()
    lines = [_HEAD]
    for table, title in _TITLES.items():
        lines += [f"\n## {title}\n", "| | what a client may rely on | tested by |", "|---|---|---|"]
        for number, text in clauses().items():
            if number.startswith(f"{_name(table)} "):
                tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in where.get(number, ["no test"]))
                cell = text.replace("|", "\\|")
                lines.append(f"| {number.partition(' ')[2]} | {cell} | {tests} |")
    return "\n".join(lines) + "\n"


def _name(table: str) -> str:
    return "OTLP" if table == "otlp" else table.capitalize()


def _carried(tree: ast.AST, scope: str = "", inherited: tuple[str, ...] = ()) -> Iterator[tuple[str, list[str]]]:
    """Yield the tests of a module with their numbers, those of their class included."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            own = _numbers(node.decorator_list)
            yield from _carried(node, f"{scope}{node.name}::", (*inherited, *own))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield scope + node.name, [*inherited, *_numbers(node.decorator_list)]


def _numbers(decorators: list[ast.expr]) -> list[str]:
    """Answer the numbers that stand in decorators, however deep: parameters carry marks too."""
    calls = [node for decorator in decorators for node in ast.walk(decorator) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "clause"]
    return [
        value.value
        for mark in marks
        for value in mark.args
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    ]
