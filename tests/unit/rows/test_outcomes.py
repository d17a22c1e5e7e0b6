"""What became of Sentry's items: what is stored, and what clients report that they did not send."""

from typing import Any

import pytest
from msgspec import structs

from consumers.rows.packing import decode, pack
from consumers.rows.tables import Rows
from gateway.runtime.settings import Limits
from schemas.record import Record
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import RECEIVED_NS

NOW = RECEIVED_NS // (60 * 10**9)
SECONDS = RECEIVED_NS / 10**9


def outcomes_of(record: Record) -> dict[tuple[int, str, str, str], int]:
    rows, decoded = Rows(), decode(record, Limits())
    pack(decoded, rows, set(decoded.events))
    return rows.outcomes


def reported(report: Any) -> dict[tuple[int, str, str, str], int]:
    """What a client report counts, without itself."""
    found = outcomes_of(envelope(item("client_report", report)))
    assert found.pop((NOW, "accepted", "", "internal")) == 1
    return found


@pytest.mark.clause("Sentry 26a")
def test_a_client_report_counts_by_reason_and_category() -> None:
    report = {
        "timestamp": SECONDS,
        "discarded_events": [
            {"reason": "queue_overflow", "category": "error", "quantity": 23},
            {"reason": "queue_overflow", "category": "transaction", "quantity": 1},
            {"reason": "queue_overflow", "category": "error", "quantity": 2},
        ],
        "rate_limited_events": [{"reason": "key_quota", "category": "replay", "quantity": 3}],
        "filtered_events": [{"reason": "browser-extensions", "category": "error", "quantity": 4}],
        "filtered_sampling_events": [{"reason": "Sampled:1,2", "category": "span", "quantity": 5}],
    }
    assert reported(report) == {
        (NOW, "client_discard", "queue_overflow", "error"): 25,
        (NOW, "client_discard", "queue_overflow", "transaction"): 1,
        (NOW, "rate_limited", "key_quota", "replay"): 3,
        (NOW, "filtered", "browser-extensions", "error"): 4,
        (NOW, "filtered_sampling", "other", "span"): 5,
    }


# The time of a report, and minutes by which it is counted before receipt; None if the time is ignored.
TIMES: list[tuple[Any, int | None]] = [
    (SECONDS - 3600, 60),
    ("2026-09-21T14:09:40Z", 4),
    (SECONDS - 86_401, None),
    (SECONDS + 61, None),
    (0, None),
    (1e300, None),
    (-1, None),
    ("yesterday", None),
    ({}, None),
]


@pytest.mark.clause("Sentry 26b")
@pytest.mark.parametrize(("timestamp", "minutes"), TIMES)
def test_a_report_is_counted_at_its_time_or_that_of_receipt(timestamp: Any, minutes: int | None) -> None:
    discarded = {"reason": "sample_rate", "category": "span", "quantity": 1}
    expected = {(NOW - (minutes or 0), "client_discard", "sample_rate", "span"): 1}
    if minutes is None:
        expected[NOW, "ignored", "timestamp", ""] = 1
    assert reported({"timestamp": timestamp, "discarded_events": [discarded]}) == expected


# One entry of a report, and the reason, category and quantity that are counted.
ENTRIES: list[tuple[Any, tuple[str, str, int] | None]] = [
    ({"reason": "a b", "category": "error", "quantity": 1}, ("other", "error", 1)),
    ({"reason": "x" * 65, "category": "x" * 64, "quantity": 1}, ("other", "x" * 64, 1)),
    ({"reason": "\0", "category": "\u00e9\ud800", "quantity": 1}, ("other", "other", 1)),
    ({"reason": 7, "category": ["error"], "quantity": 1}, ("other", "other", 1)),
    ({"quantity": 1}, ("other", "other", 1)),
    ({"reason": "r", "category": "c", "quantity": 2.5}, ("r", "c", 2)),
    ({"reason": "r", "category": "c", "quantity": 10**30}, ("r", "c", 10**9)),
    ({"reason": "r", "category": "c", "quantity": True}, None),
    ({"reason": "r", "category": "c", "quantity": -1}, None),
    ({"reason": "r", "category": "c", "quantity": "5"}, None),
    ({"reason": "r", "category": "c"}, None),
    (None, None),
    (["r", "c", 1], None),
]


@pytest.mark.clause("Sentry 26a")
@pytest.mark.parametrize(("entry", "counted"), ENTRIES)
def test_texts_and_numbers_of_a_report_are_bounded(entry: Any, counted: tuple[str, str, int] | None) -> None:
    expected = {(NOW, "client_discard", *counted[:2]): counted[2]} if counted else {}
    assert reported({"discarded_events": [entry]}) == expected


