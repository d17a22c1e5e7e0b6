"""The three forms that a request and the answer to it can have: OTLP as protobuf and as JSON, and Sentry's."""

import json
import re
import secrets
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from msgspec import Struct
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from tests.acceptance.sending import Answer, send

# google.rpc.Code, as google/rpc/code.proto maps HTTP's statuses to it.
RPC_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 410: 5, 413: 8, 415: 3, 429: 8, 431: 8, 501: 12, 503: 14}


# develop.sentry.dev, Rate Limiting; categories are always named here.
_RATE_LIMIT = re.compile(
    r"([1-9][0-9]*):([a-z_]+(?:;[a-z_]+)*):(organization|project|key):([a-z_]+)(?::[a-z_]+(?:;[a-z_]+)*)?"
)


def logs_json(text: str = "hello") -> dict[str, Any]:
    """Write an OTLP request with one log record."""
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": "1", "body": {"stringValue": text}}]}]}]}


def logs_protobuf(text: str = "hello") -> bytes:
    """Write the same as protobuf."""
    return json_format.ParseDict(logs_json(text), ExportLogsServiceRequest()).SerializeToString()


def envelope(text: str = "hello", **headers: Any) -> bytes:
    """Write an envelope with one event."""
    event_id = secrets.token_hex(16)
    event = json.dumps({"event_id": event_id, "message": text}).encode()
    return b'%s\n{"type":"event"}\n%s\n' % (json.dumps({"event_id": event_id, **headers}).encode(), event)


class Form(Struct, frozen=True):
    """One form: where its requests go, what they carry, and how it tells an error."""

    name: str
    content_type: str
    key_header: str
    key_prefix: str
    payload: bytes

    @property
    def is_sentry(self) -> bool:
        """Whether requests carry their channel in the path."""
        return self.name == "sentry"

    def path(self, channel: int | str) -> str:
        """Answer where a request of a channel goes."""
        return f"/api/{channel}/envelope/" if self.is_sentry else "/v1/logs"

    def headers(self, key: str | None, channel: int | str | None = None) -> dict[str, str]:
        """Write the headers of a request."""
        headers = {"Content-Type": self.content_type}
        if key is not None:
            headers[self.key_header] = self.key_prefix + key
        if channel is not None and not self.is_sentry:
            headers["X-Axonpush-Channel"] = str(channel)
        return headers

    def send(
        self, url: str, key: str | None, channel: int | str, *, body: Any = None, more: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, one that is in order where nothing else is given; a header that is None is left out."""
        headers = {**self.headers(key, channel), **(more or {})}
        return send(url + self.path(channel), headers=headers, body=self.payload if body is None else body)

    def check_error(self, answer: Answer, status: int, says: str) -> None:
        """See that an answer is the error that it should be, in this form."""
        assert answer.status == status, answer
        if self.is_sentry:
            assert answer.headers["content-type"] == "application/json"
            body = answer.json()
            assert set(body) == {"detail", "causes"}
            message = body["detail"]
            assert body["causes"] == [message]
            assert message.isascii()
            assert message.startswith(answer.headers["x-sentry-error"])
            check_exposed(answer)
        else:
            assert answer.headers["content-type"] == self.content_type
            if self.name == "json":
                body = answer.json()
                assert set(body) == {"code", "message"}
                code, message = body["code"], body["message"]
            else:
                parsed = Status.FromString(answer.body)
                code, message = parsed.code, parsed.message
            assert code == RPC_CODES[status]
            # All that OpenTelemetry's Python exporter logs.
            assert message.startswith(answer.reason)
        assert says in message


def check_exposed(answer: Answer) -> None:
    """See that a script on any page may read an answer of Sentry's endpoints."""
    exposed = {name.strip() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert {"x-sentry-error", "x-sentry-rate-limits", "retry-after"} <= exposed
    assert {"x-axonpush-resolved-environment", "x-axonpush-resolved-via"} <= exposed
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    limits_told(answer)


def limits_told(answer: Answer) -> dict[str, tuple[int, str, str]]:
    """Answer what an answer tells of each limited category: seconds, scope, reason; it must have Sentry's grammar."""
    found: dict[str, tuple[int, str, str]] = {}
    header = answer.headers.get("x-sentry-rate-limits")
    for entry in [] if header is None else header.split(", "):
        match = _RATE_LIMIT.fullmatch(entry)
        assert match is not None, entry
        seconds, categories, scope, reason = match.groups()
        found |= {category: (int(seconds), scope, reason) for category in categories.split(";")}
    return found


PROTOBUF = Form("protobuf", "application/x-protobuf", "X-API-Key", "", logs_protobuf())
JSON = Form("json", "application/json", "Authorization", "Bearer ", json.dumps(logs_json()).encode())
SENTRY = Form(
    "sentry",
    "application/x-sentry-envelope",
    "X-Sentry-Auth",
    "Sentry sentry_version=7, sentry_client=test/1, sentry_key=",
    envelope(),
)
FORMS = (PROTOBUF, JSON, SENTRY)
