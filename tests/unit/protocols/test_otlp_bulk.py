"""Millions of small messages in one request: refused before they take memory, while what is merely large is taken."""

import resource

import pytest

from bench.payloads import case_of
from gateway.protocols import otlp
from schemas.errors import PayloadTooLarge
from schemas.signals import Format, Signal
from tests.unit.protocols.test_otlp_validate import within


@pytest.mark.parametrize(
    ("payload_format", "data", "told"),
    [
        (Format.PROTOBUF, b"\x0a\x00" * 250_001, "more than 250000 resource_spans"),
        (Format.JSON, b'{"resourceSpans":[%s{}]}' % (b"{}," * 250_000), "more than 250000 resource_spans"),
        (Format.JSON, b'{"resourceSpans":[%s{}]}' % (b"{ }," * 1_000_000), "more than 1000000 objects"),
    ],
)
def test_millions_of_empty_messages_are_too_large(payload_format: Format, data: bytes, told: str) -> None:
    with pytest.raises(PayloadTooLarge, match=told):
        otlp.validate(Signal.TRACES, payload_format, data)


SPANS, ONE_SPAN = (0x0A, 0x12), (0x0A, 0x12, 0x12)
MILLIONS = 16 * 1024 * 1024


@pytest.mark.clause("OTLP 14b")
@pytest.mark.parametrize(
    ("tags", "message", "told"),
    [
        ((), b"\x0a\x00", "more than 250000 resource_spans"),
        ((0x0A,), b"\x12\x00", "more than 250000 scope_spans"),
        (SPANS, b"\x12\x00", "more than 250000 spans"),
        (SPANS, b"\x12\x80\x80\x00", "more than 250000 spans"),
        (ONE_SPAN, b"\x4a\x00", "short fields; 4000000 is the limit"),
        (ONE_SPAN, b"\x4a\x80\x00", "short fields; 4000000 is the limit"),
        (ONE_SPAN, b"\x5a\x00", "short fields; 4000000 is the limit"),
        (ONE_SPAN, b"\x6a\x02\x0a\x00", "short fields; 4000000 is the limit"),
        ((*ONE_SPAN, 0x4A, 0x12, 0x2A), b"\x0a\x00", "short fields; 4000000 is the limit"),
    ],
)
def test_what_would_take_gigabytes_is_refused_before_it_is_parsed(
    tags: tuple[int, ...], message: bytes, told: str
) -> None:
    data = within(tags, message * (MILLIONS // len(message)))
    before_bytes = peak_bytes()
    with pytest.raises(PayloadTooLarge, match=told):
        otlp.validate(Signal.TRACES, Format.PROTOBUF, data)
    assert peak_bytes() - before_bytes < 4 * MILLIONS


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_a_large_request_of_common_spans_is_taken() -> None:
    data = case_of("spans-512").body * 300
    assert len(data) > 50 * 1024 * 1024
    assert otlp.validate(Signal.TRACES, Format.PROTOBUF, data) == otlp.Verdict(512 * 300)
