"""What an error event says of itself, in whichever form its SDK writes it: exception, message, frame, level."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from consumers.rows.sentry.grouping import normalized
from consumers.rows.sentry.lenient import mapping, sequence, text

DEFAULT_LEVEL = "error"
_NAMES = {
    "debug": ("trace", "verbose", "10"),
    "info": ("log", "notice", "20"),
    "warning": ("warn", "30"),
    "error": ("err", "40"),
    "fatal": ("critical", "alert", "emergency", "50"),
}
# By every name, the numbers of Python's logging included.
_LEVELS = {name: level for level, names in _NAMES.items() for name in (level, *names)}

# Placeholders of a message: of printf and Python, `%s` and `%(name)s`, and of str.format, `{}`, `{0}` and `{name}`.
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[-+ #0]*\d*(?:\.\d+)?[sdiufFeEgGxXor]|%%|\{(\w*)\}")
_PLACEHOLDERS_MAX_COUNT = 100
_PARAMETER_MAX_CHARACTERS = 8192


class Facts(Struct):
    """What columns and grouping are made of.

    Attributes:
        exception: The exception that was not caught; empty if the event has none.
        type: Its type.
        value: Its value, else the message.
        template: The value, or the message before its parameters are put in.
        frame: The innermost frame of the app, or of all; empty if there is none.
        level: One of Sentry's five.
        is_level_known: False if the event says another one.
    """

    exception: dict[str, Any]
    type: str
    value: str
    template: str
    frame: dict[str, Any]
    level: str
    is_level_known: bool


def facts_of(event: dict[str, Any]) -> Facts:
    """Read an event; what is not as expected is as if it were not there."""
    exception = _last(event.get("exception") or event.get("sentry.interfaces.Exception"))
    value = template = text(exception.get("value"))
    if not exception:
        value, template = _message(event)
    given = text(event.get("level")).strip().lower()
    level = _LEVELS.get(given)
    return Facts(
        exception=exception,
        type=text(exception.get("type")),
        value=value,
        template=template,
        frame=_frame(event, exception),
        level=level or DEFAULT_LEVEL,
        is_level_known=level is not None or not given,
    )


def culprit_of(event: dict[str, Any], facts: Facts) -> str:
    """Answer where it happened: as the SDK says, else the frame, else the transaction."""
    place = text(facts.frame.get("module") or facts.frame.get("filename"))
    function = text(facts.frame.get("function"))
    return (
        text(event.get("culprit"))
        or (f"{place} in {function}" if place and function else place or function)
        or text(event.get("transaction"))
    )


def tags_of(event: dict[str, Any]) -> dict[str, Any]:
    """Answer tags, which come as an object or as pairs."""
    value = event.get("tags")
    return mapping(value) or {text(pair[0]): pair[1] for pair in map(sequence, sequence(value)) if len(pair) == 2}  # noqa: PLR2004 (a pair)


def variable(event: dict[str, Any], facts: Facts, name: str) -> str | None:
    """Answer what stands for `{{ name }}` in a fingerprint; None if Sentry knows no such variable.

    Source: docs.sentry.io, Fingerprint Rules (Variables). What the event does not have is `<no-name>`.
    """
    if name.startswith("tags."):
        return text(tags_of(event).get(name.removeprefix("tags."))) or f"<no-{name}>"
    read = _VARIABLES.get(name)
    return None if read is None else read(event, facts) or f"<no-{name}>"


_VARIABLES: dict[str, Callable[[dict[str, Any], Facts], str]] = {
    "transaction": lambda event, _: text(event.get("transaction")),
    "logger": lambda event, _: text(event.get("logger")),
    "level": lambda _, facts: facts.level,
    **dict.fromkeys(("message", "value", "error.value"), lambda _, facts: normalized(facts.template)),
    **dict.fromkeys(("raw_message", "raw_value", "error.raw_value"), lambda _, facts: facts.value),
    **dict.fromkeys(("type", "error.type"), lambda _, facts: facts.type),
    **dict.fromkeys(("function", "stack.function"), lambda _, facts: text(facts.frame.get("function"))),
    **dict.fromkeys(("module", "stack.module"), lambda _, facts: text(facts.frame.get("module"))),
    **dict.fromkeys(("path", "stack.abs_path"), lambda _, facts: _path(facts.frame, "abs_path", "filename")),
    "stack.filename": lambda _, facts: _path(facts.frame, "filename", "abs_path"),
    **dict.fromkeys(
        ("package", "stack.package"), lambda _, facts: re.split(r"[/\\]", text(facts.frame.get("package")))[-1]
    ),
}


def _path(frame: dict[str, Any], *keys: str) -> str:
    return next((found for key in keys if (found := text(frame.get(key)))), "")


def _objects(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 (any JSON value)
    """Answer the objects of a list, of `{"values": list}`, or a bare object; without null and empty ones."""
    values = mapping(value).get("values", value)
    candidates = [mapping(values)] if isinstance(values, dict) else map(mapping, sequence(values))
    return [one for one in candidates if one]


def _last(value: Any) -> dict[str, Any]:  # noqa: ANN401 (any JSON value)
    """Answer the last exception, the one that was not caught."""
    found = _objects(value)
    return found[-1] if found else {}


def _message(event: dict[str, Any]) -> tuple[str, str]:
    """Answer the message of an event without an exception, with its parameters and without them."""
    for given in (event.get("logentry"), event.get("sentry.interfaces.Message"), event.get("message")):
        parts = mapping(given)
        template = text(parts.get("message") if parts else given)
        formatted = text(parts.get("formatted")) or _interpolated(template, parts.get("params"))
        if formatted:
            return formatted, template or formatted
    return "", ""


def _interpolated(template: str, parameters: Any) -> str:  # noqa: ANN401 (any JSON value)
    """Put parameters where a message has placeholders; those without a parameter stay."""
    if not isinstance(parameters, dict | list) or not parameters:
        return template
    named = mapping(parameters) or {str(number): value for number, value in enumerate(sequence(parameters))}
    positions = iter(sequence(parameters))

    def put(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found[1] or found[2]
        if name:
            return text(named[name])[:_PARAMETER_MAX_CHARACTERS] if name in named else found[0]
        return text(next(positions, found[0]))[:_PARAMETER_MAX_CHARACTERS]

    return _PLACEHOLDER.sub(put, template, _PLACEHOLDERS_MAX_COUNT)


def _frame(event: dict[str, Any], exception: dict[str, Any]) -> dict[str, Any]:
    """Answer the innermost frame of the app, else the innermost one: of the exception, the event, or the thread."""
    threads = _objects(event.get("threads")) if not exception else []
    thread = [each for key in ("crashed", "current") for each in threads if each.get(key) is True][:1]
    for holder in (exception, event, *thread):
        if frames := _objects(mapping(holder.get("stacktrace")).get("frames")):
            return next((frame for frame in reversed(frames) if frame.get("in_app") is True), frames[-1])
    return {}
