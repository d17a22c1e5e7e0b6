"""How commands print what they were answered: JSON for machines, tables for people."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, cast

import click
import msgspec

_PIPE_COLUMNS = 10_000  # a pipe has no width: nothing is wrapped or cut


def print_list(items: Sequence[dict[str, Any]], columns: Mapping[str, str], *, as_json: bool) -> None:
    """Print a list: as JSON, or as a table with the named fields under the named headings."""
    if as_json:
        _print_json({"items": list(items), "next": None})
        return
    _print_table(list(columns), [[_text(item[field]) for field in columns.values()] for item in items])


def print_item(item: dict[str, Any], *, as_json: bool) -> None:
    """Print one object: as JSON, or a line for each of its fields."""
    if as_json:
        _print_json(item)
        return
    _print_table(["field", "value"], [[name, _text(value)] for name, value in item.items()])


def _print_json(value: dict[str, Any]) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table)


def _text(value: object) -> str:
    match value:
        case None:
            return "-"
        case True:
            return "yes"
        case False:
            return "no"
        case list():
            return _listed(cast("list[object]", value)) or "-"
        case dict():
            return ", ".join(f"{name} {_text(each)}" for name, each in cast("dict[str, object]", value).items())
        case _:
            return str(value)


def _listed(values: Sequence[object]) -> str:
    """Write a list: objects on lines of their own, anything else side by side."""
    between = "\n" if any(isinstance(each, dict) for each in values) else ", "
    return between.join(_text(each) for each in values)
