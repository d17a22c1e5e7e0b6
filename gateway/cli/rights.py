"""Options for what keys, tokens and environments may send: scopes, origins, networks, rates and quotas."""

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar

import click

from gateway.cli.client import Item
from schemas.environment import OverQuota
from schemas.signals import Signal

_F = TypeVar("_F", bound=Callable[..., Any])
ANY = "any"
_NONE = "none"
# Option → the field that it sets within its object, and what it says.
_RATE = {
    "requests_per_second": ("requestsPerSecond", "Requests that a second may bring."),
    "burst": ("burst", "Requests that may come at once; else what a second brings."),
    "bytes_per_second": ("bytesPerSecond", "Bytes of requests, as sent, that a second may bring."),
    "burst_bytes": ("burstBytes", "Bytes that may come at once; else what a second brings."),
}
_QUOTA = {
    "monthly_requests": ("requests", "Requests that a month may bring."),
    "monthly_bytes": ("bytes", "Bytes of requests, as sent, that a month may bring."),
}
_LISTS = {
    "origins": ("--origin", "URL", f"Web origin that it may be used from; may be repeated; {ANY} for any."),
    "networks": ("--network", "CIDR", f"Network that it may be used from; may be repeated; {ANY} for any."),
}


class _Limit(click.ParamType[float]):
    """A positive number, or `none`, which is read as 0."""

    name = "limit"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Answer the number."""
        if value == _NONE:
            return 0
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < math.inf:
            self.fail(f"{value!r} is no limit; write a number above 0, or {_NONE}.", param, ctx)
        return int(number) if number.is_integer() else number


def limit_options(function: _F) -> _F:
    """Give a command `limits`, a function that answers the fields to send, merged into those of an object."""

    @wraps(function)
    def command(*, over_quota: str | None, **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        rate = {field: arguments.pop(option) for option, (field, _) in _RATE.items()}
        quota = {field: arguments.pop(option) for option, (field, _) in _QUOTA.items()}

        def limits(current: Item) -> Item:
            fields: Item = {} if over_quota is None else {"overQuota": over_quota}
            for name, given in (("rate", rate), ("monthlyQuota", quota)):
                if any(value is not None for value in given.values()):
                    fields[name] = _merged(current.get(name) or {}, given)
            return fields

        return function(limits=limits, **arguments)

    decorated: Any = click.option(
        "--over-quota",
        type=click.Choice([each.value for each in OverQuota]),
        help="What becomes of requests over a monthly quota.",
    )(command)
    for option, (_, says) in reversed([*_RATE.items(), *_QUOTA.items()]):
        flag = f"--{option.replace('_', '-')}"
        decorated = click.option(flag, option, type=_Limit(), metavar="N", help=f"{says} {_NONE} for no limit.")(
            decorated
        )
    return decorated


def list_options(function: _F) -> _F:
    """Give a command `lists`: the fields of scopes, origins and networks that were given."""

    @wraps(function)
    def command(*, scopes: Sequence[str], **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        lists: Item = {"scopes": list(scopes)} if scopes else {}
        for field in _LISTS:
            if given := list(arguments.pop(field)):
                lists[field] = [] if given == [ANY] else given
        return function(lists=lists, **arguments)

    decorated: Any = command
    for field, (flag, metavar, says) in reversed(_LISTS.items()):
        decorated = click.option(flag, field, multiple=True, metavar=metavar, help=says)(decorated)
    return click.option(
        "--scope",
        "scopes",
        multiple=True,
        type=click.Choice([each.value for each in Signal]),
        help="What it may send; may be repeated; everything unless told otherwise.",
    )(decorated)


def _merged(current: Item, given: Item) -> Item | None:
    """Answer limits with those that were given in place of the current ones, None where nothing is left."""
    merged = {**current, **{name: value or None for name, value in given.items() if value is not None}}
    left = {name: value for name, value in merged.items() if value is not None}
    return left or None
