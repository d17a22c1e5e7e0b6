"""The option that limits Sentry's data categories: `--category replay=0`."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from gateway.cli.client import Item

_F = TypeVar("_F", bound=Callable[..., Any])
_NONE = "none"


class _CategoryLimit(click.ParamType[tuple[str, int | None]]):
    """`name=number`, or `name=none` for no limit."""

    name = "category"

    def convert(
        self, value: str | tuple[str, int | None], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        """Answer the category, and how many of its items a minute may bring."""
        if isinstance(value, tuple):
            return value
        category, _, number = value.partition("=")
        if not category or not (number == _NONE or (number.isascii() and number.isdigit())):
            self.fail(f"{value!r} is no limit of a category; write replay=0, error=6000 or span={_NONE}.", param, ctx)
        return category, None if number == _NONE else int(number)


def category_option(function: _F) -> _F:
    """Give a command `categories`, a function that answers the field to send, merged into that of an object."""

    @wraps(function)
    def command(*, category: Sequence[tuple[str, int | None]], **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        def categories(current: Item) -> Item:
            if not category:
                return {}
            merged: Item = {**(current.get("categories") or {})}
            for name, number in category:
                merged.pop(name, None)
                if number is not None:
                    merged[name] = {"perMinute": number}
            return {"categories": merged or None}

        return function(categories=categories, **arguments)

    decorated: Any = click.option(
        "--category",
        "category",
        multiple=True,
        type=_CategoryLimit(),
        metavar="NAME=N",
        help=f"Items of one of Sentry's categories that a minute may bring; 0 for unwanted, {_NONE} for no limit.",
    )(command)
    return decorated
