"""Reads what a request brings: body, query and path; what is wrong is named."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from gateway.control.calling.explaining import takes
from gateway.control.environments.attachments import IngestId, ItemNumber
from gateway.control.types import Id, Ref, TraceId
from schemas.errors import Malformed, NotFound, Unprocessable

# msgspec ends its sentence with the path of a wrong field; a missing or unknown one it names within.
_PLACE = re.compile(r"^(?P<what>.*) - at `\$\.(?P<field>.*)`$", re.DOTALL)
_PARAMETERS = {"ref": Ref, "traceId": TraceId, "ingestId": IngestId, "item": ItemNumber}
_NOTHING = {"ref": "Nothing has this ref: one takes 1 to 200 characters in UTF-8, and no control characters."}
# Patterns are for machines, and "invalid" helps nobody.
_UNCLEAR = ("Expected `str` matching regex", "Invalid enum value")
T = TypeVar("T")


def read_body(body_type: type[T], body: bytes) -> T:
    """Read a request body.

    Raises:
        Malformed: it is no JSON.
        Unprocessable: a field is wrong, missing or unknown; the message names it.
    """
    try:
        return msgspec.json.decode(body, type=body_type)
    except msgspec.ValidationError as error:
        raise _field_error(error, body_type) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(f"The body is no JSON object: {error}.") from error


def read_query(query_type: type[T], query: Mapping[str, str]) -> T:
    """Read a query; a parameter that is given twice is wrong too. Raises as `read_body`."""
    # The mapping of a request over HTTP has an item for each time that a name was sent.
    for name, times in Counter(name for name, _ in query.items()).items():
        if times > 1:
            raise Unprocessable(f"Field `{name}`: is given {times} times; give it once.")
    try:
        return msgspec.convert(dict(query), type=query_type, strict=False)
    except msgspec.ValidationError as error:
        raise _field_error(error, query_type) from error


def parameter_type(name: str) -> Any:  # noqa: ANN401 (an annotated type)
    """Answer the type of a parameter of a path."""
    return _PARAMETERS.get(name, Id)


def read_parameter(name: str, value: str) -> str:
    """Let no character through that PostgreSQL refuses in a text: nothing has such an id.

    Raises:
        NotFound: the value is none that anything could have.
    """
    try:
        value.encode()
        return msgspec.convert(value, parameter_type(name))
    except (msgspec.ValidationError, UnicodeEncodeError):
        raise NotFound(_NOTHING.get(name, "Nothing has this id.")) from None


def read_path(pattern: str, path: str) -> dict[str, str] | None:
    """Answer the parameters, decoded, if the path fits the pattern, segment by segment.

    Bytes that are no UTF-8 become surrogates, so that no two texts are taken for one.
    """
    names, segments = pattern.split("/"), path.split("/")
    if len(names) != len(segments):
        return None
    params: dict[str, str] = {}
    for name, segment in zip(names, segments, strict=True):
        if name.startswith("{") and segment:
            params[name[1:-1]] = unquote(segment, errors="surrogateescape")
        elif name != segment:
            return None
    return params


def _field_error(error: msgspec.ValidationError, of: Any) -> Unprocessable:  # noqa: ANN401 (a struct's type)
    """Put the field's name in front of what is wrong with it, or of what it takes."""
    found = _PLACE.match(str(error))
    if found is None:
        return Unprocessable(f"{error}.")
    field, what = found["field"], found["what"]
    if what.startswith(_UNCLEAR):
        words = takes(of, field) or "another form; GET /openapi.json has it"
        return Unprocessable(f"Field `{field}`: takes {words}.")
    return Unprocessable(f"Field `{field}`: {what[0].lower()}{what[1:]}.")
