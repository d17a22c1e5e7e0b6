"""The bodies of Sentry's old store endpoint: an event in one of four wrappings becomes an envelope with one item."""

import binascii
from typing import Any, cast
from urllib.parse import parse_qs

from gateway.protocols.body import Codec, inflate
from gateway.protocols.sentry.envelope import Envelope, Item
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.text import BOM, plain, read_json
from schemas.errors import Malformed

_FORM = "application/x-www-form-urlencoded"
_FORM_FIELD = "sentry_data"
_BLANKS = b" \t\r\n"
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of a store request; the event keeps its bytes.

    The body is JSON, base64 of JSON, base64 of zlib of JSON, or one of these in the form field `sentry_data`, which
    stands in the query where there is no body.

    Raises:
        Malformed: it is none of these.
        PayloadTooLarge: it inflates to more than `posted.max_bytes`.
    """
    body = posted.body or _of_form(plain(posted.query.get(_FORM_FIELD, "")))
    body = body.removeprefix(BOM).strip(_BLANKS)
    # curl calls whatever it is given a form.
    is_form = posted.media_type == _FORM and not body.startswith(b"{")
    if is_form or body.startswith(f"{_FORM_FIELD}=".encode()):
        body = _form_field(body).strip(_BLANKS)
    payload = _unwrapped(body, posted.max_bytes)
    event = read_json(payload)
    if not isinstance(event, dict):
        raise Malformed("The event is no JSON object.")
    fields = cast("dict[str, Any]", event)
    item_type = "transaction" if fields.get("type") == "transaction" else "event"
    headers = {"event_id": fields["event_id"]} if isinstance(fields.get("event_id"), str) else {}
    return Envelope(headers, [Item(item_type, {"type": item_type}, payload)])


def _form_field(body: bytes) -> bytes:
    try:
        found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=100).get(_FORM_FIELD)
    except ValueError as error:
        raise Malformed("The form has more than 100 fields.") from error
    if not found:
        raise Malformed("The form has no field sentry_data.")
    return _of_form(found[0])


def _of_form(field: str) -> bytes:
    value = field.encode()
    if value.startswith(b"{"):
        return value
    return value.replace(b" ", b"+")  # a plus sign of base64 that the client did not encode


def _unwrapped(body: bytes, max_bytes: int) -> bytes:
    if not body:
        raise Malformed("The body is empty; an event is a JSON object.")
    if body.startswith(b"{"):
        return body
    try:
        decoded = binascii.a2b_base64(body.translate(_URL_SAFE))
    except binascii.Error as error:
        raise Malformed(f"The body is neither JSON nor base64: {error}.") from error
    if not decoded:  # characters that are none of base64's are passed over
        raise Malformed("The body is neither JSON nor base64.")
    if decoded.lstrip(_BLANKS).startswith(b"{"):
        return decoded
    return inflate(decoded, Codec.DEFLATE, max_bytes)
