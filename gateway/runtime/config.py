"""Configuration: settings from flags, environment, TOML file and a running local stack, each with its origin."""

import fcntl
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.runtime.catalogue import BY_VARIABLE, PREFIX, SECTIONS, SETTINGS, Setting
from gateway.runtime.logging import MASK, redact
from gateway.runtime.settings import Settings
from schemas.errors import ConfigError

DEFAULT_TOML_FILE = "axonpush.toml"
DEFAULT_DATA_DIR = ".axonpush"
DEFAULT_ORIGIN = "default"

# Variables that are no setting: where settings and data lie, and what the test suite reads.
_OTHER_VARIABLES = ("AXONPUSH_CONFIG", "AXONPUSH_DATA_DIR")
_TEST_PREFIX = "AXONPUSH_TEST_"


def load(
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    toml_path: Path | None,
    local_stack_file: Path | None,
) -> tuple[Settings, dict[str, str]]:
    """Resolve all settings: flag > environment variable > TOML file > running local stack > default.

    Args:
        flags: what was given on the command line, by `section.name`.
        environ: the process's environment.
        toml_path: a file that must exist, or None.
        local_stack_file: what `axonpush up` wrote; used if it exists and that stack still runs.

    Returns:
        The settings, and for each `section.name` where its value comes from.

    Raises:
        ConfigError: a variable or a TOML key is unknown, or a value is not what its setting allows.
    """
    values: dict[str, Any] = {key: setting.default for key, setting in SETTINGS.items()}
    origins = dict.fromkeys(SETTINGS, DEFAULT_ORIGIN)
    sources = (
        _from_local_stack(local_stack_file),
        _from_toml(toml_path),
        ((setting, value, f"environment variable {setting.variable}") for setting, value in _from_environ(environ)),
        ((SETTINGS[key], value, f"flag {SETTINGS[key].flag}") for key, value in flags.items()),
    )
    for source in sources:  # from the lowest rank to the highest
        for setting, value, origin in source:
            values[setting.key] = _convert(setting, value, origin)
            origins[setting.key] = origin
    by_section = {
        section: {setting.name: values[setting.key] for setting in settings} for section, settings in SECTIONS.items()
    }
    return msgspec.convert(by_section, Settings), origins


def toml_path_of(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """Choose the TOML file: --config, AXONPUSH_CONFIG, or ./axonpush.toml where that exists.

    Raises:
        ConfigError: a file that was asked for does not exist.
    """
    for path, origin in ((given, "flag --config"), (environ.get("AXONPUSH_CONFIG"), "AXONPUSH_CONFIG")):
        if path:
            if not Path(path).is_file():
                raise ConfigError(f"The configuration file {path} ({origin}) does not exist.")
            return Path(path)
    default = Path(DEFAULT_TOML_FILE)
    return default if default.is_file() else None


def local_stack_file_of(environ: Mapping[str, str]) -> Path:
    """Name the file in which `axonpush up` says how to join it."""
    return Path(environ.get("AXONPUSH_DATA_DIR") or DEFAULT_DATA_DIR) / "running.json"


def value_of(settings: Settings, setting: Setting) -> Any:  # noqa: ANN401 (settings are of several types)
    """Answer one setting's value."""
    return getattr(getattr(settings, setting.section), setting.name)


def text_of(value: Any) -> str:  # noqa: ANN401 (settings are of several types)
    """Write a value as an environment variable or flag takes it."""
    return ",".join(value) if isinstance(value, tuple) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def shown(setting: Setting, value: Any) -> str:  # noqa: ANN401 (settings are of several types)
    """Write a value for people: secrets and passwords are masked; of a URL only its password."""
    text = text_of(value)
    if setting.is_secret and text and "://" not in text:
        return MASK
    return redact(text)


def environment_of(settings: Settings, origins: Mapping[str, str]) -> dict[str, str]:
    """Write what differs from the defaults as the variables that give another process the same settings."""
    return {
        setting.variable: text_of(value_of(settings, setting))
        for key, setting in SETTINGS.items()
        if origins[key] != DEFAULT_ORIGIN
    }


def environment_of_child(settings: Settings, origins: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Answer the whole environment of a process that is to have these settings and no others."""
    others = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    return {**others, **environment_of(settings, origins)}


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[Setting, str]]:
    """Read the environment; each AXONPUSH_ variable must be a known one."""
    for variable, value in environ.items():
        if not variable.startswith(PREFIX) or variable in _OTHER_VARIABLES or variable.startswith(_TEST_PREFIX):
            continue
        if variable not in BY_VARIABLE:
            raise ConfigError(
                f"The environment variable {variable} is no setting. `axonpush config` lists those that are."
            )
        yield BY_VARIABLE[variable], value


def _from_toml(path: Path | None) -> Iterator[tuple[Setting, Any, str]]:
    """Read a TOML file: a table for each section."""
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {error}.") from error
    for section, table in document.items():
        if section not in SECTIONS or not isinstance(table, dict):
            raise ConfigError(f"[{section}] in {path} is no section of settings. Those are: {', '.join(SECTIONS)}.")
        for name, value in cast("dict[str, Any]", table).items():
            setting = SETTINGS.get(f"{section}.{name}")
            if setting is None:
                known = ", ".join(known.name for known in SECTIONS[section])
                raise ConfigError(f"{name} in [{section}] of {path} is no setting. Those are: {known}.")
            yield setting, value, f"file {path}"


def _from_local_stack(path: Path | None) -> Iterator[tuple[Setting, str, str]]:
    """Read what a local stack says about itself, if it still runs."""
    if path is None or not _is_locked(path.parent / "lock"):
        return
    try:
        stack = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return  # it is just starting or stopping
    for setting, value in _from_environ(stack["env"]):
        yield setting, value, f"local stack {path}"


def _is_locked(path: Path) -> bool:
    """Answer whether a process holds the lock: unlike a PID, it cannot outlive its owner."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


def _convert(setting: Setting, value: Any, origin: str) -> Any:  # noqa: ANN401 (settings are of several types)
    """Convert one value to its setting's type.

    Raises:
        ConfigError: the value is not allowed; a secret one is not repeated.
    """
    if setting.is_list and isinstance(value, str):
        value = tuple(part for part in (part.strip() for part in value.split(",")) if part)
    try:
        return msgspec.convert(value, setting.type, strict=False)
    except msgspec.ValidationError as error:
        what = "has a value that is not allowed" if setting.is_secret else f"is {value!r}"
        raise ConfigError(f"{setting.key} ({origin}) {what}; it takes {setting.allowed}.") from error