@pytest.mark.clause("Sentry 26a")
def test_what_a_report_has_beyond_a_hundred_reasons_is_counted_together() -> None:
    entries = [{"reason": f"r{number}", "category": "error", "quantity": 1} for number in range(150)]
    found = reported({"discarded_events": entries})
    assert len(found) == 101
    assert found[NOW, "client_discard", "other", "other"] == 50


@pytest.mark.parametrize("report", [b"no json", b"[]", b"", {"discarded_events": {}}, {"discarded_events": None}, {}])
def test_a_report_that_is_none_counts_nothing(report: Any) -> None:
    assert reported(report) == {}


@pytest.mark.clause("Sentry c1")
def test_what_is_stored_is_counted_by_category() -> None:
    logs = {"items": [{"body": "a"}, {"body": "b"}]}
    spans = {"items": [{"span_id": "b" * 16}] * 3}
    record = envelope(
        item("event", {}),
        item("transaction", {"spans": [{}]}),
        item("attachment", b"data"),
        item("log", logs),
        item("span", spans),
        item("span", {"span_id": "c" * 16}),
        item("span", {"items": []}),
        item("session", {}),
        item("sessions", {"aggregates": [{}, {}]}),
        item("profile_chunk", b"{}", platform="android"),
        item("replay_recording", b"{}\n\x1f\x8b"),
        item("trace_metric", {"items": [{}, {}]}),
        item("otel_log", b"{}"),
        event_id=EVENT_ID,
    )
    counted = {
        "error": 1,
        "transaction": 1,
        "attachment": 1,
        "log_item": 2,
        "log_byte": len(b'{"items": [{"body": "a"}, {"body": "b"}]}'),
        "span": 4,
        "session": 2,
        "profile_chunk_ui": 1,
        "replay": 1,
        "metric": 2,
    }
    assert outcomes_of(record) == {(NOW, "accepted", "", category): n for category, n in counted.items()}


@pytest.mark.clause("Sentry c1")
def test_a_chunk_of_a_profile_is_counted_by_its_platform_wherever_that_stands() -> None:
    chunks = item("profile_chunk", {"platform": "cocoa"}), item("profile_chunk", {}), item("profile_chunk", b"{")
    for name, counted in (
        ("sentry.javascript.browser", {"profile_chunk_ui": 3}),
        ("sentry.python", {"profile_chunk_ui": 1, "profile_chunk": 2}),
    ):
        record = envelope(*chunks, sdk={"name": name})
        assert {key[3]: count for key, count in outcomes_of(record).items()} == counted


@pytest.mark.clause("Sentry c1")
@pytest.mark.parametrize(
    ("kind", "headers", "counted"),
    [
        ("log", {"item_count": 7}, {"log_item": 7, "log_byte": 5000}),
        ("span", {"item_count": 7}, {"span": 7}),
        ("trace_metric", {"item_count": 7}, {"metric": 7}),
        ("trace_metric", {}, {"metric": 1}),
        # What is no container holds no more than itself, whatever it says.
        ("profile", {"item_count": 10**30}, {"profile": 1}),
    ],
)
def test_what_comes_in_pieces_is_counted_as_it_says(
    kind: str, headers: dict[str, Any], counted: dict[str, int]
) -> None:
    for chunk in range(2):
        piece = structs.replace(envelope(item(kind, b"{", **headers)), part=chunk, chunk=chunk, item_bytes=5000)
        expected = {(NOW, "accepted", "", category): n for category, n in counted.items()}
        assert outcomes_of(piece) == (expected if chunk == 0 else {})


def test_a_repeated_event_is_not_counted() -> None:
    record = envelope(item("event", {}), item("event", {}), item("attachment", b"a"), event_id=EVENT_ID)
    assert outcomes_of(record) == {(NOW, "accepted", "", "error"): 1, (NOW, "accepted", "", "attachment"): 1}


TRACE = {"trace_id": "a" * 32, "public_key": "k"}


@pytest.mark.clause("Sentry 7")
@pytest.mark.parametrize(
    ("headers", "ignored"),
    [
        ({"sent_at": "2026-07-01T12:00:01Z", "trace": TRACE}, []),
        ({"sent_at": None, "trace": None}, []),
        ({"sent_at": "soon"}, ["sent_at"]),
        ({"sent_at": {"\0": 1}, "trace": "a" * 32}, ["sent_at", "trace"]),
        ({"trace": TRACE | {"trace_id": "no"}}, ["trace"]),
        ({"trace": []}, ["trace"]),
    ],
)
def test_what_cannot_be_read_of_an_envelopes_header_is_ignored_and_counted(
    headers: dict[str, Any], ignored: list[str]
) -> None:
    expected = {(NOW, "ignored", name, ""): 1 for name in ignored}
    assert outcomes_of(envelope(item("event", {}), **headers)) == expected | {(NOW, "accepted", "", "error"): 1}
