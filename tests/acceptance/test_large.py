"""Requests of many mebibytes through a running stack: stored once, read back byte for byte, in bounded memory."""

import gzip
import hashlib
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.acceptance.processes import Process
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App, Stack
from tests.unit.rows.requests import span, traces

MIB = 1024 * 1024
SPANS = 15_000
# An edge that has served nothing has about 100 MiB. Of one body of 60 MiB it holds what came, and once more its items.
EDGE_MAX_BYTES = 400 * MIB


@pytest.fixture(scope="module")
def edge(stack: Stack) -> Iterator[tuple[Process, str]]:
    """Run an edge of its own, whose memory is looked at, beside the stack's."""
    process, url = stack.join_edge()
    yield process, url
    assert process.stop() == 0, process.log


def peak_bytes(process: Process) -> int:
    """Answer the most that the process has had resident."""
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def spans_of(count: int) -> ExportTraceServiceRequest:
    """Make about a KiB for each span; two resources, so that the parts have to repeat them."""
    request = ExportTraceServiceRequest()
    for number in range(2):
        spans = [
            span(name=str(n), span_id=secrets.token_bytes(8), attributes={"text": secrets.token_hex(480)})
            for n in range(number, count, 2)
        ]
        request.resource_spans.extend(traces(*spans, resource={"service.name": f"shop-{number}"}).resource_spans)
    return request


def as_json(request: ExportTraceServiceRequest) -> bytes:
    """Write a request as OTLP's JSON, with ids in hexadecimal digits."""
    written = MessageToDict(request)
    for resource, parsed in zip(written["resourceSpans"], request.resource_spans, strict=True):
        for each, message in zip(resource["scopeSpans"][0]["spans"], parsed.scope_spans[0].spans, strict=True):
            each |= {"traceId": message.trace_id.hex(), "spanId": message.span_id.hex()}
    return json.dumps(written).encode()


def post(url: str, key: str, body: bytes, content_type: str, encoding: str = "identity") -> Answer:
    headers = {"X-API-Key": key, "Content-Type": content_type, "Content-Encoding": encoding}
    return send(f"{url}/v1/traces", headers=headers, body=body)


@pytest.mark.clause("OTLP b2")
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json"])
def test_fifteen_mebibytes_of_spans_are_stored_once(
    stack: Stack, app: App, edge: tuple[Process, str], content_type: str, encoding: str
) -> None:
    process, url = edge
    request = spans_of(SPANS)
    body = as_json(request) if content_type == "application/json" else request.SerializeToString()
    assert len(body) > 14 * MIB
    if encoding == "gzip":
        body = gzip.compress(body, 1, mtime=0)
    answer = post(url, app.key(), body, content_type, encoding)
    assert (answer.status, answer.body) == (200, b"{}" if content_type == "application/json" else b"")
    stats = stack.wait_until_stored(app.slug, timeout_seconds=60)
    assert stats["production"]["spans"] == SPANS
    environment = app.environments["production"]
    row = stack.database.row(
        "SELECT count(DISTINCT span_id) AS ids, count(DISTINCT name) AS names, count(DISTINCT ingest_id) AS requests, "
        "count(DISTINCT service_name) AS services FROM spans WHERE environment = $1",
        environment,
    )
    assert (row["ids"], row["names"], row["requests"], row["services"]) == (SPANS, SPANS, 1, 2)
    parts = stack.database.value("SELECT count(*) FROM ingest_seen WHERE environment = $1", environment)
    assert 14 <= parts <= 40
    assert peak_bytes(process) < EDGE_MAX_BYTES


@pytest.mark.clause("OTLP b3")
def test_a_span_of_nine_mebibytes_is_refused_by_name_and_the_others_are_stored(
    stack: Stack, app: App, edge: tuple[Process, str]
) -> None:
    _, url = edge
    huge = span(name="huge", attributes={"text": "x" * 9 * MIB})
    request = traces(span(name="before"), huge, span(name="after"))
    answer = post(url, app.key(), request.SerializeToString(), "application/x-protobuf")
    assert answer.status == 200, answer
    partial = ExportTraceServiceResponse.FromString(answer.body).partial_success
    assert partial.rejected_spans == 1
    assert "resource_spans[0].scope_spans[0].spans[1]" in partial.error_message
    assert str(8 * MIB) in partial.error_message
    stack.wait_until_stored(app.slug)
    rows = stack.database.rows("SELECT name FROM spans WHERE environment = $1", app.environments["production"])
    assert sorted(row["name"] for row in rows) == ["after", "before"]


@pytest.mark.clause("Sentry b11", "Sentry b2")
def test_an_attachment_of_sixty_mebibytes_is_read_back_byte_for_byte(
    stack: Stack, app: App, edge: tuple[Process, str], tmp_path: Path
) -> None:
    process, url = edge
    event_id, core = secrets.token_hex(16), secrets.token_bytes(60 * MIB)
    parts = [
        json.dumps({"event_id": event_id}).encode(),
        b'{"type":"event"}',
        b'{"message":"crash"}',
        json.dumps({"type": "attachment", "length": len(core), "filename": "core.dmp"}).encode(),
        core,
    ]
    answer = send(f"{url}/api/{app.channel}/envelope/", headers={"X-API-Key": app.key()}, body=b"\n".join(parts))
    assert (answer.status, answer.json()) == (200, {"id": event_id})
    stats = stack.wait_until_stored(app.slug, timeout_seconds=60)["production"]
    assert (stats["attachments"], stats["error_events"]) == (1, 1)
    environment = app.environments["production"]
    (found,) = stack.control.get(f"/environments/{environment}/attachments?eventId={event_id}")["items"]
    assert (found["filename"], found["sizeBytes"], found["complete"]) == ("core.dmp", len(core), True)
    path = f"/environments/{environment}/attachments/{found['ingestId']}/{found['item']}"
    headers = {"Authorization": f"Bearer {stack.control.management_key}"}
    read = send(url + path, method="GET", headers=headers, body=None)
    assert read.status == 200
    assert hashlib.sha256(read.body).digest() == hashlib.sha256(core).digest()
    output = tmp_path / "core.dmp"
    stack.run("attachment", "get", found["ingestId"], str(found["item"]), "--env", environment, "--output", str(output))
    assert hashlib.sha256(output.read_bytes()).digest() == hashlib.sha256(core).digest()
    assert peak_bytes(process) < EDGE_MAX_BYTES
