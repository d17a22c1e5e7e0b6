"""Request bodies: which content encoding, and inflating it without ever holding much more than the limit."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from io import BytesIO

from gateway.protocols import decompressors
from gateway.protocols.decompressors import DEFLATE_HEADER_BYTES, Decompressor
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

ACCEPT_ENCODING = "gzip, deflate, br, zstd"
UNSUPPORTED_ENCODING = "unsupported_encoding"
"""The reason of the UnsupportedMedia whose answer carries Accept-Encoding."""

_WINDOW_BYTES = 64 * 1024  # compressed bytes in one step: bodies of 512 spans fit, and an error names where it is
_STEP_BYTES = 1024 * 1024  # inflated bytes in one step: the libraries' own buffers may take twice as much
_MEMBERS_MAX_COUNT = 4096  # members of a gzip body; each may be empty, and each costs a new decompressor


class Codec(StrEnum):
    """A content encoding that is spoken here."""

    IDENTITY = "identity"
    GZIP = "gzip"
    DEFLATE = "deflate"
    BR = "br"
    ZSTD = "zstd"


MAKERS: dict[Codec, Callable[[bytes], Decompressor]] = {
    Codec.GZIP: decompressors.gzip,
    Codec.DEFLATE: decompressors.deflate,
    Codec.ZSTD: decompressors.zstandard,
}
"""What makes a decompressor for a member of a body, by its first bytes; a brotli body has no members."""
# OTLP's settings, and some clients after them, call it `none` where nothing is compressed.
_CODECS = {codec.value: codec for codec in Codec} | {"": Codec.IDENTITY, "none": Codec.IDENTITY, "x-gzip": Codec.GZIP}
_LENIENT_CODECS = _CODECS | {"utf-8": Codec.IDENTITY}  # what old Sentry SDKs for Ruby and Java send


def codec_of(header: str | None, *, lenient: bool) -> Codec:
    """Read a Content-Encoding header; `lenient` forgives what old Sentry SDKs write there.

    Raises:
        UnsupportedMedia: the encoding, or a combination of several, is not spoken here.
    """
    name = (header or "").strip().lower()
    known = _LENIENT_CODECS if lenient else _CODECS
    codec = known.get(name)
    if codec is None:  # perhaps a list (RFC 9110 8.4), in which identity says nothing
        parts = [part.strip() for part in name.split(",")]
        codec = known.get(",".join(part for part in parts if known.get(part) is not Codec.IDENTITY))
    if codec is None:
        msg = f"The content encoding {name[:80]!r} is not supported. Send one of {ACCEPT_ENCODING}, or none."
        raise UnsupportedMedia(msg, reason=UNSUPPORTED_ENCODING)
    return codec


def inflate(data: bytes, codec: Codec, max_bytes: int) -> bytes:
    """Inflate a body that may have at most `max_bytes` (>= 0) once inflated.

    The running size is checked with every step, so that a bomb costs about the limit and not what it claims.

    Raises:
        Malformed: the body is corrupt or incomplete, or something follows its end.
        PayloadTooLarge: it inflates to more than `max_bytes`.
    """
    if codec is Codec.IDENTITY:
        if len(data) > max_bytes:
            raise _too_large(max_bytes)
        return data
    if not data:
        msg = f"The body is empty, but Content-Encoding says {codec}."
        raise Malformed(msg)
    pieces = _brotli(data, max_bytes) if codec is Codec.BR else _members(codec, data, max_bytes)
    first = next(pieces, b"")
    second = next(pieces, None)
    if second is None:
        return first
    buffer = BytesIO()  # hands out its buffer without a copy, which join() would make
    size_bytes = buffer.write(first) + buffer.write(second)
    for piece in pieces:
        size_bytes += buffer.write(piece)
    return buffer.getvalue()


def _members(codec: Codec, data: bytes, max_bytes: int) -> Iterator[bytes]:
    """Inflate one member after the other (gzip: RFC 1952 2.2; zstd: frames, RFC 8878 3)."""
    position = 0
    budget = max_bytes
    for _ in range(_MEMBERS_MAX_COUNT):
        begin = position
        member = MAKERS[codec](data[begin : begin + DEFLATE_HEADER_BYTES])
        is_full = False
        while not member.eof:
            if is_full:  # isal hands back what it has not read yet, zstd keeps it
                window = getattr(member, "unconsumed_tail", b"")
            else:
                window = data[position : position + _WINDOW_BYTES]
                position += len(window)
                if not window:
                    raise _unfinished(codec, data, begin)
            step_bytes = min(budget + 1, _STEP_BYTES)
            try:
                piece = member.decompress(window, step_bytes)
            except decompressors.ERRORS as error:
                raise _corrupt(codec, data, begin, position, error) from error
            budget -= len(piece)
            if budget < 0:
                raise _too_large(max_bytes)
            is_full = len(piece) == step_bytes
            if piece:
                yield piece
        position -= len(member.unused_data)
        if position == len(data):
            return
        if data[position] == 0 and not data[position:].strip(b"\0"):  # some writers pad with zeros
            return
    msg = f"The {codec} body has more than {_MEMBERS_MAX_COUNT} members; compress it as one."
    raise Malformed(msg)


def _brotli(data: bytes, max_bytes: int) -> Iterator[bytes]:
    stream = decompressors.br()
    position = 0
    size_bytes = 0
    while not stream.is_finished():
        window = data[position : position + _WINDOW_BYTES] if stream.can_accept_more_data() else b""
        try:
            piece = stream.process(window, output_buffer_limit=min(max_bytes - size_bytes + 1, _STEP_BYTES))
        except decompressors.ERRORS as error:
            raise _corrupt(Codec.BR, data, 0, position + len(window), error) from error
        size_bytes += len(piece)
        if size_bytes > max_bytes:
            raise _too_large(max_bytes)
        position += len(window)
        if piece:
            yield piece
        elif not window and not stream.is_finished():
            raise _truncated(Codec.BR, len(data))
    if position < len(data):
        raise _following(Codec.BR, data, position)


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body has more than {max_bytes} bytes once decompressed, which is the limit. Send it in parts."
    )


def _truncated(codec: Codec, size_bytes: int) -> Malformed:
    return Malformed(f"The {codec} body is incomplete: it ends after {size_bytes} bytes, before its end marker.")


def _unfinished(codec: Codec, data: bytes, begin: int) -> Malformed:
    """Say of a member without an end that it was cut off, unless it does not even begin as the first one does."""
    head = data[begin : begin + DEFLATE_HEADER_BYTES]
    return _truncated(codec, len(data)) if data.startswith(head) else _following(codec, data, begin)


def _following(codec: Codec, data: bytes, end: int) -> Malformed:
    return Malformed(f"{len(data) - end} bytes follow the end of the {codec} body at byte {end}, and are no {codec}.")


def _corrupt(codec: Codec, data: bytes, begin: int, end: int, cause: Exception) -> Malformed:
    """Say what is wrong with a member that begins at a byte, and was read up to another."""
    if begin:
        return _following(codec, data, begin)
    if codec is Codec.GZIP and not data.startswith(b"\x1f\x8b"):
        msg = f"Content-Encoding says gzip, but the body is none: it starts with {data[:4].hex(' ')}, not 1f 8b."
    else:
        start = max(0, end - _WINDOW_BYTES)
        msg = f"The {codec} body is corrupt between byte {start} and {end} of {len(data)}: {cause}."
    return Malformed(msg)
