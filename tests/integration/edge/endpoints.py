"""Every endpoint of Sentry's that takes a body: where it stands, what it takes, and how it answers."""

import json
from collections.abc import Mapping

from msgspec import Struct

from tests.acceptance.sending import Answer, send
from tests.integration.edge.forms import JSON, SENTRY, Form, envelope

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
EVENT = json.dumps({"event_id": EVENT_ID, "message": "hello"}).encode()
ENVELOPE_TYPE = "application/x-sentry-envelope"


def form_of(name: str, data: bytes) -> bytes:
    """Write a form with one file; its boundary is that of `FORM_TYPE`."""
    head = f'--xyz\r\nContent-Disposition: form-data; name="{name}"; filename="crash.dmp"\r\n\r\n'
    return head.encode() + data + b"\r\n--xyz--\r\n"


FORM_TYPE = "multipart/form-data; boundary=xyz"


class Endpoint(Struct, frozen=True):
    """An endpoint: its path, a body that it takes and of which type, the answer's status, and what a page may use."""

    name: str
    path: str
    body: bytes
    content_type: str
    status: int = 200
    methods: str = "POST"

    @property
    def form(self) -> Form:
        """How it tells an error."""
        return JSON if "/otlp/" in self.path else SENTRY

    @property
    def has_key(self) -> bool:
        """Whether the key stands in the path."""
        return "<key>" in self.path

    @property
    def is_envelope(self) -> bool:
        """Whether what it takes is an envelope, which may bring a key itself."""
        return self.content_type == ENVELOPE_TYPE

    def send(
        self,
        url: str,
        channel: int,
        key: str,
        *,
        body: bytes | None = None,
        query: str = "",
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, one that is in order where nothing else is given; the key goes into the path at most."""
        path = self.path.replace("<channel>", str(channel)).replace("<key>", key)
        given = {"Content-Type": self.content_type, **(headers or {})}
        return send(f"{url}{path}{query}", method=method, headers=given, body=self.body if body is None else body)


ENDPOINTS = (
    Endpoint("envelope", "/api/<channel>/envelope/", envelope(), ENVELOPE_TYPE),
    Endpoint("store", "/api/<channel>/store/", EVENT, "application/json", methods="GET, POST"),
    Endpoint("store an envelope", "/api/<channel>/store/", envelope(), ENVELOPE_TYPE, methods="GET, POST"),
    Endpoint("store of a key", "/api/store/", EVENT, "application/json", methods="GET, POST"),
    Endpoint("security", "/api/<channel>/security/", b'{"csp-report":{}}', "application/csp-report"),
    Endpoint("csp-report", "/api/<channel>/csp-report/", b"[{},{}]", "application/reports+json"),
    Endpoint("nel", "/api/<channel>/nel/", b"[{},{}]", "application/reports+json"),
    Endpoint("minidump", "/api/<channel>/minidump/", form_of("upload_file_minidump", b"MDMP"), FORM_TYPE),
    Endpoint("unreal", "/api/<channel>/unreal/<key>/", b"UE4", "application/octet-stream"),
    Endpoint("cron", "/api/<channel>/cron/nightly/", b'{"status":"ok"}', "application/json", 202, "GET, POST"),
    Endpoint(
        "cron with its key",
        "/api/<channel>/cron/nightly/<key>/",
        b'{"status":"ok"}',
        "application/json",
        202,
        "GET, POST",
    ),
    Endpoint(
        "attachments", f"/api/<channel>/events/{EVENT_ID}/attachments/", form_of("core", b"\x00\xff"), FORM_TYPE, 201
    ),
    Endpoint("otlp logs", "/api/<channel>/integration/otlp/v1/logs", JSON.payload, "application/json"),
    Endpoint("otlp logs by their short path", "/api/<channel>/otlp/v1/logs", JSON.payload, "application/json"),
    Endpoint(
        "otlp traces",
        "/api/<channel>/integration/otlp/v1/traces",
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s"}]}]}]}' % (b"ab" * 16, b"cd" * 8),
        "application/json",
    ),
)
