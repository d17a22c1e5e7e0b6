"""Millions of small messages in one request: refused before they take memory, while what is merely large is taken."""

import resource
import sys

import pytest

from bench.payloads import case_of
from gateway.protocols import otlp
from gateway.protocols.parts import Sizes
from schemas.errors import PayloadTooLarge
from schemas.signals import Format, Signal
from tests.unit.protocols.test_otlp_validate import logs, within


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


SIZES = Sizes(record_max_bytes=1024 * 1024, item_max_bytes=8 * 1024 * 1024, value_max_bytes=9 * 1024 * 1024)
SPANS, ONE_SPAN = (0x0A, 0x12), (0x0A, 0x12, 0x12)
TEXTS = {
    "German": "Größenänderung überprüft; ",
    "Chinese": "数据库连接已关闭请稍后再试",
    "code": "\n\tat com.shop.Cart.add(Cart.java:12)",
}
MILLIONS = 16 * 1024 * 1024


@pytest.mark.clause("OTLP 14b")
@pytest.mark.parametrize(
    ("tags", "message", "told"),
    [
        ((), b"\x0a\x00", "more than 250000 resource_spans"),
        ((0x0A,), b"\x12\x00", "more than 250000 scope_spans"),
        (SPANS, b"\x12\x00", "more than 250000 spans"),
        (SPANS, b"\x12\x80\x80\x00", "more than 250000 spans"),
        ((), b"\x10\x00", "too many fields"),
        (SPANS, b"\x10\x00", "too many fields"),
        (ONE_SPAN, b"\xca\x00\x00", "short fields; 4000000 is the limit"),
        (ONE_SPAN, b"\xca\x80\x00\x00", "short fields; 4000000 is the limit"),
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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_a_large_request_of_common_spans_is_taken() -> None:
    data = case_of("spans-512").body * 300
    assert len(data) > 50 * 1024 * 1024
    assert otlp.validate(Signal.TRACES, Format.PROTOBUF, data) == otlp.Verdict(512 * 300)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_large_request_of_text_is_taken(text: str) -> None:
    size_bytes = 60 * 1024 * 1024
    body = text * (size_bytes // 1000 // len(text.encode()))
    request = logs(*({"body": {"string_value": body}} for _ in range(1000)))
    assert otlp.validate(Signal.LOGS, Format.PROTOBUF, request.SerializeToString()).accepted == 1000


def test_millions_of_numbers_in_json_are_too_large() -> None:
    data = b'{"resourceMetrics":[{"bounds":[%s1]}]}' % (b"1," * 4_000_001)
    with pytest.raises(PayloadTooLarge, match="more than 4000000 values"):
        otlp.validate(Signal.METRICS, Format.JSON, data)


def test_a_metric_of_millions_of_unknown_fields_is_not_split() -> None:
    metric = b"\x0a\x01m" + b"\x78\x00" * 3_000_000 + within((0x2A,), within((0x0A,), b"\x11" + bytes(8)))
    data = within((0x0A, 0x12, 0x12), metric)
    verdict = otlp.validate(Signal.METRICS, Format.PROTOBUF, data)
    with pytest.raises(PayloadTooLarge, match="too many fields"):
        otlp.split(Signal.METRICS, Format.PROTOBUF, data, verdict, SIZES)
