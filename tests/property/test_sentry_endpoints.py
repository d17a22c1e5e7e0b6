"""Sentry's endpoints take any bytes, any query and any path for an envelope, or refuse them by name."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.edge.routes import find
from gateway.protocols.sentry import attachments, cron, minidump, security, store
from gateway.protocols.sentry.envelope import Envelope, Item, event_id_of, ignored_headers, parse, render
from gateway.protocols.sentry.item_limits import ItemLimits
from gateway.protocols.sentry.multipart_form import parts_of
from gateway.protocols.sentry.posted import Posted
from gateway.runtime.settings import Limits
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

ENDPOINTS: tuple[Callable[[Posted], Envelope], ...] = (
    store.to_envelope,
    security.to_envelope,
    security.nel_to_envelope,
    cron.to_envelope,
    minidump.to_envelope,
    attachments.to_envelope,
    attachments.unreal_to_envelope,
)
# Bytes and texts that look like what is sent go further than random ones.
PIECES = st.sampled_from(
    [
        *(b"--x", b"\r\n", b"\n", b"--", b"\r\n\r\n", b"MDMP", b"{}", b"[", b"]", b"{", b"}", b",", b"NaN", b"\xff"),
        b'--x\r\nContent-Disposition: form-data; name="upload_file_minidump"; filename="a"\r\n\r\nMDMP\r\n',
        b'--x\r\nContent-Disposition: form-data; name="sentry"\r\n\r\n{"tags":{"a":NaN},"x":"\\ud83d"}\r\n',
        b'--x\r\nContent-Disposition: form-data; name="sentry[tags][a]"\r\n\r\n1\r\n',
        b'--x\r\nContent-Disposition: form-data; name="__sentry-event"; filename="e"\r\n\r\n\x81\xa1a\xff\r\n',
        *(b"Content-Disposition: form-data; name=", b"Content-Length: 3\r\n", b"--x--", b"sentry__1", b"\x81\xa1a\xc0"),
        *(b'{"status":"ok"}', b'"duration":1e999', b'{"csp-report":{}}'),
    ]
)
BYTES = st.binary(max_size=60) | st.lists(PIECES | st.binary(max_size=3), max_size=10).map(b"".join)
# As a server hands them over: bytes that are no UTF-8 are halves of surrogate pairs.
TEXTS = st.binary(max_size=12).map(lambda data: data.decode("utf-8", "surrogateescape"))
TYPES = TEXTS | st.sampled_from(
    [
        *("multipart/form-data; boundary=x", 'multipart/form-data; boundary="x"', "multipart/form-data"),
        *("multipart/form-data; boundary=\udcff", "application/json", "application/csp-report"),
        *("application/reports+json", "application/x-www-form-urlencoded"),
    ]
)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            "status",
            "duration",
            "check_in_id",
            "monitor_config",
            "sentry_data",
            "sentry_release",
            "UserID",
            "environment",
        ]
    ),
    TEXTS | st.sampled_from(["ok", "1", "nan", "1e999", "{}", '{"a":NaN}', "9ec79c33ec9942ab8353589fcb2e04dc"]),
    max_size=4,
)
EVENTS = TEXTS | st.just("9ec79c33ec9942ab8353589fcb2e04dc")


@pytest.mark.parametrize("to_envelope", ENDPOINTS, ids=lambda function: function.__module__.rpartition(".")[2])
@given(body=BYTES, content_type=TYPES, query=QUERIES, event=EVENTS)
@example(body=b'{"status":"ok","n":%s}' % (b"9" * 400), content_type="application/json", query={}, event="")
@example(body=b"[" * 2000, content_type="application/json", query={}, event="")
@example(body=b'{"status":"ok","a":%s%s}' % (b"[" * 900, b"]" * 900), content_type="x/json", query={}, event="")
def test_any_request_is_an_envelope_or_refused_by_name(
    to_envelope: Callable[[Posted], Envelope], body: bytes, content_type: str, query: dict[str, str], event: str
) -> None:
    path = {**find("/api/1/cron/%ff/").parameters, "event": event}
    posted = Posted(body=body, content_type=content_type, query=query, path=path, fresh_id="f" * 32, max_bytes=100_000)
    with suppress(Malformed, PayloadTooLarge, UnsupportedMedia):
        envelope = to_envelope(posted)
        assert envelope.items
        again = parse(render(envelope.headers, envelope.items))
        assert [(item.type, item.payload) for item in again.items] == [
            (item.type, item.payload) for item in envelope.items
        ]
        assert event_id_of(again) == event_id_of(envelope)


NAMES = st.text(st.characters(exclude_characters='"\\%\r\n', exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


@given(parts=st.lists(st.tuples(NAMES, NAMES, st.binary(max_size=80) | BYTES), max_size=6))
def test_parts_of_a_form_are_read_byte_for_byte(parts: list[tuple[str, str, bytes]]) -> None:
    boundary = "b" * 40
    body = b"".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, filename, data in parts
    )
    posted = Posted(
        body=body + f"--{boundary}--".encode(),
        content_type=f"multipart/form-data; boundary={boundary}",
        fresh_id="f" * 32,
        max_bytes=1,
    )
    assert [(part.name, part.filename, part.data) for part in parts_of(posted)] == parts


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(["item_count", "content_type", "platform", "sent_at", "trace", "length"])


@given(
    headers=st.dictionaries(KEYS, JSONS, max_size=3),
    kind=st.sampled_from(["event", "log", "span", "trace_metric", "attachment", "session", "x"]),
    payload=BYTES | st.sampled_from([b'{"items":[]}', b'{"items":[{}]}', b'{"items":NaN}', b'{"items":[NaN]}']),
)
def test_limits_are_checked_whatever_the_headers_say(headers: dict[str, object], kind: str, payload: bytes) -> None:
    envelope = Envelope(headers, [Item(kind, headers, payload)])
    assert set(ignored_headers(envelope)) <= {"sent_at", "trace"}
    with suppress(Malformed, PayloadTooLarge):
        ItemLimits(Limits()).check(envelope)


@given(path=st.lists(st.sampled_from(["/", "api", "1", "cron", "envelope", "%ff", "%2F", "\udcff", "store", "é"])))
def test_every_path_has_a_route_whose_parameters_are_texts(path: list[str]) -> None:
    for value in find("/" + "".join(path)).parameters.values():
        value.encode()
