"""Sending one HTTP request exactly as written, and what came back."""

import http.client
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from google.protobuf.message import Message
from msgspec import Struct

# Pairs, where a name stands there twice.
Headers: TypeAlias = Mapping[str, str] | Sequence[tuple[str, str]]
_TIMEOUT_SECONDS = 30


class Answer(Struct, frozen=True):
    """An answer; header names are in lower case."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


def send(
    url: str,
    *,
    method: str = "POST",
    headers: Headers = (),
    body: bytes | Iterable[bytes] | None = b"",
) -> Answer:
    """Send a request with just these headers; a body in pieces goes without a Content-Length, None sends no body."""
    with Connection(url) as connection:
        return connection.send(urlsplit(url)._replace(scheme="", netloc="").geturl() or "/", method, headers, body)


def post_message(url: str, message: Message, headers: Mapping[str, str]) -> Answer:
    """Post an OTLP request as protobuf."""
    headers = {"Content-Type": "application/x-protobuf", **headers}
    return send(url, headers=headers, body=message.SerializeToString())


class Connection:
    """One connection that is kept for several requests."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.http = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def send(
        self,
        target: str,
        method: str = "POST",
        headers: Headers = (),
        body: bytes | Iterable[bytes] | None = b"",
    ) -> Answer:
        """Send a request on this connection; see the function of this name."""
        self.http.putrequest(method, target, skip_accept_encoding=True)
        pairs: Iterable[tuple[str, str]] = headers.items() if isinstance(headers, Mapping) else headers
        for name, value in pairs:
            self.http.putheader(name, value)
        if body is None:
            self.http.endheaders()
        elif isinstance(body, bytes):
            if body or method in ("POST", "PUT", "PATCH"):
                self.http.putheader("Content-Length", str(len(body)))
            self.http.endheaders(body)
        else:
            self.http.putheader("Transfer-Encoding", "chunked")
            self.http.endheaders(body, encode_chunked=True)
        return self.receive()

    def receive(self) -> Answer:
        """Wait for the answer to what was sent."""
        response = self.http.getresponse()
        return Answer(
            status=response.status,
            reason=response.reason,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=response.read(),
        )
