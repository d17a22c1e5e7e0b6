"""Flags for settings, made from the settings' structs, and the settings that a command gets from them."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.runtime import config
from gateway.runtime.catalogue import SECTIONS, Setting

_F = TypeVar("_F", bound=Callable[..., Any])

# What is typed often has a short flag too.
_SHORT_FLAGS = {"server.host": "--host", "server.port": "--port", "server.processes": "--processes"}


def with_settings(*sections: str) -> Callable[[_F], _F]:
    """Give a command `settings: Settings` as a keyword argument, and a flag for each setting of some sections.

    >>> @click.command()
    ... @with_settings("database", "kafka")
    ... def command(settings: Settings) -> None: ...
    """

    def decorate(function: _F) -> _F:
        return with_origins(*sections)(_without_origins(function))

    return decorate


def with_origins(*sections: str, joins_local_stack: bool = True) -> Callable[[_F], _F]:
    """Do what `with_settings` does, and give the command `origins` (by `section.name`) as well.

    A command with `joins_local_stack` finds what `axonpush up` started where no setting says otherwise.
    """
    settings = [setting for section in sections for setting in SECTIONS[section]]

    def decorate(function: _F) -> _F:
        @wraps(function)
        def command(*, config_file: str | None, **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
            given = {setting.key: arguments.pop(_parameter_of(setting)) for setting in settings}
            loaded, origins = config.load(
                {key: value for key, value in given.items() if value is not None},
                os.environ,
                config.toml_path_of(config_file, os.environ),
                config.local_stack_file_of(os.environ) if joins_local_stack else None,
            )
            return function(settings=loaded, origins=origins, **arguments)

        decorated: Any = command
        for setting in reversed(settings):
            decorated = _option_of(setting)(decorated)
        return click.option(
            "--config",
            "config_file",
            metavar="FILE",
            help=f"TOML file with settings; else $AXONPUSH_CONFIG, else ./{config.DEFAULT_TOML_FILE}.",
        )(decorated)

    return decorate


def _without_origins(function: Callable[..., Any]) -> Any:  # noqa: ANN401 (a decorated function stays one)
    """Drop the origins for a command that has no use for them."""

    @wraps(function)
    def command(*, origins: dict[str, str], **arguments: Any) -> Any:  # noqa: ANN401 (as the function says)
        del origins
        return function(**arguments)

    return command


def _option_of(setting: Setting) -> Callable[[Any], Any]:
    """Make the flag of one setting; its text is converted where every other source's is."""
    short = [_SHORT_FLAGS[setting.key]] if setting.key in _SHORT_FLAGS else []
    default = config.text_of(setting.default)
    return click.option(
        *short,
        setting.flag,
        _parameter_of(setting),
        metavar="N" if isinstance(setting.default, int) else "TEXT",
        help=f"{setting.description} [{setting.variable}{f'; default: {default}' if default else ''}]",
    )


def _parameter_of(setting: Setting) -> str:
    """Name the keyword argument that click passes a flag's value in."""
    return f"{setting.section}_{setting.name}"


def data_dir_option(function: _F) -> _F:
    """Add `--data-dir`, where a local stack keeps its data."""
    return click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=config.DEFAULT_DATA_DIR,
        envvar="AXONPUSH_DATA_DIR",
        show_default=True,
        help="Where data, logs and keys of this machine's stack lie.",
    )(function)
