"""The control plane's calls: one table of method, path, rule and types, and how a request runs through it.

The table knows everything that a description of the interface needs: what a call takes and answers are the types of its
rule's parameters. Nothing here knows HTTP beyond method, path, query and body; the edge adapts requests and replies.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from gateway.control import api_keys, apps, channels, environments, lookup, public_tokens
from gateway.control.authentication import authenticate
from gateway.control.service import Service
from gateway.control.types import (
    ApiKeyQuery,
    CreateApiKey,
    CreateApp,
    CreateChannel,
    CreateEnvironment,
    CreatePublicToken,
    Id,
    Input,
    PageQuery,
    PublicTokenQuery,
    UpdateApiKey,
)
from gateway.protocols.replies import Reply, problem
from schemas.errors import GatewayError, Malformed, MethodNotAllowed, NotFound, Unprocessable

_CREATED = 201
_HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
# msgspec ends its sentence with the path of a wrong field; a missing or unknown one it names within.
_PLACE = re.compile(r"^(?P<what>.*) - at `\$\.(?P<field>.*)`$", re.DOTALL)
T = TypeVar("T")


class Call(Struct, frozen=True):
    """One call.

    `run` is given the service, the principal, the path's parameters in order, and then the decoded `body` or `query`,
    whichever the call has.
    """

    method: str
    pattern: str
    run: Callable[..., Awaitable[Struct]]
    body: type[Input] | None = None
    query: type[Input] | None = None
    status: int = 200


CALLS = (
    Call("POST", "/apps", apps.create, body=CreateApp, status=_CREATED),
    Call("GET", "/apps", apps.listing, query=PageQuery),
    Call("GET", "/apps/{id}", lookup.app),
    Call("POST", "/apps/{id}/environments", environments.create, body=CreateEnvironment, status=_CREATED),
    Call("GET", "/apps/{id}/environments", environments.listing, query=PageQuery),
    Call("GET", "/environments/{id}", lookup.environment),
    Call("POST", "/apps/{id}/channels", channels.create, body=CreateChannel, status=_CREATED),
    Call("GET", "/apps/{id}/channels", channels.listing, query=PageQuery),
    Call("POST", "/api-keys", api_keys.create, body=CreateApiKey, status=_CREATED),
    Call("GET", "/api-keys", api_keys.listing, query=ApiKeyQuery),
    Call("GET", "/api-keys/{id}", lookup.api_key),
    Call("PATCH", "/api-keys/{id}", api_keys.update, body=UpdateApiKey),
    Call("POST", "/api-keys/{id}/revoke", api_keys.revoke),
    Call("POST", "/public-tokens", public_tokens.create, body=CreatePublicToken, status=_CREATED),
    Call("GET", "/public-tokens", public_tokens.listing, query=PublicTokenQuery),
    Call("GET", "/public-tokens/{id}", lookup.public_token),
    Call("POST", "/public-tokens/{id}/revoke", public_tokens.revoke),
)


def match(method: str, path: str) -> tuple[Call, dict[str, str]]:
    """Find the call of a method and a path, and the path's parameters.

    Args:
        method: in capitals.
        path: as it was sent, still percent-encoded, so that an encoded slash stays within its segment.

    Raises:
        NotFound: no call has this path.
        MethodNotAllowed: one has, with another method.
    """
    matching = [(call, params) for call in CALLS if (params := _params(call.pattern, path)) is not None]
    for call, params in matching:
        if call.method == method:
            return call, params
    if matching:
        allowed = tuple(call.method for call, _ in matching)
        raise MethodNotAllowed(f"This path takes {', '.join(allowed)}.", allowed=allowed)
    raise NotFound("There is no call with this path.")


async def answer(
    service: Service, method: str, path: str, *, authorization: str | None, query: Mapping[str, str], body: bytes
) -> Reply:
    """Find and run the call of a request; see `match` and `handle`."""
    try:
        call, params = match(method, path)
    except GatewayError as error:
        return problem(error)
    return await handle(service, call, params, authorization=authorization, query=query, body=body)


async def handle(
    service: Service,
    call: Call,
    params: Mapping[str, str],
    *,
    authorization: str | None,
    query: Mapping[str, str],
    body: bytes,
) -> Reply:
    """Run a call and answer it; every failure that has a name becomes a problem body (RFC 9457).

    Args:
        service: the parts of the control plane.
        call: what `match` found.
        params: the path's parameters, from `match`.
        authorization: `Bearer mk_…` or the bare key.
        query: the decoded query.
        body: the body, not compressed.
    """
    try:
        principal = await authenticate(service, authorization)
        arguments: list[object] = [_path_id(value) for value in params.values()]
        if call.body is not None:
            arguments.append(read_body(call.body, body))
        if call.query is not None:
            arguments.append(read_query(call.query, query))
        answer = await call.run(service, principal, *arguments)
    except GatewayError as error:
        return problem(error)
    return Reply(status=call.status, headers=_HEADERS, body=msgspec.json.encode(answer))


def read_body(body_type: type[T], body: bytes) -> T:
    """Read a request body.

    Raises:
        Malformed: it is no JSON.
        Unprocessable: a field is wrong, missing or unknown; the message names it.
    """
    try:
        return msgspec.json.decode(body, type=body_type)
    except msgspec.ValidationError as error:
        raise _field_error(error) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Malformed(f"The body is no JSON object: {error}.") from error


def read_query(query_type: type[T], query: Mapping[str, str]) -> T:
    """Read a query; raises as `read_body`."""
    try:
        return msgspec.convert(dict(query), type=query_type, strict=False)
    except msgspec.ValidationError as error:
        raise _field_error(error) from error


def _field_error(error: msgspec.ValidationError) -> Unprocessable:
    """Put the field's name in front of what is wrong with it."""
    found = _PLACE.match(str(error))
    if found is None:
        return Unprocessable(f"{error}.")
    what = found["what"]
    return Unprocessable(f"Field `{found['field']}`: {what[0].lower()}{what[1:]}.")


def _path_id(value: str) -> str:
    """Let no character through that PostgreSQL refuses in a text: nothing has such an id."""
    try:
        return msgspec.convert(value, Id)
    except msgspec.ValidationError:
        raise NotFound("Nothing has this id.") from None


def _params(pattern: str, path: str) -> dict[str, str] | None:
    """Answer the parameters if the path fits the pattern, segment by segment."""
    names, segments = pattern.split("/"), path.split("/")
    if len(names) != len(segments):
        return None
    params: dict[str, str] = {}
    for name, segment in zip(names, segments, strict=True):
        if name.startswith("{") and segment:
            params[name[1:-1]] = unquote(segment)
        elif name != segment:
            return None
    return params
