"""What a client of OTLP over gRPC is told: in its own form, however its bytes arrive."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.http2 import PREFACE, Refusal

SETTINGS = bytes([0, 0, 0, 4, 0]) + bytes(4)
STREAM = bytes([0, 0, 0, 3])
CALL = bytes([0, 0, 2, 1, 4]) + STREAM + b"\x88\x88"
HELLO = PREFACE + SETTINGS + CALL


def frames(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Read frames: kind, flags, stream, payload."""
    while data:
        size_bytes = int.from_bytes(data[:3], "big")
        yield data[3], data[4], data[5:9], data[9 : 9 + size_bytes]
        data = data[9 + size_bytes :]


def literals(block: bytes) -> dict[str, str]:
    """Read a header block of literals that are not indexed and not in Huffman's code."""
    texts: list[str] = []
    position = 0
    while position < len(block):
        position += len(texts) % 2 == 0  # the byte that begins each pair
        length = block[position]
        position += 1
        if length == 127:
            shift = 0
            while True:
                length += (block[position] & 127) << shift
                shift += 7
                position += 1
                if block[position - 1] < 128:
                    break
        texts.append(block[position : position + length].decode())
        position += length
    return dict(zip(texts[::2], texts[1::2], strict=True))


@pytest.mark.clause("OTLP 25")
@pytest.mark.parametrize("public_url", ["", "https://in.shop.example", "https://in.example/" + "x" * 300])
def test_a_call_is_answered_with_the_http_endpoint_and_not_to_be_tried_again(public_url: str) -> None:
    hello, headers, goaway = frames(Refusal(public_url).answer(HELLO))
    assert hello == (4, 0, bytes(4), b"")
    kind, flags, stream, block = headers
    assert (kind, flags, stream) == (1, 5, STREAM)  # END_STREAM and END_HEADERS
    assert block[:1] == b"\x88"  # :status 200
    told = literals(block[1:])
    assert told["content-type"] == "application/grpc"
    assert told["grpc-status"] == "12"
    assert f"{public_url}/v1/traces" in told["grpc-message"]
    assert goaway[0] == 7
    assert goaway[3][:4] == STREAM
    assert goaway[3][8:].decode() == told["grpc-message"]


def test_without_a_call_there_is_only_a_greeting() -> None:
    assert list(frames(Refusal("").answer(PREFACE + SETTINGS))) == [(4, 0, bytes(4), b"")]


@given(cuts=st.lists(st.integers(0, len(HELLO)), max_size=6))
def test_pieces_are_answered_as_the_whole_is(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(HELLO)]
    refusal = Refusal("")
    answers = [refusal.answer(HELLO[start:end]) for start, end in pairwise(ends)]
    assert b"".join(answers) == Refusal("").answer(HELLO)


@given(pieces=st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_are_answered(pieces: list[bytes]) -> None:
    refusal = Refusal("")
    answered = b"".join(refusal.answer(piece) for piece in [PREFACE, *pieces])
    assert next(frames(answered))[0] == 4


def test_a_frame_that_is_too_long_is_not_waited_for() -> None:
    refusal = Refusal("")
    refusal.answer(PREFACE + b"\xff\xff\xff\x01\x04" + STREAM)
    assert list(frames(refusal.answer(CALL))) != []
