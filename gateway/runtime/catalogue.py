"""The catalogue of settings: each one's names, type, bounds and sentence, read from the settings' structs."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from gateway.runtime.settings import Settings

PREFIX = "AXONPUSH_"


class Setting(Struct, frozen=True):
    """One setting as its struct declares it; `type` is Annotated with its bounds."""

    section: str
    name: str
    type: Any
    default: Any
    description: str
    is_secret: bool
    allowed: str

    @property
    def key(self) -> str:
        """The name in messages and in TOML: `section.name`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"{PREFIX}{self.section}_{self.name}".upper()

    @property
    def flag(self) -> str:
        """The flag of the command line."""
        return f"--{self.section}-{self.name}".replace("_", "-")

    @property
    def is_list(self) -> bool:
        """Whether the setting takes several values."""
        return isinstance(self.default, tuple)


def _settings_of(section: str) -> Iterator[Setting]:
    """List one section's settings in the order of its struct."""
    struct = get_type_hints(Settings)[section]
    hints = get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        meta = next(extra for extra in get_args(hint) if isinstance(extra, Meta))
        yield Setting(
            section=section,
            name=field.name,
            type=hint,
            default=field.default,
            description=meta.description or "",
            is_secret=bool((meta.extra or {}).get("secret")),
            allowed=_allowed(hint, meta),
        )


def _allowed(hint: Any, meta: Meta) -> str:  # noqa: ANN401 (a type)
    """Say what a type and its bounds allow."""
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(base) is Literal:
        return f"one of {', '.join(get_args(base))}"
    if isinstance(base, types.GenericAlias):
        return "texts separated by commas, or a list of texts in TOML"
    if base is not int:
        return "a text"
    if meta.le is None:
        return f"a whole number of at least {meta.ge}"
    return f"a whole number from {meta.ge} to {meta.le}"


# By section, by `section.name`, and by environment variable.
SECTIONS: dict[str, tuple[Setting, ...]] = {
    field.name: tuple(_settings_of(field.name)) for field in msgspec.structs.fields(Settings)
}
SETTINGS: dict[str, Setting] = {setting.key: setting for section in SECTIONS.values() for setting in section}
BY_VARIABLE = {setting.variable: setting for setting in SETTINGS.values()}
