"""What a field takes, in words: for where a pattern or a bare "invalid" would tell people nothing."""

import re
from collections.abc import Iterator
from typing import Any, cast

from msgspec import inspect as types

# A name, or the bracket that opens an index: `$.rate.burst`, `$.scopes[0]`, `$.categories[...]`.
_STEP = re.compile(r"[^.\[\]]+(?!\w*\])|\[")
_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$(?!\n)"


def takes(of: Any, path: str) -> str | None:  # noqa: ANN401 (any type)
    """Answer what the field at a path of a type takes, None where there are no words for it.

    Args:
        of: the type of the whole body or query.
        path: as msgspec writes it, without `$.`: `rate.burst`, `scopes[0]`, `categories[...]`.
    """
    found: list[types.Type] = [types.type_info(of)]
    for step in _STEP.findall(path):
        found = [inner for each in found for inner in _into(each, step)]
    return next((words for each in found for words in _words(each)), None)


def _into(of: types.Type, step: str) -> Iterator[types.Type]:
    """Step into a struct's field, or into the items of a list or the values of an object."""
    for each in _bare(of):
        match each:
            case types.StructType(fields=fields) if step != "[":
                yield from (field.type for field in fields if field.encode_name == step)
            case types.ListType(item_type=inner) | types.VarTupleType(item_type=inner) if step == "[":
                yield inner
            case types.DictType(value_type=inner) if step == "[":
                yield inner
            case _:
                pass


def _words(of: types.Type, description: str | None = None) -> Iterator[str]:
    match of:
        case types.Metadata(type=inner):
            said: dict[str, str] = cast("Any", of).extra_json_schema or {}
            yield from _words(inner, said.get("description", description))
        case types.UnionType(types=alternatives):
            for each in alternatives:
                yield from _words(each, description)
        case types.EnumType(cls=cls):
            yield f"one of {', '.join(str(member.value) for member in cls)}"
        case types.LiteralType(values=values):
            yield f"one of {', '.join(map(str, values))}"
        case types.StrType(pattern=pattern) if pattern == _NO_CONTROL:
            yield "text without control characters"
        case types.StrType(pattern=str()) if description:
            yield _in_sentence(description)
        case _:
            pass


def _in_sentence(description: str) -> str:
    """Write what is a sentence of its own as the end of another one."""
    first, rest = description[0], description[1:].rstrip(".")
    return (first if rest[:1].isupper() else first.lower()) + rest


def _bare(of: types.Type) -> Iterator[types.Type]:
    match of:
        case types.Metadata(type=inner):
            yield from _bare(inner)
        case types.UnionType(types=alternatives):
            for each in alternatives:
                yield from _bare(each)
        case _:
            yield of
