"""The decompressors of each content encoding, whatever library they come from: each inflates as much as it is told."""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol, cast

import brotli
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_ZSTD_WINDOW_LOG_MAX = 25  # 32 MiB, what Go's encoder uses at its best; a frame may ask for 2 GiB
_ZSTD_OPTIONS = {int(zstd.DecompressionParameter.window_log_max): _ZSTD_WINDOW_LOG_MAX}
_GZIP_WBITS, _ZLIB_WBITS, _RAW_WBITS = 31, 15, -15
DEFLATE_HEADER_BYTES = 2


class Decompressor(Protocol):
    """What the decompressors for gzip, deflate and zstd have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end marker was reached."""
        ...

    @property
    def unused_data(self) -> bytes:
        """What was given and follows the end marker."""
        ...

    def decompress(self, data: bytes, /, max_length: int) -> bytes:
        """Inflate some more."""
        ...


class BrotliDecompressor(Protocol):
    """The decompressor of the brotli package, which carries no types."""

    def is_finished(self) -> bool:
        """Tell whether the end was reached."""
        ...

    def can_accept_more_data(self) -> bool:
        """Tell whether all that was given has been inflated."""
        ...

    def process(self, data: bytes, *, output_buffer_limit: int) -> bytes:
        """Inflate some more."""
        ...


# isal and brotli carry no types, or wrong ones.
_isal = cast("Callable[[int], Decompressor]", isal_zlib.decompressobj)  # pyright: ignore[reportUnknownMemberType]
br = cast("Callable[[], BrotliDecompressor]", brotli.Decompressor)  # pyright: ignore[reportUnknownMemberType]
_isal_error = cast("type[Exception]", isal_zlib.error)
_brotli_error = cast("type[Exception]", brotli.error)  # pyright: ignore[reportUnknownMemberType]
ERRORS = (_isal_error, _brotli_error, zstd.ZstdError)
"""What they raise for bytes that are corrupt."""


def gzip(_head: bytes) -> Decompressor:
    """Make one for a member of gzip (RFC 1952 2.2)."""
    return _isal(_GZIP_WBITS)


def deflate(head: bytes) -> Decompressor:
    """Make one for zlib's format, as RFC 9110 says, or raw deflate, as some clients send; by its first two bytes."""
    has_zlib_header = head[0] & 0x0F == zlib.DEFLATED and int.from_bytes(head[:DEFLATE_HEADER_BYTES]) % 31 == 0
    return _isal(_ZLIB_WBITS if has_zlib_header else _RAW_WBITS)


def zstandard(_head: bytes) -> Decompressor:
    """Make one for a frame of zstd (RFC 8878 3)."""
    return zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
