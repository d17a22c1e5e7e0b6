"""The description of the interface, OpenAPI 3.1: made of the table of calls and the types that they take and answer."""

import inspect
import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, get_type_hints

import msgspec
from msgspec import UNSET, Struct, UnsetType

from gateway.control.calling.call import APPROVAL, CHALLENGE, CONFIRM, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, Call
from gateway.control.calling.json_schemas import Json, components_of, fields_of, schema_of
from gateway.control.calling.reading import parameter_type
from gateway.control.guarding.approval_types import Asked
from gateway.control.guarding.confirmation import Impact

_DESCRIPTION = """\
The control plane: apps, environments, channels, keys, tokens, people, and what is stored.

Events go to `/v1/logs`, `/v1/traces` and `/v1/metrics` (OpenTelemetry) and to `/api/{channel}/envelope/` (Sentry);
the forms of those are described by their protocols. Every call takes a management key (mk_). Lists are oldest first
unless they say otherwise, and go on with `after`, the `next` of the page before. A parameter that a call does not know,
or that is sent twice, is refused. A body is JSON, and may be compressed as `Content-Encoding` says. A failure is a
problem body (RFC 9457) whose `detail` says what to do.
"""
_REQUEST_HEADERS = {
    IDEMPOTENCY_KEY: "The same call with the same key is answered as before and changes nothing more; kept for a day.",
    IF_MATCH: "The `ETag` of the object that was read: the change is refused if it is another by now.",
    IF_NONE_MATCH: "The `ETag` of what was read: answered 304 if it is the same still, whenever it was last used.",
    CONFIRM: "Where a call was answered 428: its `confirm`.",
    CHALLENGE: "Where a call was answered 428: its `challenge`, once and within five minutes.",
    APPROVAL: "Where the caller's roles do not allow the call: the id of an approval of it, once.",
}
_ETAG = ("ETag", "The entity tag of the object, for `If-Match` and `If-None-Match`.")
_WAIT = ("Retry-After", "Seconds to wait.")
_CODINGS = ("Accept-Encoding", "The content encodings that are known, where the body's is not.")
_HEADERS_OF_FAILURES = {401: ("WWW-Authenticate", "`Bearer`."), 415: _CODINGS, 429: _WAIT, 503: _WAIT}
_FAILURES = {
    400: "The request cannot be read.",
    401: "No key was sent, or none that is known and live.",
    403: "The key's roles do not allow this.",
    404: "There is no such object, as far as the key reaches.",
    408: "The body did not arrive in time.",
    409: "Something stands in the way; `detail` names it.",
    410: "The environment has expired.",
    412: "The object is not the one that `If-Match` names.",
    413: "The body is too large.",
    415: "The body is no JSON, or compressed in a way that is not known.",
    422: "A field or parameter is unknown or has an impossible value; `detail` names it.",
    428: "The call destroys something, or lets that be done unasked, and has to be confirmed; nothing was done.",
    503: "Something that this needs cannot be reached now; nothing was done.",
}


class Problem(Struct, frozen=True, kw_only=True):
    """A failure (RFC 9457); `type` is `urn:axonpush:error:` and a stable word, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str


class Refusal(Problem, frozen=True, kw_only=True):
    """What the key's roles do not allow; `approval`, if it is there, and a reason can be sent to POST /approvals."""

    approval: Asked | UnsetType = UNSET


class Confirmation(Problem, frozen=True, kw_only=True):
    """What a guarded call would destroy, and what confirms it: the slug in `confirm`, and the `challenge`."""

    impact: Impact
    confirm: str
    challenge: str


_BODIES_OF_FAILURES = {403: Refusal, 428: Confirmation}


def document(calls: Iterable[Call]) -> Json:
    """Describe calls; the same ones give the same document."""
    calls = tuple(calls)
    answers = [answer for call in calls if not call.is_file and (answer := _answer_of(call)) is not None]
    bodies = [call.body for call in calls if call.body is not None]
    schemas, components = components_of([*dict.fromkeys([*answers, *bodies, *_BODIES_OF_FAILURES.values(), Problem])])
    paths: dict[str, Json] = {}
    for call in calls:
        paths.setdefault(call.pattern, {})[call.method.lower()] = _operation(call, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "axonpush", "version": version("axonpush"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": {**paths, **_open_paths()},
        "components": {
            "schemas": components,
            "responses": {_name_of(status): _failure(status, schemas) for status in _FAILURES},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A key."},
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
            },
        },
    }


