"""What each of Sentry's endpoints makes of a request: security reports, check-ins, minidumps, attachments, Unreal."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from gateway.protocols.sentry import attachments, cron, minidump, security
from gateway.protocols.sentry.envelope import Envelope, parse, render
from gateway.protocols.sentry.multipart_form import Part, parts_of
from gateway.protocols.sentry.posted import Posted
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

ID = "9ec79c33ec9942ab8353589fcb2e04dc"
FRESH = "f" * 32
DUMP = b"MDMP\r\n--not a boundary\r\n\x00\xff"


def posted(body: bytes, content_type: str = "", query: Mapping[str, str] | None = None, **path: str) -> Posted:
    return Posted(
        body=body, content_type=content_type, query=query or {}, path=path, fresh_id=FRESH, max_bytes=1_000_000
    )


def form(*parts: tuple[str, bytes] | tuple[str, bytes, str], boundary: str = "xyz", event: str = "") -> Posted:
    """Write a form; a part with a third member is a file of that name."""
    body = b""
    for part in parts:
        filename = f'; filename="{part[2]}"\r\nContent-Type: text/x-test' if len(part) == 3 else ""
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{part[0]}"{filename}\r\n\r\n'
        body += head.encode() + part[1] + b"\r\n"
    return posted(body + f"--{boundary}--\r\n".encode(), f'multipart/form-data; boundary="{boundary}"', event=event)


def items(envelope: Envelope) -> list[tuple[str, bytes]]:
    assert parse(render(envelope.headers, envelope.items)).headers == envelope.headers
    return [(item.type, item.content()) for item in envelope.items]


CSP = b'{"csp-report":{"document-uri":"https://shop.example/"}}'


@pytest.mark.clause("Sentry 11a")
@pytest.mark.parametrize(
    "content_type",
    [
        "application/csp-report",
        "Application/CSP-Report; charset=utf-8",
        "application/expect-ct-report",
        "application/expect-ct-report+json",
        "application/expect-staple-report",
        "application/json",
    ],
)
def test_a_report_is_kept_as_it_came(content_type: str) -> None:
    assert items(security.to_envelope(posted(CSP, content_type))) == [("raw_security", CSP)]


@pytest.mark.clause("Sentry 11a")
def test_each_report_of_a_list_is_an_item() -> None:
    body = b' [ {"type":"csp-violation","body":{}} , {"type":"deprecation"}]'
    found = security.to_envelope(posted(body, "application/reports+json"))
    assert [payload for _, payload in items(found)] == [
        b'{"type":"csp-violation","body":{}}',
        b'{"type":"deprecation"}',
    ]


NEL = b'{"type":"network-error","age":5,"body":{"type":"dns.unreachable","phase":"dns"}}'


@pytest.mark.clause("Sentry 11d")
@pytest.mark.parametrize("content_type", ["application/reports+json", "Application/JSON; charset=utf-8"])
def test_each_error_of_the_network_is_an_item(content_type: str) -> None:
    found = security.nel_to_envelope(posted(b"[" + NEL + b', {"type":"network-error"} ]', content_type))
    assert items(found) == [("nel", NEL), ("nel", b'{"type":"network-error"}')]
    assert items(security.nel_to_envelope(posted(NEL, content_type))) == [("nel", NEL)]


@pytest.mark.clause("Sentry 11d")
@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (NEL, "application/csp-report", UnsupportedMedia),
        (NEL, "", UnsupportedMedia),
        (b"", "application/reports+json", Malformed),
        (b"{", "application/reports+json", Malformed),
        (b"[]", "application/reports+json", Malformed),
        (b"[" + b"1," * 10_000 + b"1]", "application/reports+json", PayloadTooLarge),
    ],
)
def test_what_is_no_error_of_the_network_is_refused(body: bytes, content_type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        security.nel_to_envelope(posted(body, content_type))


@pytest.mark.clause("Sentry 11c")
def test_what_the_query_says_of_a_report_is_kept() -> None:
    query = {"sentry_release": "shop@1", "sentry_environment": "production", "sentry_key": "ak_x", "x": "y"}
    found = security.to_envelope(posted(CSP, "application/csp-report", query))
    assert found.items[0].headers == {
        "type": "raw_security",
        "content_type": "application/json",
        "sentry_release": "shop@1",
        "sentry_environment": "production",
    }


@pytest.mark.clause("Sentry 11b")
@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (CSP, "text/plain", UnsupportedMedia),
        (CSP, "", UnsupportedMedia),
        (b"", "text/plain", UnsupportedMedia),
        (b"", "application/csp-report", Malformed),
        (b" \n", "application/json", Malformed),
        (b"{", "application/json", Malformed),
        (b"7", "application/json", Malformed),
        (b"[]", "application/reports+json", Malformed),
        (b"[" + b"1," * 10_000 + b"1]", "application/reports+json", PayloadTooLarge),
    ],
)
def test_what_is_no_report_is_refused(body: bytes, content_type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        security.to_envelope(posted(body, content_type))


@pytest.mark.clause("Sentry 13a")
@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (
            posted(
                b"", "", {"status": "ok", "duration": "1.5", "environment": "qa", "sentry_key": "k"}, slug="nightly"
            ),
            {"status": "ok", "duration": 1.5, "environment": "qa", "monitor_slug": "nightly"},
        ),
        (
            posted(b"", "", {"status": "ok", "monitor_config": '{"schedule":{}}'}, slug="n"),
            {"status": "ok", "monitor_config": {"schedule": {}}, "monitor_slug": "n"},
        ),
        (
            posted(
                json.dumps({"status": "in_progress", "check_in_id": ID, "contexts": {"trace": {}}}).encode(),
                "application/json; charset=utf-8",
                {"status": "ok"},
                slug="n",
            ),
            {"status": "in_progress", "check_in_id": ID, "contexts": {"trace": {}}, "monitor_slug": "n"},
        ),
        (
            posted(b"whatever", "application/x-www-form-urlencoded", {"status": "error"}, slug="ü"),
            {"status": "error", "monitor_slug": "ü"},
        ),
        (
            posted(b'{"status":"missed","monitor_slug":"other"}', "application/json", slug="n"),
            {"status": "missed", "monitor_slug": "n"},
        ),
    ],
)
def test_a_check_in_says_in_query_or_body_what_became_of_a_job(request_: Posted, expected: dict[str, Any]) -> None:
    found = cron.to_envelope(request_)
    assert [(item.type, json.loads(item.content())) for item in found.items] == [("check_in", expected)]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, b""),
        ({"status": "done"}, b""),
        ({"status": "ok", "duration": "long"}, b""),
        ({"status": "ok", "duration": "-1"}, b""),
        ({"status": "ok", "check_in_id": "7"}, b""),
        ({"status": "ok", "monitor_config": "[]"}, b""),
        ({"status": "ok", "monitor_config": "{"}, b""),
        ({"status": "ok"}, b"[]"),
        ({"status": "ok"}, b"{"),
        ({}, b'{"status":["ok"]}'),
        ({}, b'{"status":"ok","duration":true}'),
        ({}, b'{"status":"ok","duration":{}}'),
    ],
)
def test_a_check_in_that_says_nothing_is_refused(query: dict[str, str], body: bytes) -> None:
    with pytest.raises(Malformed):
        cron.to_envelope(posted(body, "application/json", query, slug="n"))


@pytest.mark.clause("Sentry 12a")
def test_a_minidump_becomes_an_event_and_its_attachments_byte_for_byte() -> None:
    sent = form(
        ("upload_file_minidump", DUMP, "crash.dmp"),
        ("sentry", json.dumps({"event_id": ID, "release": "game@1", "tags": {"a": "1"}}).encode()),
        ("sentry[tags][a]", b"2"),
        ("sentry[tags][b]", b"3"),
        ("ver", b"1.2"),
        ("log", b"\x00log\r\n", "game.log"),
    )
    found = minidump.to_envelope(sent)
    assert found.headers == {"event_id": ID}
    event = json.loads(found.items[0].content())
    assert (event["event_id"], event["release"], event["tags"]) == (ID, "game@1", {"a": "1", "b": "3"})
    assert (event["platform"], event["level"], event["extra"]) == ("native", "fatal", {"ver": "1.2"})
    assert event["exception"]["values"][0]["type"] == "Minidump"
    assert items(found)[1:] == [("attachment", DUMP), ("attachment", b"\x00log\r\n")]
    assert [item.headers.get("attachment_type") for item in found.items[1:]] == ["event.minidump", None]
    assert [item.headers["filename"] for item in found.items[1:]] == ["crash.dmp", "game.log"]


@pytest.mark.clause("Sentry 12a")
@pytest.mark.parametrize("dump", [b"MDMP", b"PMDM\x00"])
def test_a_minidump_may_be_as_short_as_its_magic_and_be_the_whole_body(dump: bytes) -> None:
    for sent in (posted(dump, "application/octet-stream"), form(("upload_file_minidump", dump))):
        found = minidump.to_envelope(sent)
        assert [kind for kind, _ in items(found)] == ["event", "attachment"]
        assert found.items[1].payload == dump
        assert found.headers == {"event_id": FRESH}


def test_what_is_said_about_a_minidump_may_come_in_pieces_or_as_messagepack() -> None:
    pieces = form(
        ("upload_file_minidump", DUMP), ("sentry__2", b'1"}'), ("sentry__1", b'{"release":"game@'), ("sentry", b"no")
    )
    assert json.loads(minidump.to_envelope(pieces).items[0].content())["release"] == "game@1"
    packed = msgspec.msgpack.encode({"release": "game@2", "event_id": ID})
    native = form(("upload_file_minidump", DUMP, "x"), ("__sentry-event", packed, "__sentry-event"))
    found = minidump.to_envelope(native)
    assert json.loads(found.items[0].content())["release"] == "game@2"
    assert found.headers == {"event_id": ID}
    assert [item.headers.get("attachment_type") for item in found.items] == [None, "event.minidump", "event.payload"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (posted(b"", "application/octet-stream"), "does not begin with MDMP"),
        (form(("upload_file_minidump", b"MDM", "x")), "does not begin with MDMP"),
        (form(("file", DUMP, "x")), "no part upload_file_minidump"),
        (posted(b"--x--", "multipart/form-data"), "boundary"),
        (posted(DUMP, "multipart/form-data; boundary=x"), "no multipart"),
    ],
)
def test_what_is_no_minidump_is_refused(sent: Posted, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        minidump.to_envelope(sent)


@pytest.mark.clause("Sentry 13b")
def test_each_part_of_a_form_is_an_attachment_of_the_event() -> None:
    found = attachments.to_envelope(
        form(("a", b"", "a.txt"), ("note", b"\r\n--xy"), event="9EC79C33-EC99-42AB-8353-589FCB2E04DC")
    )
    assert found.headers == {"event_id": ID}
    assert items(found) == [("attachment", b""), ("attachment", b"\r\n--xy")]
    assert [item.headers["filename"] for item in found.items] == ["a.txt", "note"]
    assert found.items[0].headers["content_type"] == "text/x-test"


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (form(("a", b"x", "a"), event="short"), Malformed),
        (form(event=ID), Malformed),
        (posted(b"x", "text/plain", event=ID), UnsupportedMedia),
        (form(*[("a", b"x", "a")] * 1001, event=ID), PayloadTooLarge),
        (form(("a" * 5000, b"x"), event=ID), PayloadTooLarge),
    ],
)
def test_what_is_no_attachment_is_refused(sent: Posted, error: type[Exception]) -> None:
    with pytest.raises(error):
        attachments.to_envelope(sent)


@pytest.mark.clause("Sentry 12b")
def test_an_unreal_report_is_kept_as_it_came() -> None:
    found = attachments.unreal_to_envelope(posted(b"\x00\r\nUE4", "", {"UserID": "me"}))
    assert (found.headers, items(found)) == ({"event_id": FRESH}, [("unreal_report", b"\x00\r\nUE4")])
    assert found.items[0].headers["unreal_user_id"] == "me"
    with pytest.raises(Malformed, match="empty"):
        attachments.unreal_to_envelope(posted(b""))


def test_what_a_client_says_stays_within_a_header_line() -> None:
    for letter in ("\x01", "\N{GRINNING FACE}"):
        query = {"sentry_release": letter * 9000, "sentry_environment": letter * 9000, "UserID": letter * 9000}
        sent = posted(CSP, "application/csp-report", query)
        named = form(("file", b"x", "\N{GRINNING FACE}" * 900), event=ID)
        for found in (
            security.to_envelope(sent),
            attachments.unreal_to_envelope(sent),
            attachments.to_envelope(named),
        ):
            assert parse(render(found.headers, found.items), header_max_bytes=64 * 1024).items


def test_parts_keep_their_bytes_and_names() -> None:
    assert parts_of(form(("ä", b"\n\r\n\r", "b c.txt"), ("", b""))) == [
        Part("ä", b"\n\r\n\r", "b c.txt", "text/x-test"),
        Part("", b""),
    ]
