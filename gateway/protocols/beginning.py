"""The first line of a body that is still arriving, inflated no further than it takes."""

from gateway.protocols import decompressors
from gateway.protocols.body import MAKERS, Codec
from gateway.protocols.decompressors import DEFLATE_HEADER_BYTES, BrotliDecompressor, Decompressor
from schemas.errors import Malformed

# A block of zstd has up to 128 KiB, and gives nothing before it is complete.
_SENT_MAX_BYTES = 256 * 1024


class Beginning:
    """Takes a body piece by piece until `data` holds its first line, or more than `max_bytes` without one."""

    def __init__(self, codec: Codec, max_bytes: int) -> None:
        self.data = b""
        self._codec = codec
        self._max_bytes = max_bytes
        self._sent_bytes = 0
        self._head = b""
        self._member: Decompressor | None = None
        self._brotli: BrotliDecompressor | None = decompressors.br() if codec is Codec.BR else None

    def is_enough(self, piece: bytes) -> bool:
        """Take a piece, and tell whether nothing more is needed: of a body without lines not much is looked at.

        Raises:
            Malformed: it is corrupt.
        """
        self._sent_bytes += len(piece)
        try:
            # brotli's library takes its limit not to the byte.
            self.data += self._inflated(piece)[: self._room_bytes()]
        except decompressors.ERRORS as error:
            raise Malformed(f"The {self._codec} body is corrupt at its beginning: {error}.") from error
        return b"\n" in self.data or self._room_bytes() <= 0 or self._sent_bytes > _SENT_MAX_BYTES

    def _room_bytes(self) -> int:
        return self._max_bytes + 1 - len(self.data)

    def _inflated(self, piece: bytes) -> bytes:
        room_bytes = self._room_bytes()
        if self._codec is Codec.IDENTITY:
            return piece
        if self._brotli is not None:
            return self._brotli.process(piece, output_buffer_limit=room_bytes)
        found = b""
        piece = self._head + piece
        self._head = b""
        while piece and len(found) < room_bytes:
            if self._member is None:
                if len(piece) < DEFLATE_HEADER_BYTES:
                    self._head = piece
                    break
                self._member = MAKERS[self._codec](piece)
            found += self._member.decompress(piece, room_bytes - len(found))
            if not self._member.eof:
                break
            piece = self._member.unused_data
            self._member = None
        return found
