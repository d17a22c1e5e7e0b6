"""How a request runs through its call: found and its caller known first, and answered once its body has been read."""

import re
from collections.abc import Mapping
from functools import cache
from typing import get_type_hints
from urllib.parse import quote

import msgspec
from msgspec import Struct

from gateway.control.calling import changes, openapi
from gateway.control.calling.call import APPROVAL, CHALLENGE, CONFIRM, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, Call
from gateway.control.calling.calls import CALLS, DESCRIPTION_PATH, match, methods_at
from gateway.control.calling.changes import Change
from gateway.control.calling.reading import read_body, read_parameter, read_query
from gateway.control.calling.requests import Request, etag_of, fingerprint_of, is_known
from gateway.control.guarding import approval_use
from gateway.control.roles.authentication import authenticate
from gateway.control.service import Principal, Service
from gateway.control.types import NoQuery
from gateway.identity.credentials import Headers, single
from gateway.protocols.replies import Reply
from schemas.attachments import File

_UNCACHED = ("Cache-Control", "no-store")
_HEADERS = (("Content-Type", "application/json"), _UNCACHED)
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LISTS = {IF_MATCH, IF_NONE_MATCH}
_READING = {"GET", "HEAD"}


class Begun(Struct, frozen=True):
    """A call that was found, with the path's parameters, and whose caller is known."""

    service: Service
    call: Call
    params: Mapping[str, str]
    principal: Principal

    @property
    def takes_body(self) -> bool:
        """Whether the call reads a body."""
        return self.call.body is not None

    async def answer(self, *, query: Mapping[str, str], headers: Headers, body: bytes) -> Reply:
        """Run the call and answer it.

        Args:
            query: the decoded query.
            headers: all of them; the call reads those that it names.
            body: the body, not compressed.

        Raises:
            GatewayError: something is wrong with the request, or the rule refuses it.
        """
        call, service, principal = self.call, self.service, self.principal
        arguments: list[object] = [read_parameter(name, value) for name, value in self.params.items()]
        asked = read_query(call.query or NoQuery, query)
        if call.body is not None:
            arguments.append(read_body(call.body, b"{}" if call.is_body_optional and not body else body))
        if call.query is not None:
            arguments.append(asked)

        async def rule(inner: Service) -> Reply:
            if call.approval is not None:
                return _reply(call, await approval_use.run(inner, principal, call, arguments))
            return _reply(call, await call.run(inner, principal, *arguments))

        given = _given(call, headers)
        if call.action is None:
            return _unless_known(await rule(service), given.get(IF_NONE_MATCH))
        fingerprint = fingerprint_of(call.method, f"{call.pattern} {[*self.params.values()]}", body)
        reply = await changes.run(service, principal, _change(call, fingerprint, given), rule)
        if call.then is None:
            return reply
        answer = msgspec.json.decode(reply.body, type=get_type_hints(call.run)["return"])
        return _reply(call, await call.then(service, principal, *arguments, answer))


async def begin(service: Service, method: str, path: str, *, authorization: str | None) -> Reply | Begun:
    """Find the call of a request and who makes it; or describe all calls, or tell what a path takes.

    Args:
        service: the parts of the control plane.
        method: in capitals.
        path: as it was sent, still percent-encoded.
        authorization: `Bearer mk_…` or the bare key.

    Raises:
        NotFound, MethodNotAllowed: see `match`.
        Unauthenticated, Forbidden, DirectoryUnavailable: see `authenticate`.
    """
    if method == "OPTIONS":
        return Reply(status=204, headers=(("Allow", ", ".join(methods_at(path))),), body=b"")
    if path == DESCRIPTION_PATH and method in _READING:
        return _description()
    call, params = match(method, path)
    principal = await authenticate(service, authorization, takes_any_key=call.permission is None)
    return Begun(service, call, params, principal)


def _given(call: Call, headers: Headers) -> dict[str, str]:
    """Answer the headers that a call reads: of a list all lines, joined (RFC 9110 5.3), of any other its one value.

    Raises:
        Malformed: one that is no list stands there twice with two values.
    """
    sent = {name: lines for name in call.headers if (lines := headers.getall(name, ()))}
    return {name: ", ".join(lines) if name in _LISTS else single(headers, name) or "" for name, lines in sent.items()}


def _change(call: Call, fingerprint: bytes, given: Mapping[str, str]) -> Change:
    request = Request(
        fingerprint=fingerprint,
        if_match=given.get(IF_MATCH),
        confirm=given.get(CONFIRM),
        challenge=given.get(CHALLENGE),
        approval=given.get(APPROVAL),
    )
    assert call.action is not None
    return Change(call.action, request, given.get(IDEMPOTENCY_KEY))


@cache
def _description() -> Reply:
    """Answer the description of the interface."""
    return Reply(status=200, headers=(("Content-Type", "application/json"),), body=openapi.write(CALLS))


def _reply(call: Call, answer: Struct | None) -> Reply:
    """Write an answer; one object has an entity tag."""
    if isinstance(answer, File):
        return _file(answer)
    if answer is None:
        return Reply(status=call.status, headers=(_UNCACHED,), body=b"")
    status = call.status if call.status_of is None else call.status_of(answer)
    headers = (*_HEADERS, ("ETag", etag_of(answer))) if call.is_object else _HEADERS
    return Reply(status=status, headers=headers, body=msgspec.json.encode(answer))


def _unless_known(reply: Reply, known: str | None) -> Reply:
    """Answer 304 in the place of an object that the caller has already (RFC 9110 13.1.2)."""
    if known is None:
        return reply
    etag = dict(reply.headers)["ETag"]
    return Reply(status=304, headers=(_UNCACHED, ("ETag", etag)), body=b"") if is_known(etag, known) else reply


def _file(answer: File) -> Reply:
    """Answer a file as nothing but bytes to be saved: whatever it says it is, no browser shows or runs it."""
    plain = _NO_NAME.sub("_", answer.filename)
    headers = (
        ("Content-Type", "application/octet-stream"),
        ("Content-Length", str(answer.size_bytes)),
        # RFC 6266: the name as it is, and one for clients that read no other.
        (
            "Content-Disposition",
            f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(answer.filename, safe='')}",
        ),
        ("X-Content-Type-Options", "nosniff"),
        _UNCACHED,
    )
    return Reply(status=200, headers=headers, body=b"", pieces=answer.pieces)
