"""The store endpoint's wrappings of an event, and JSON that is not quite JSON."""

import base64
import math
import zlib
from urllib.parse import quote_plus

import pytest

from gateway.protocols.sentry.envelope import Envelope, event_id_of
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.sentry.store import to_envelope
from gateway.protocols.text import read_json
from schemas.errors import Malformed, PayloadTooLarge

ID = "9ec79c33ec9942ab8353589fcb2e04dc"
EVENT = b'{"event_id":"%s","message":"caf\xc3\xa9 ~~~???","x":NaN}' % ID.encode()
FORM = "application/x-www-form-urlencoded"


def stored(body: bytes, content_type: str) -> Envelope:
    return to_envelope(Posted(body=body, content_type=content_type, fresh_id="f" * 32, max_bytes=1000))


@pytest.mark.clause("Sentry 10a")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (EVENT, "application/json"),
        (EVENT, ""),
        (EVENT, FORM),
        (b"\xef\xbb\xbf" + EVENT, "application/json; charset=utf-8"),
        (b" \n" + EVENT + b"\n", "text/plain"),
        (base64.b64encode(EVENT), "application/octet-stream"),
        (base64.encodebytes(EVENT), "application/octet-stream"),
        (base64.urlsafe_b64encode(EVENT), "text/plain"),
        (base64.b64encode(zlib.compress(EVENT)), "application/octet-stream"),
        (b"sentry_version=7&sentry_data=" + quote_plus(base64.b64encode(zlib.compress(EVENT))).encode(), FORM),
        (b"sentry_data=" + base64.b64encode(EVENT), "text/plain"),
        (b"sentry_data=" + quote_plus(EVENT).encode(), FORM + "; charset=utf-8"),
    ],
)
def test_an_event_in_any_wrapping_becomes_an_envelope(body: bytes, content_type: str) -> None:
    envelope = stored(body, content_type)
    assert event_id_of(envelope) == ID
    assert [(item.type, item.payload) for item in envelope.items] == [("event", EVENT)]


def test_a_transaction_stays_one_and_an_id_may_be_absent() -> None:
    envelope = stored(b'{"type":"transaction"}', "application/json")
    assert [item.type for item in envelope.items] == ["transaction"]
    assert event_id_of(envelope) is None


@pytest.mark.parametrize(
    "value",
    [EVENT.decode("utf-8"), base64.b64encode(EVENT).decode(), base64.b64encode(EVENT).decode().replace("+", " ")],
)
def test_an_event_may_stand_in_the_query(value: str) -> None:
    envelope = to_envelope(Posted(body=b"", query={"sentry_data": value}, fresh_id="f" * 32, max_bytes=1000))
    assert [(item.type, item.payload) for item in envelope.items] == [("event", EVENT)]


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (b"", "application/json", "The body is empty"),
        (b"{", "application/json", "at character 1"),
        (b"[]", "application/json", "neither JSON nor base64"),
        (base64.b64encode(zlib.compress(b"[1]")), "", "no JSON object"),
        (base64.b64encode(zlib.compress(EVENT)[:-9]), "", "incomplete"),
        (b"hello", "", "neither JSON nor base64"),
        (b"!!", "", "neither JSON nor base64"),
        (b"a=b", FORM, "no field sentry_data"),
        (b"&".join(b"a%d=b" % number for number in range(200)), FORM, "more than 100 fields"),
    ],
)
def test_what_is_no_event_is_refused(body: bytes, content_type: str, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        stored(body, content_type)


def test_a_bomb_in_an_event_is_too_large() -> None:
    body = base64.b64encode(zlib.compress(b'{"a":"' + b"x" * 100_000 + b'"}'))
    with pytest.raises(PayloadTooLarge, match="1000 bytes"):
        stored(body, "")


@pytest.mark.clause("Sentry 8b")
def test_json_of_old_sdks_is_read() -> None:
    found = read_json(
        b'\xef\xbb\xbf{"a":NaN,"b":-Infinity,"c":"\\ud83d!","d":"\xff","e":"\\\\ud83d","f":"\\ud83d\\ude00"}'
    )
    assert math.isnan(found.pop("a"))
    replacement = "\N{REPLACEMENT CHARACTER}"
    assert found == {
        "b": -math.inf,
        "c": f"{replacement}!",
        "d": replacement,
        "e": "\\ud83d",
        "f": "\N{GRINNING FACE}",
    }


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "character 0"),
        (b'{"a" 1}', "character 5"),
        (b"[" * 100_000, "deep"),
        (b"[NaN," + b"9" * 5000 + b"]", "digit"),
    ],
)
def test_what_is_no_json_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(Malformed, match=told):
        read_json(data)
