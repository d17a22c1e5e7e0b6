"""The description of the interface, OpenAPI 3.1: made of the table of calls and of the types that they take and answer."""

import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct
from msgspec import inspect as types

from gateway.control.call import CHALLENGE, CONFIRM, IDEMPOTENCY_KEY, IF_MATCH, Call
from gateway.control.confirmation import Impact
from gateway.control.reading import parameter_type
from gateway.protocols.replies import Reply

PATH = "/openapi.json"
_Json = dict[str, Any]
_REF = "#/components/schemas/{name}"
_SCHEMA_NAME = re.compile(r"[^A-Za-z0-9_.-]")

_DESCRIPTION = """\
The control plane: apps, environments, channels, keys, tokens, people and what was stored.

Events are sent to `/v1/logs`, `/v1/traces` and `/v1/metrics` (OpenTelemetry) and to `/api/{channel}/envelope/` (Sentry),
whose forms those protocols describe. Every call takes a management key (mk_), `/whoami` any key. Lists go on with
`after` = the `next` of the page before. A failure is a problem body (RFC 9457) whose `detail` says what to do.
"""
_REQUEST_HEADERS = {
    IDEMPOTENCY_KEY: "The same call with the same key is answered as before and changes nothing more; kept for a day.",
    IF_MATCH: "The `ETag` of the object that was read: the change is refused if it is another by now.",
    CONFIRM: "Where a call was answered 428: the slug of what is destroyed.",
    CHALLENGE: "Where a call was answered 428: its `challenge`, once and within five minutes.",
}
# An answer's header → what it says.
_ETAG = {"ETag": "The entity tag of the object, for `If-Match`."}
_ANSWER_HEADERS = {
    401: {"WWW-Authenticate": "`Bearer`."},
    429: {"Retry-After": "Seconds to wait."},
    503: {"Retry-After": "Seconds to wait."},
}
_WHAT_IS_WRONG = {
    400: "The request cannot be read.",
    401: "No key was sent, or none that is known and live.",
    403: "The key's roles do not allow this.",
    404: "There is no such object, as far as the key reaches.",
    408: "The body did not arrive in time.",
    409: "Something stands in the way; `detail` names it.",
    410: "The environment expired.",
    412: "The object is not the one that `If-Match` names.",
    413: "The body is too large.",
    422: "A field has an impossible value; `detail` names it.",
    428: "The call destroys something and has to be confirmed; nothing was done yet.",
    503: "Something that this needs cannot be reached now; nothing was done.",
}


