"""Files that are sent after an event, and the report of an Unreal crash: bodies that become items as they are."""

from typing import Any

from gateway.protocols.sentry.envelope import Envelope, Item, event_id
from gateway.protocols.sentry.multipart_form import Part, parts_of
from gateway.protocols.sentry.posted import TEXT_MAX_CHARACTERS, Posted
from schemas.errors import Malformed


def to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of a form's parts: each is an attachment of the event that the path names.

    Raises:
        UnsupportedMedia, PayloadTooLarge: see `parts_of`.
        Malformed: the path names no event, the body is no form, or an empty one.
    """
    found = event_id(posted.path["event"])
    if found is None:
        raise Malformed("The path names no event: an event id is 32 hexadecimal digits.")
    parts = parts_of(posted)
    if not parts:
        raise Malformed("The form has no part; each part is an attachment.")
    return Envelope({"event_id": found}, [attachment(part) for part in parts])


def attachment(part: Part, attachment_type: str | None = None) -> Item:
    """Make an attachment of a part; the name of the field stands in for that of the file."""
    headers: dict[str, Any] = {"type": "attachment", "filename": (part.filename or part.name)[:TEXT_MAX_CHARACTERS]}
    if part.content_type:
        headers["content_type"] = part.content_type[:TEXT_MAX_CHARACTERS]
    if attachment_type:
        headers["attachment_type"] = attachment_type
    return Item("attachment", headers, part.data)


def unreal_to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of the report that Unreal Engine's crash reporter sends; it is kept as it came.

    Raises:
        Malformed: the body is empty.
    """
    if not posted.body:
        raise Malformed("The body is empty; it should be the report of a crash.")
    headers: dict[str, Any] = {"type": "unreal_report", "content_type": "application/octet-stream"}
    if user := posted.said("UserID"):
        headers["unreal_user_id"] = user
    return Envelope({"event_id": posted.fresh_id}, [Item("unreal_report", headers, posted.body)])
