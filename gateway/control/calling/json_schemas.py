"""JSON Schemas of what calls take and answer, as OpenAPI 3.1 has them; made by msgspec, with what it leaves out."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec
from msgspec import inspect as types

Json = dict[str, Any]
_REF = "#/components/schemas/{name}"
# Only Python needs this: elsewhere `$` is the very end.
_END = r"$(?!\n)"


def components_of(structs: Sequence[Any]) -> tuple[dict[Any, Json], Json]:
    """Answer the schema of each struct, a reference, and the components that are referred to."""
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    for struct in (found for info in types.multi_type_info(structs) for found in _structs_in(info)):
        for field in struct.fields:
            if any(isinstance(each, types.DateTimeType) for each in _alternatives(field.type)):
                # msgspec names the format only where a time zone is asked for; answers always have one.
                schema = components[struct.cls.__name__]["properties"][field.encode_name]
                time = next(each for each in schema.get("anyOf", [schema]) if each.get("type") == "string")
                time["format"] = "date-time"
    return dict(zip(structs, _portable(schemas), strict=True)), _portable(components)


def schema_of(of: Any) -> Json:  # noqa: ANN401 (any type)
    """Answer the schema of a type that is no struct."""
    return _portable(msgspec.json.schema(of))


def fields_of(struct: Any) -> Iterator[tuple[str, Json, bool]]:  # noqa: ANN401 (a struct's type)
    """Give name and schema of each field of a query, and whether it must be sent; a query cannot say null."""
    _, components = msgspec.json.schema_components([struct], ref_template=_REF)
    own = components[struct.__name__]
    for name, schema in own["properties"].items():
        inlined = _inlined(schema, components)
        if "anyOf" in inlined:
            default = inlined.pop("default", None)
            (inlined,) = [each for each in inlined["anyOf"] if each != {"type": "null"}]
            inlined |= {} if default is None else {"default": default}
        yield name, _portable(inlined), name in own.get("required", ())


def _inlined(schema: Any, components: Json) -> Any:  # noqa: ANN401 (any JSON value)
    """Put what is referred to in the place of the reference."""
    match schema:
        case {"$ref": ref, **rest}:
            return {**_inlined(components[str(ref).rpartition("/")[2]], components), **rest}
        case dict():
            members = cast("Json", schema).items()
            return {name: _inlined(value, components) for name, value in members if name != "title"}
        case list():
            return [_inlined(value, components) for value in cast("list[Any]", schema)]
        case _:
            return schema


def _portable(schema: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Write patterns as every language reads them."""
    match schema:
        case dict():
            return {name: _portable(value) for name, value in cast("Json", schema).items()}
        case list() | tuple():
            return [_portable(value) for value in cast("list[Any]", schema)]
        case str() if schema.endswith(_END):
            return schema[: -len(_END)] + "$"
        case _:
            return schema


def _structs_in(info: types.Type) -> Iterator[types.StructType]:
    match info:
        case types.StructType():
            yield info
            for field in info.fields:
                yield from _structs_in(field.type)
        case types.ListType():
            yield from _structs_in(info.item_type)
        case types.UnionType():
            for each in info.types:
                yield from _structs_in(each)
        case _:
            return


def _alternatives(info: types.Type) -> tuple[types.Type, ...]:
    return info.types if isinstance(info, types.UnionType) else (info,)
