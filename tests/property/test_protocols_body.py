"""Inflating: the way back from every codec, within the limit, and total for any bytes."""

import gzip
import operator
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocols.beginning import Beginning
from gateway.protocols.body import Codec, inflate
from schemas.errors import Malformed, PayloadTooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def brotli_compress(data: bytes) -> bytes:
    return brotli.compress(data, quality=4)


COMPRESSORS: dict[str, tuple[Codec, Callable[[bytes], bytes]]] = {
    "gzip": (Codec.GZIP, gzip.compress),
    "zlib": (Codec.DEFLATE, zlib.compress),
    "raw deflate": (Codec.DEFLATE, raw_deflate),
    "br": (Codec.BR, brotli_compress),
    "zstd": (Codec.ZSTD, zstd.compress),
}
BODIES = st.builds(operator.mul, st.binary(max_size=300), st.integers(0, 2000))


@pytest.mark.parametrize("name", COMPRESSORS)
@given(body=BODIES, limit_bytes=st.integers(0, 400_000))
def test_inflating_gives_back_the_body_or_says_that_it_is_too_large(name: str, body: bytes, limit_bytes: int) -> None:
    codec, compress = COMPRESSORS[name]
    try:
        inflated = inflate(compress(body), codec, limit_bytes)
    except PayloadTooLarge:
        assert len(body) > limit_bytes
    else:
        assert inflated == body
        assert len(body) <= limit_bytes


@pytest.mark.parametrize("codec", list(Codec))
@given(data=st.binary(max_size=400))
def test_any_bytes_inflate_or_are_refused(codec: Codec, data: bytes) -> None:
    with suppress(Malformed, PayloadTooLarge):
        assert len(inflate(data, codec, 100)) <= 100


@pytest.mark.parametrize("name", COMPRESSORS)
@given(body=st.binary(min_size=1, max_size=2000), position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_damaged_body_raises_nothing_else(name: str, body: bytes, position: int, flip: int) -> None:
    codec, compress = COMPRESSORS[name]
    data = bytearray(compress(body))
    data[position % len(data)] ^= flip
    with suppress(Malformed, PayloadTooLarge):
        assert len(inflate(bytes(data), codec, 100_000)) <= 100_000


def fed(beginning: Beginning, data: bytes, step_bytes: int) -> bool:
    pieces = (data[at : at + step_bytes] for at in range(0, len(data), step_bytes))
    return any(beginning.is_enough(piece) for piece in pieces)


@pytest.mark.parametrize("name", COMPRESSORS)
@given(line=st.binary(max_size=300).map(lambda line: line.replace(b"\n", b"")), rest=BODIES, step=st.integers(1, 5000))
def test_the_beginning_is_what_inflating_gives_first(name: str, line: bytes, rest: bytes, step: int) -> None:
    codec, compress = COMPRESSORS[name]
    beginning = Beginning(codec, 200)
    assert fed(beginning, compress(line + b"\n" + rest), step)
    assert (line + b"\n" + rest).startswith(beginning.data)
    assert len(beginning.data) <= 201
    assert b"\n" in beginning.data or len(beginning.data) == 201


@pytest.mark.parametrize("codec", list(Codec))
@given(data=st.binary(max_size=400), step=st.integers(1, 400))
def test_any_bytes_begin_somehow_or_are_refused(codec: Codec, data: bytes, step: int) -> None:
    beginning = Beginning(codec, 50)
    with suppress(Malformed):
        fed(beginning, data, step)
    assert len(beginning.data) <= 51
