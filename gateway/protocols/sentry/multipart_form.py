"""Bodies of multipart/form-data (RFC 7578): their parts, byte for byte, each within bounds."""

import re

from msgspec import Struct
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from gateway.protocols.sentry.posted import Posted
from gateway.protocols.text import plain
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

_TYPE = "multipart/form-data"
_PARTS_MAX_COUNT = 1000
_BOUNDARY_MAX_LENGTH = 256  # RFC 2046 5.1.1 says 70
_BOUNDARY = re.compile(r";\s*boundary=(?:\"([^\"]*)\"|([^;\s\"]+))", re.IGNORECASE)


class Part(Struct, frozen=True):
    """One part: the name of its field, its content, and of a file what the client calls it."""

    name: str
    data: bytes
    filename: str | None = None
    content_type: str | None = None


def is_multipart(posted: Posted) -> bool:
    """Tell whether a request says that its body is a form with files."""
    return posted.media_type == _TYPE


def parts_of(posted: Posted) -> list[Part]:
    """Answer the parts of a body.

    Raises:
        UnsupportedMedia: it is of another type.
        Malformed: it is no such body, or incomplete.
        PayloadTooLarge: it has more parts, or longer headers of a part, than are taken.
    """
    if not is_multipart(posted):
        raise UnsupportedMedia(f"Content-Type must be {_TYPE}.")
    found = _BOUNDARY.search(plain(posted.content_type))
    boundary = (found[1] or found[2] or "") if found else ""
    if not 0 < len(boundary) <= _BOUNDARY_MAX_LENGTH:
        raise Malformed(f"The Content-Type {_TYPE} needs a boundary of 1 to {_BOUNDARY_MAX_LENGTH} characters.")
    try:
        return _parts(posted.body, boundary)
    except ParserLimitReached as error:
        raise PayloadTooLarge(
            f"The form is larger than is taken: {error}. It may have {_PARTS_MAX_COUNT} parts."
        ) from error
    except MultipartError as error:
        raise Malformed(f"The body is no {_TYPE}: {error}.") from error


def _parts(body: bytes, boundary: str) -> list[Part]:
    parts: list[Part] = []
    segment: MultipartSegment | None = None
    pieces: list[bytes] = []
    with PushMultipartParser(boundary, max_segment_count=_PARTS_MAX_COUNT) as parser:
        for event in parser.parse(body) if body else ():
            if isinstance(event, MultipartSegment):
                segment, pieces = event, []
            elif event is not None:
                pieces.append(bytes(event))
            elif segment is not None:
                name, filename = plain(segment.name or ""), segment.filename
                parts.append(
                    Part(name, b"".join(pieces), None if filename is None else plain(filename), segment.content_type)
                )
    return parts