def write(calls: Iterable[Call]) -> bytes:
    """Write the document as it is served and as it stands in docs/openapi.json."""
    return msgspec.json.format(msgspec.json.encode(document(calls)), indent=2) + b"\n"


def _operation(call: Call, schemas: dict[Any, Json]) -> Json:
    summary, *paragraphs = (inspect.getdoc(call.run) or "").split("\n\n")
    details = [paragraph for paragraph in paragraphs if not paragraph.startswith("Raises:")]
    permission = "a key of any kind" if call.permission is None else f"the permission `{call.permission.value}`"
    details.append(f"Takes {permission}.")
    operation: Json = {
        "operationId": f"{call.run.__module__.rpartition('.')[2]}.{call.run.__name__}",
        "tags": [call.pattern.split("/")[1]],
        "summary": " ".join(summary.split()),
        "description": "\n\n".join(details),
        "parameters": [*_path_parameters(call), *_query_parameters(call), *_header_parameters(call)],
    }
    if call.body is not None:
        content = {"application/json": {"schema": schemas[call.body]}}
        operation["requestBody"] = {"required": not call.is_body_optional, "content": content}
    operation["responses"] = {str(status): _response(call, status, schemas) for status in call.statuses}
    return operation


def _path_parameters(call: Call) -> Iterator[Json]:
    for name in re.findall(r"{(\w+)}", call.pattern):
        yield {"name": name, "in": "path", "required": True, "schema": schema_of(parameter_type(name))}


def _query_parameters(call: Call) -> Iterator[Json]:
    for name, schema, is_required in fields_of(call.query) if call.query else ():
        says = {"description": schema.pop("description")} if "description" in schema else {}
        yield {"name": name, "in": "query", "required": is_required, **says, "schema": schema}


def _header_parameters(call: Call) -> Iterator[Json]:
    for name in call.headers:
        schema = {"type": "string", "minLength": 1, "maxLength": 255}
        yield {"name": name, "in": "header", "required": False, "description": _REQUEST_HEADERS[name], "schema": schema}


def _response(call: Call, status: int, schemas: dict[Any, Json]) -> Json:
    if status in _FAILURES:
        return {"$ref": f"#/components/responses/{_name_of(status)}"}
    response: Json = {"description": HTTPStatus(status).phrase}
    if call.is_object:
        response |= _header(*_ETAG)
    if call.is_file:
        response["content"] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    elif status != HTTPStatus.NOT_MODIFIED and (answer := _answer_of(call)) is not None:
        response["content"] = {"application/json": {"schema": schemas[answer]}}
    return response


def _failure(status: int, schemas: dict[Any, Json]) -> Json:
    headers = _header(*_HEADERS_OF_FAILURES[status]) if status in _HEADERS_OF_FAILURES else {}
    body = schemas[_BODIES_OF_FAILURES.get(status, Problem)]
    content = {"application/problem+json": {"schema": body}}
    return {"description": _FAILURES[status], **headers, "content": content}


def _header(name: str, says: str) -> Json:
    return {"headers": {name: {"description": says, "schema": {"type": "string"}}}}


def _name_of(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _answer_of(call: Call) -> Any:  # noqa: ANN401 (a struct's type, or an alias of a generic one)
    answer = get_type_hints(call.run)["return"]
    return None if answer is type(None) else answer


def _open_paths() -> dict[str, Json]:
    """Describe what needs no key and is no call of the table."""
    json = {"content": {"application/json": {"schema": {"type": "object"}}}}
    text = {"content": {"text/plain": {"schema": {"type": "string"}}}}
    ready = {"200": {"description": "It does.", **text}, "503": {"description": "It does not, and why.", **text}}
    table = {
        "/openapi.json": ("openapi", "Describe the interface.", {"200": {"description": "This document.", **json}}),
        "/healthz": ("healthz", "Say that the process lives.", {"200": {"description": "It does.", **text}}),
        "/readyz": ("readyz", "Say whether the process takes events.", ready),
    }
    return {
        path: {"get": {"operationId": name, "tags": ["operations"], "summary": says, "security": [], "responses": all_}}
        for path, (name, says, all_) in table.items()
    }
