"""Answers of Sentry's endpoints that are none of JSON: clients are made for what each of them says."""

import binascii

from gateway.protocols.replies import Reply

_TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
_PIXEL = binascii.a2b_base64(b"R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")

EMPTY = Reply(status=200, headers=(), body=b"")
CREATED = Reply(status=201, headers=(), body=b"")
ACCEPTED = Reply(status=202, headers=(), body=b"")
# From a cache the next event would not arrive.
PIXEL = Reply(status=200, headers=(("Content-Type", "image/gif"), ("Cache-Control", "no-store")), body=_PIXEL)


def text_id(event_id: str | None) -> Reply:
    """Answer an event's id (32 hex digits) as crash reporters read it: dashed, as text; without one nothing."""
    if event_id is None:
        return Reply(status=200, headers=_TEXT, body=b"")
    groups = (event_id[:8], event_id[8:12], event_id[12:16], event_id[16:20], event_id[20:])
    return Reply(status=200, headers=_TEXT, body="-".join(groups).encode())
