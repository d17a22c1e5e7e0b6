"""Content encodings: what is spoken, how a bad body is told, and that a bomb costs no more than the limit."""

import gzip
import sys
import tracemalloc
import zlib

import brotli
import pytest

from gateway.protocols.body import UNSUPPORTED_ENCODING, Codec, codec_of, inflate
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 1024 * 1024
TEXT = b"".join(b"span %d took %d ns\n" % (number, number * 7919) for number in range(20_000))


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


COMPRESSED = {
    "gzip": (Codec.GZIP, gzip.compress(TEXT, mtime=0)),
    "gzip of three members": (Codec.GZIP, gzip.compress(TEXT[:99]) + gzip.compress(b"") + gzip.compress(TEXT[99:])),
    "gzip with zero padding": (Codec.GZIP, gzip.compress(TEXT, mtime=0) + bytes(512)),
    "deflate in zlib's format": (Codec.DEFLATE, zlib.compress(TEXT)),
    "raw deflate": (Codec.DEFLATE, raw_deflate(TEXT)),
    "br": (Codec.BR, brotli.compress(TEXT, quality=5)),
    "zstd": (Codec.ZSTD, zstd.compress(TEXT)),
    "zstd of two frames": (Codec.ZSTD, zstd.compress(TEXT[:99]) + zstd.compress(TEXT[99:])),
    "identity": (Codec.IDENTITY, TEXT),
}


@pytest.mark.parametrize(
    ("header", "lenient", "codec"),
    [
        (None, False, Codec.IDENTITY),
        ("", False, Codec.IDENTITY),
        ("identity", False, Codec.IDENTITY),
        ("none", False, Codec.IDENTITY),
        ("None, gzip", True, Codec.GZIP),
        ("gzip", False, Codec.GZIP),
        (" GZIP ", False, Codec.GZIP),
        ("x-gzip", False, Codec.GZIP),
        ("deflate", False, Codec.DEFLATE),
        ("br", False, Codec.BR),
        ("zstd", False, Codec.ZSTD),
        ("identity, gzip", False, Codec.GZIP),
        ("br,Identity", False, Codec.BR),
        ("identity, , identity", False, Codec.IDENTITY),
        ("UTF-8, gzip", True, Codec.GZIP),
        ("UTF-8", True, Codec.IDENTITY),
        ("", True, Codec.IDENTITY),
        ("br", True, Codec.BR),
    ],
)
def test_known_content_encodings(header: str | None, lenient: bool, codec: Codec) -> None:
    assert codec_of(header, lenient=lenient) is codec


@pytest.mark.parametrize(
    ("header", "lenient"), [("compress", False), ("gzip, gzip", False), ("UTF-8", False), ("lz4", True)]
)
def test_unknown_content_encodings_are_named(header: str, lenient: bool) -> None:
    with pytest.raises(UnsupportedMedia, match=f"{header.lower()!r}.*gzip, deflate, br, zstd") as caught:
        codec_of(header, lenient=lenient)
    assert caught.value.reason == UNSUPPORTED_ENCODING


@pytest.mark.parametrize("name", COMPRESSED)
def test_inflates_what_was_compressed(name: str) -> None:
    codec, data = COMPRESSED[name]
    assert inflate(data, codec, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (Codec.GZIP, gzip.compress(bytes(5 * MIB) + TEXT, mtime=0)),
        (Codec.BR, brotli.compress(bytes(5 * MIB) + TEXT, quality=5)),
        (Codec.ZSTD, zstd.compress(bytes(5 * MIB) + TEXT)),
    ],
)
def test_inflates_in_several_steps(codec: Codec, data: bytes) -> None:
    assert inflate(data, codec, 8 * MIB) == bytes(5 * MIB) + TEXT


@pytest.mark.parametrize("name", COMPRESSED)
def test_one_byte_over_the_limit_is_too_large_and_names_it(name: str) -> None:
    codec, data = COMPRESSED[name]
    with pytest.raises(PayloadTooLarge, match=str(len(TEXT) - 1)):
        inflate(data, codec, len(TEXT) - 1)


@pytest.mark.parametrize("name", [name for name in COMPRESSED if name not in {"identity", "gzip with zero padding"}])
def test_a_body_cut_short_is_incomplete(name: str) -> None:
    codec, data = COMPRESSED[name]
    with pytest.raises(Malformed, match=f"incomplete: it ends after {len(data) - 5} bytes"):
        inflate(data[:-5], codec, len(TEXT))


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec is not Codec.IDENTITY])
def test_an_empty_body_is_not_compressed(codec: Codec) -> None:
    with pytest.raises(Malformed, match=f"empty, but Content-Encoding says {codec}"):
        inflate(b"", codec, 100)


@pytest.mark.clause("OTLP 7c")
def test_plain_bytes_called_gzip_are_told_by_their_first_bytes() -> None:
    with pytest.raises(Malformed, match="starts with 7b 22 72 65, not 1f 8b"):
        inflate(b'{"resourceSpans":[]}', Codec.GZIP, 100)


def test_a_corrupt_body_is_told_where() -> None:
    data = bytearray(gzip.compress(bytes(range(256)) * 4096, compresslevel=0))
    data[900_000] ^= 0xFF
    with pytest.raises(Malformed, match=r"gzip body is corrupt between byte \d+ and \d+ of \d+: .*checksum"):
        inflate(bytes(data), Codec.GZIP, 2 * MIB)


@pytest.mark.parametrize(
    ("codec", "data"),
    [
        (Codec.GZIP, gzip.compress(TEXT, mtime=0) + b"tail"),
        (Codec.DEFLATE, zlib.compress(TEXT) + b"\xff\xfftail"),
        (Codec.ZSTD, zstd.compress(TEXT) + b"tail"),
    ],
)
def test_bytes_after_the_end_are_refused(codec: Codec, data: bytes) -> None:
    with pytest.raises(Malformed, match=rf"\d bytes follow the end of the {codec} body at byte \d+"):
        inflate(data, codec, len(TEXT))


def test_bytes_after_the_end_of_brotli_are_refused() -> None:
    """Its decoder does not tell them from a corrupt end."""
    with pytest.raises(Malformed, match="br body"):
        inflate(brotli.compress(TEXT) + b"tail", Codec.BR, len(TEXT))


def test_thousands_of_empty_members_are_refused() -> None:
    with pytest.raises(Malformed, match="4096 members"):
        inflate(gzip.compress(b"") * 5000, Codec.GZIP, 100)


def test_a_zstd_frame_that_asks_for_a_huge_window_is_refused() -> None:
    options = {int(zstd.CompressionParameter.window_log): 27}
    compressor = zstd.ZstdCompressor(options=options)
    data = compressor.compress(b"x" * 1000) + compressor.flush()
    with pytest.raises(Malformed, match="zstd body is corrupt"):
        inflate(data, Codec.ZSTD, 2000)


@pytest.mark.parametrize(
    ("codec", "bomb"),
    [
        (Codec.GZIP, gzip.compress(bytes(64 * MIB), mtime=0)),
        (Codec.DEFLATE, raw_deflate(bytes(64 * MIB))),
        (Codec.BR, brotli.compress(bytes(64 * MIB), quality=5)),
        (Codec.ZSTD, zstd.compress(bytes(64 * MIB))),
    ],
)
def test_a_bomb_costs_no_more_than_about_the_limit(codec: Codec, bomb: bytes) -> None:
    limit_bytes = 16 * MIB
    tracemalloc.start()
    try:
        with pytest.raises(PayloadTooLarge):
            inflate(bomb, codec, limit_bytes)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1.5 * limit_bytes
