"""The limits of an envelope's items: what is just within them is taken, what is just above is 413."""

from typing import Any

import pytest

from gateway.protocols.sentry.envelope import Envelope, Item
from gateway.protocols.sentry.item_limits import ItemLimits
from gateway.runtime.settings import KIB, MIB, Limits
from schemas.errors import Malformed, PayloadTooLarge

LIMITS = ItemLimits(
    Limits(
        event_max_bytes=10,
        attachment_max_bytes=20,
        container_max_bytes=30,
        check_in_max_bytes=40,
        client_report_max_bytes=50,
        profile_max_bytes=60,
        replay_recording_max_bytes=70,
        attachments_max_count=3,
        sessions_max_count=4,
    )
)


def item(item_type: str, payload: bytes = b"", **headers: Any) -> Item:
    return Item(item_type, {"type": item_type, **headers}, payload)


def check(*items: Item) -> None:
    LIMITS.check(Envelope({}, list(items)))


@pytest.mark.clause("Sentry b1", "Sentry b3", "Sentry b4", "Sentry b5", "Sentry b6", "Sentry b7", "Sentry b8")
def test_the_defaults_are_those_of_the_conformance_list() -> None:
    limits = Limits()
    assert limits.envelope_inflated_max_bytes == limits.attachment_max_bytes == 100 * MIB
    assert (limits.event_max_bytes, limits.container_max_bytes) == (MIB, 12 * MIB)
    assert limits.check_in_max_bytes == limits.client_report_max_bytes == 100 * KIB
    assert (limits.profile_max_bytes, limits.replay_recording_max_bytes) == (50 * MIB, 10 * MIB)
    assert (limits.attachments_max_count, limits.sessions_max_count) == (30, 100)


@pytest.mark.clause("Sentry 22")
@pytest.mark.parametrize(
    ("item_type", "max_bytes"),
    [
        pytest.param("event", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("transaction", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("security", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("raw_security", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("feedback", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("user_report", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("replay_event", 10, marks=pytest.mark.clause("Sentry b3")),
        pytest.param("attachment", 20, marks=pytest.mark.clause("Sentry b4")),
        pytest.param("unreal_report", 20, marks=pytest.mark.clause("Sentry b4")),
        pytest.param("log", 30, marks=pytest.mark.clause("Sentry b6")),
        pytest.param("span", 30, marks=pytest.mark.clause("Sentry b6")),
        pytest.param("trace_metric", 30, marks=pytest.mark.clause("Sentry b6")),
        pytest.param("check_in", 40, marks=pytest.mark.clause("Sentry b7")),
        pytest.param("client_report", 50, marks=pytest.mark.clause("Sentry b7")),
        pytest.param("profile", 60, marks=pytest.mark.clause("Sentry b8")),
        pytest.param("profile_chunk", 60, marks=pytest.mark.clause("Sentry b8")),
        pytest.param("replay_recording", 70, marks=pytest.mark.clause("Sentry b8")),
        pytest.param("replay_video", 70, marks=pytest.mark.clause("Sentry b8")),
    ],
)
def test_an_item_above_its_limit_is_too_large(item_type: str, max_bytes: int) -> None:
    check(item(item_type, b"x" * max_bytes))
    with pytest.raises(
        PayloadTooLarge, match=rf"Item 1 \({item_type}\) has {max_bytes + 1} bytes; at most {max_bytes}"
    ):
        check(item("x"), item(item_type, b"x" * (max_bytes + 1)))


def test_what_has_no_limit_of_its_own_only_the_envelope_bounds() -> None:
    check(item("unheard_of", b"x" * 1000), item("statsd", b"x" * 1000))


@pytest.mark.parametrize(
    ("types", "max_count"),
    [
        pytest.param(("attachment",), 3, marks=pytest.mark.clause("Sentry b4")),
        pytest.param(("session", "sessions"), 4, marks=pytest.mark.clause("Sentry b5")),
    ],
)
def test_an_envelope_has_so_many_and_no_more(types: tuple[str, ...], max_count: int) -> None:
    items = [item(types[number % len(types)]) for number in range(max_count + 1)]
    check(*items[:-1])
    with pytest.raises(PayloadTooLarge, match=f"more than {max_count} {types[0]}"):
        check(*items)


CONTAINER = b'{"items":[{},NaN]}'


@pytest.mark.clause("Sentry b6")
def test_an_envelope_has_one_container_of_each_type() -> None:
    spans, logs = item("span", CONTAINER, item_count=2), item("log", CONTAINER, item_count=2)
    check(spans, logs)
    check(item("span", b"{}"), item("span", b"{}"), spans)  # single spans, as they came at first
    with pytest.raises(PayloadTooLarge, match="more than 1 container of type log"):
        check(logs, spans, item("log", b"{}", content_type="application/vnd.sentry.items.log+json"))


@pytest.mark.clause("Sentry c2")
@pytest.mark.parametrize("item_type", ["log", "span", "trace_metric"])
def test_a_container_holds_as_many_as_it_says(item_type: str) -> None:
    check(item(item_type, CONTAINER, item_count=2))
    check(item(item_type, b'\xef\xbb\xbf{"items":[]}', item_count=0))
    check(item(item_type, CONTAINER, item_count=None))
    check(item(item_type, CONTAINER))
    for payload, said in ((CONTAINER, 3), (CONTAINER, "2"), (b'{"items":[{}]}', True), (b"{}", 0), (b"x", 1)):
        with pytest.raises(Malformed, match="item_count"):
            check(item(item_type, payload, item_count=said))
    check(item("x", b"x", item_count=7))
