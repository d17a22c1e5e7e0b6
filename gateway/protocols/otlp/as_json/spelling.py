"""The names of fields in OTLP's JSON, each in two spellings."""

from collections.abc import Mapping

from msgspec import Raw


def chosen(fields: Mapping[str, Raw], name: str) -> str | None:
    """Answer the spelling of a field's name that counts: the first whose value is not null."""
    return next(
        (key for key in spellings(name) if key in fields and bytes(memoryview(fields[key])[:5]) != b"null"), None
    )


def spellings(name: str) -> tuple[str, str]:
    """Answer a field's name in camelCase and in snake_case, the one that wins first."""
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others), name
