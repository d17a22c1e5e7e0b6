"""What Sentry's endpoints but the envelope's leave in the tables."""

import json

import pytest

from gateway.protocols.sentry import attachments, cron, minidump, security
from gateway.protocols.sentry.envelope import Envelope, render
from gateway.protocols.sentry.posted import Posted
from schemas.record import Record
from schemas.signals import Format, Signal
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.records import record_of

EVENT_ID = "9ec79c33ec9942ab8353589fcb2e04dc"
DUMP = b"MDMP\x00\r\n--x\xff"
FORM = "multipart/form-data; boundary=xyz"


def part(name: str, data: bytes, filename: str = "") -> bytes:
    file = f'; filename="{filename}"' if filename else ""
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n"


def posted(body: bytes, content_type: str = "", query: dict[str, str] | None = None, **path: str) -> Posted:
    return Posted(
        body=body, content_type=content_type, query=query or {}, path=path, fresh_id="f" * 32, max_bytes=1_000_000
    )


def record(envelope: Envelope) -> Record:
    return record_of(Signal.SENTRY, Format.ENVELOPE, render(envelope.headers, envelope.items))


@pytest.mark.clause("Sentry 12a")
async def test_a_minidump_is_an_event_and_its_attachments(leaf: Leaf) -> None:
    event = json.dumps({"event_id": EVENT_ID, "release": "game@1", "tags": {"gpu": "x"}}).encode()
    body = part("upload_file_minidump", DUMP, "crash.dmp") + part("sentry", event) + part("log", b"", "game.log")
    await leaf.store(record(minidump.to_envelope(posted(body + b"--xyz--", FORM))))
    (row,) = await leaf.read("error_events")
    assert row["event_id"].hex == EVENT_ID
    assert (row["release"], row["platform"], row["level"], row["type"]) == ("game@1", "native", "fatal", "Minidump")
    assert (row["tags"], row["handled"]) == ({"gpu": "x"}, False)
    attachments = sorted(await leaf.read("attachments"), key=lambda row: row["filename"])
    assert [(row["filename"], row["data"]) for row in attachments] == [("crash.dmp", DUMP), ("game.log", b"")]
    assert attachments[0]["attachment_type"] == "event.minidump"
    assert {row["event_id"].hex for row in attachments} == {EVENT_ID}


@pytest.mark.clause("Sentry 13b")
async def test_attachments_belong_to_the_event_that_the_path_names(leaf: Leaf) -> None:
    body = part("file", DUMP, "a.bin") + b"--xyz--"
    await leaf.store(record(attachments.to_envelope(posted(body, FORM, event=EVENT_ID))))
    (row,) = await leaf.read("attachments")
    assert (row["event_id"].hex, row["filename"], row["data"]) == (EVENT_ID, "a.bin", DUMP)


@pytest.mark.clause("Sentry 11a", "Sentry 11c", "Sentry 12b", "Sentry 13a")
async def test_reports_and_check_ins_are_kept_as_they_came(leaf: Leaf) -> None:
    csp = b'{"csp-report":{"document-uri":"https://shop.example/"}}'
    query = {"sentry_release": "shop@1", "sentry_environment": "qa"}
    envelopes = [
        security.to_envelope(posted(csp, "application/csp-report", query)),
        attachments.unreal_to_envelope(posted(DUMP)),
        cron.to_envelope(posted(b"", "", {"status": "ok", "duration": "2"}, slug="nightly")),
    ]
    items = [item for envelope in envelopes for item in envelope.items]
    await leaf.store(record(Envelope({}, items)))
    report, unreal, check_in = sorted(await leaf.read("sentry_items"), key=lambda row: row["item"])
    assert (report["type"], report["payload"], report["category"]) == ("raw_security", csp, "security")
    assert {name: report["headers"][name] for name in query} == query
    assert (unreal["type"], unreal["payload"], unreal["category"]) == ("unreal_report", DUMP, "error")
    assert (check_in["type"], check_in["category"]) == ("check_in", "monitor")
    assert check_in["json"] == {"status": "ok", "duration": 2.0, "monitor_slug": "nightly"}