class Problem(Struct, frozen=True, kw_only=True):
    """A failure (RFC 9457); `type` is `urn:axonpush:error:` and a stable word, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str


class Confirmation(Problem, frozen=True, kw_only=True):
    """What a destructive call would destroy, and what confirms it: the slug `confirm`, and the `challenge`."""

    impact: Impact
    confirm: str
    challenge: str


def document(calls: Iterable[Call]) -> _Json:
    """Describe calls; the same ones give the same document."""
    calls = tuple(calls)
    answers = [answer for call in calls if (answer := _answer_type(call)) is not None]
    structs: list[Any] = [*answers, *(call.body for call in calls if call.body), Problem, Confirmation]
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REF)
    _say_which_are_times(structs, components)
    by_type = dict(zip(structs, schemas, strict=True))
    paths: dict[str, _Json] = {}
    for call in calls:
        paths.setdefault(call.pattern, {})[call.method.lower()] = _operation(call, by_type)
    paths[PATH] = {"get": _open_operation("openapi", "Describe the interface.", "application/json", ())}
    paths["/healthz"] = {"get": _open_operation("healthz", "Say that the process lives.", "text/plain", ())}
    paths["/readyz"] = {"get": _open_operation("readyz", "Say whether it takes events.", "text/plain", (503,))}
    return _without_end_of_line(
        {
            "openapi": "3.1.0",
            "info": {"title": "axonpush", "version": version("axonpush"), "description": _DESCRIPTION},
            "servers": [{"url": "/"}],
            "security": [{"bearer": []}, {"apiKey": []}],
            "paths": paths,
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "description": "A management key (mk_)."},
                    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same."},
                },
            },
        }
    )


def write(calls: Iterable[Call]) -> bytes:
    """Write the document as it is served and kept in docs/openapi.json."""
    return msgspec.json.format(msgspec.json.encode(document(calls)), indent=2) + b"\n"


def reply(calls: Iterable[Call]) -> Reply:
    """Make the answer to `GET /openapi.json`."""
    return Reply(status=200, headers=(("Content-Type", "application/json"),), body=write(calls))


def _operation(call: Call, schemas: dict[Any, _Json]) -> _Json:
    doc = inspect.getdoc(call.run) or ""
    summary, _, rest = doc.partition("\n\n")
    operation: _Json = {
        "operationId": f"{call.run.__module__.rpartition('.')[2]}.{call.run.__name__}",
        "tags": [call.pattern.split("/")[1]],
        "summary": " ".join(summary.split()),
    }
    details = [paragraph for paragraph in rest.split("\n\n") if paragraph and not paragraph.startswith("Raises:")]
    if call.permission is not None:
        details.append(f"Takes the permission `{call.permission.value}`.")
    if details:
        operation["description"] = "\n\n".join(details)
    if parameters := [*_path_parameters(call), *_query_parameters(call), *_header_parameters(call)]:
        operation["parameters"] = parameters
    if call.body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas[call.body]}}}
    operation["responses"] = {str(status): _response(call, status, schemas) for status in call.statuses}
    return operation


def _path_parameters(call: Call) -> Iterator[_Json]:
    for name in re.findall(r"{(\w+)}", call.pattern):
        yield {"name": name, "in": "path", "required": True, "schema": _schema(parameter_type(name))}


def _query_parameters(call: Call) -> Iterator[_Json]:
    if call.query is None:
        return
    (_,), components = msgspec.json.schema_components([call.query], ref_template=_REF)
    own = components[call.query.__name__]
    for name, schema in own["properties"].items():
        inlined = _inlined(schema, components)
        parameter = {"name": name, "in": "query", "required": name in own.get("required", ()), "schema": inlined}
        if "description" in inlined:
            parameter["description"] = inlined.pop("description")
        yield parameter


def _header_parameters(call: Call) -> Iterator[_Json]:
    for name in call.headers:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": name, "in": "header", "required": False, "schema": schema, "description": _REQUEST_HEADERS[name]}


def _response(call: Call, status: int, schemas: dict[Any, _Json]) -> _Json:
    is_failure = status >= HTTPStatus.BAD_REQUEST
    headers = _ANSWER_HEADERS.get(status, {}) if is_failure else _ETAG if call.is_object else {}
    response: _Json = {"description": _WHAT_IS_WRONG[status] if is_failure else HTTPStatus(status).phrase}
    if headers:
        response["headers"] = {name: {"description": says, "schema": _schema(str)} for name, says in headers.items()}
    if is_failure:
        body = Confirmation if status == HTTPStatus.PRECONDITION_REQUIRED else Problem
        response["content"] = {"application/problem+json": {"schema": schemas[body]}}
    elif (answer := _answer_type(call)) is not None:
        response["content"] = {"application/json": {"schema": schemas[answer]}}
    return response


def _open_operation(name: str, summary: str, media_type: str, failures: tuple[int, ...]) -> _Json:
    """Describe what is no call of the table and needs no key."""
    schema = {"type": "object"} if media_type == "application/json" else {"type": "string"}
    content = {media_type: {"schema": schema}}
    responses: _Json = {"200": {"description": "OK", "content": content}}
    responses |= {str(status): {"description": _WHAT_IS_WRONG[status], "content": content} for status in failures}
    return {"operationId": name, "tags": ["operations"], "summary": summary, "security": [], "responses": responses}


def _answer_type(call: Call) -> Any:  # noqa: ANN401 (a struct's type, or an alias of a generic one)
    answer = get_type_hints(call.run)["return"]
    return None if answer is type(None) else answer


def _schema(of: Any) -> _Json:  # noqa: ANN401 (any type)
    return msgspec.json.schema(of)


def _inlined(schema: Any, components: _Json) -> Any:  # noqa: ANN401 (any JSON value)
    """Put what is referred to in the place of the reference."""
    match schema:
        case {"$ref": ref}:
            return _inlined(components[str(ref).rpartition("/")[2]], components)
        case dict():
            return {name: _inlined(value, components) for name, value in schema.items() if name != "title"}
        case list():
            return [_inlined(value, components) for value in schema]
        case _:
            return schema


def _without_end_of_line(schema: Any) -> Any:  # noqa: ANN401 (any JSON value)
    """Leave out of patterns what only Python needs: elsewhere `$` is the very end."""
    match schema:
        case dict():
            return {name: _without_end_of_line(value) for name, value in schema.items()}
        case list():
            return [_without_end_of_line(value) for value in schema]
        case str():
            return schema.removesuffix(r"(?!\n)")
        case _:
            return schema


def _say_which_are_times(structs: list[Any], components: _Json) -> None:
    """Add the format of times: msgspec names it only where a time zone is asked for, and answers always have one."""
    for struct in (found for info in types.multi_type_info(structs) for found in _structs_in(info)):
        for field in struct.fields:
            if any(isinstance(each, types.DateTimeType) for each in _alternatives(field.type)):
                schema = components[struct.cls.__name__]["properties"][field.encode_name]
                time = next(each for each in schema.get("anyOf", [schema]) if each.get("type") == "string")
                time["format"] = "date-time"


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
