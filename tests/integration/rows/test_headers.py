"""What the headers of Sentry's envelopes and items say that has no column, on real PostgreSQL: kept, keys aside."""

from typing import Any

import pytest
from msgspec.structs import replace

from consumers.rows.sentry.items import CHUNK_BYTES
from consumers.rows.tables import COLUMNS
from tests.integration.rows.leaf import Leaf
from tests.unit.rows.envelopes import EVENT_ID, envelope, item

KEY = "pt_prod_0123456789abcdef"
SAMPLED = {"trace_id": "a" * 32, "sample_rate": "0.5", "replay_id": "b" * 32}
OF_ENVELOPE: dict[str, Any] = {
    "event_id": EVENT_ID,
    "sent_at": "2026-07-01T12:00:00Z",
    "sdk": {"name": "sentry.python", "version": "2.0"},
    "dsn": f"https://{KEY}@example.org/1",
    "trace": {**SAMPLED, "public_key": KEY},
    "new": {"\0": [1, 2**70]},
}
KEPT_OF_ENVELOPE = {"trace": SAMPLED, "new": {"": [1, 1180591620717411300000]}}
OF_ITEM: dict[str, Any] = {"meta_length": 12, "new": ["a\0"]}
KEPT_OF_ITEM = {"meta_length": 12, "new": ["a"]}
LOGS = {"items": [{"body": "first"}, {"body": "second"}]}
SPANS = {"items": [{"name": "first", "span_id": "1" * 16}, {"name": "second", "span_id": "2" * 16}]}
TRACE = {"trace_id": "a" * 32, "span_id": "c" * 16}
TRANSACTION = {
    "transaction": "first",
    "contexts": {"trace": TRACE},
    "spans": [{"span_id": "d" * 16, "description": "second"}],
}
ATTACHED = {"filename": "a.txt", "attachment_type": "event.attachment", "content_type": "text/plain"}
# Items that have rows with the columns, and the keys of their headers that other columns hold, or nobody needs.
ROWS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("event", {"message": "m"}, {"content_type": "application/json"}, "error_events"),
    ("attachment", b"a" * (CHUNK_BYTES + 1), ATTACHED, "attachments"),
]
# Items of which the first row has them among its attributes.
FIRSTS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("transaction", TRANSACTION, {"content_type": "application/json"}, "spans"),
    ("span", SPANS, {"item_count": 2, "content_type": "application/vnd.sentry.items.span.v2+json"}, "spans"),
    ("log", LOGS, {"item_count": 2, "content_type": "application/vnd.sentry.items.log+json"}, "logs"),
]


async def stored_text(leaf: Leaf) -> str:
    """Write everything that is stored."""
    return str([await leaf.read(table) for table in (*COLUMNS, "resources")])


@pytest.mark.clause("Sentry 5b")
@pytest.mark.parametrize(("kind", "payload", "known", "table"), ROWS)
async def test_what_no_column_holds_is_kept_beside_the_item(
    leaf: Leaf, kind: str, payload: Any, known: dict[str, Any], table: str
) -> None:
    await leaf.store(envelope(item(kind, payload, **known, **OF_ITEM), **OF_ENVELOPE))
    first, *others = sorted(await leaf.read(table), key=lambda row: row.get("chunk", 0))
    assert (first["headers"], first["envelope_headers"]) == (KEPT_OF_ITEM, KEPT_OF_ENVELOPE)
    assert [(row["headers"], row["envelope_headers"]) for row in others] == [(None, None)] * len(others)
    assert len(others) == (1 if kind == "attachment" else 0)
    assert KEY not in await stored_text(leaf)
    if kind == "event":
        assert first["truncated"] == ["headers", "envelope_headers"]


@pytest.mark.clause("Sentry 5b")
@pytest.mark.parametrize(("kind", "payload", "known", "table"), FIRSTS)
async def test_what_no_column_holds_is_an_attribute_of_the_first_row(
    leaf: Leaf, kind: str, payload: Any, known: dict[str, Any], table: str
) -> None:
    await leaf.store(envelope(item(kind, payload, **known, **OF_ITEM), **OF_ENVELOPE))
    rows = {row.get("name") or row["body"]: row["attributes"] for row in await leaf.read(table)}
    assert set(rows) == {"first", "second"}
    assert rows["first"]["sentry.item_headers"] == KEPT_OF_ITEM
    assert rows["first"]["sentry.envelope_headers"] == KEPT_OF_ENVELOPE
    assert not {"sentry.item_headers", "sentry.envelope_headers"} & set(rows["second"])
    assert KEY not in await stored_text(leaf)


MANY = {f"k{number}": number for number in range(1100)}
CROWDED: list[tuple[str, Any, str]] = [
    (
        "transaction",
        {**TRANSACTION, "contexts": {"trace": {**TRACE, "data": MANY}}},
        "spans",
    ),
    ("log", {"items": [{"body": "first", "attributes": MANY}]}, "logs"),
]


@pytest.mark.clause("Sentry 5b")
@pytest.mark.parametrize(("kind", "payload", "table"), CROWDED)
async def test_a_limit_of_attributes_cuts_those_of_the_client_first(
    leaf: Leaf, kind: str, payload: Any, table: str
) -> None:
    await leaf.store(envelope(item(kind, payload, **OF_ITEM), **OF_ENVELOPE))
    (row,) = [row for row in await leaf.read(table) if (row.get("name") or row["body"]) == "first"]
    assert len(row["attributes"]) == 1024
    assert row["attributes"]["sentry.item_headers"] == KEPT_OF_ITEM
    assert row["attributes"]["sentry.envelope_headers"] == KEPT_OF_ENVELOPE


@pytest.mark.clause("Sentry 5b")
async def test_other_items_have_the_header_of_their_envelope(leaf: Leaf) -> None:
    await leaf.store(envelope(item("session", {}, **OF_ITEM), **OF_ENVELOPE))
    (row,) = await leaf.read("sentry_items")
    assert row["envelope_headers"] == KEPT_OF_ENVELOPE
    assert KEY not in await stored_text(leaf)


@pytest.mark.parametrize(("kind", "payload", "known", "table"), [*ROWS, *FIRSTS, ("session", {}, {}, "sentry_items")])
async def test_headers_that_say_nothing_more_take_no_place(
    leaf: Leaf, kind: str, payload: Any, known: dict[str, Any], table: str
) -> None:
    known_of_envelope = {key: OF_ENVELOPE[key] for key in ("event_id", "sent_at", "sdk", "dsn")}
    await leaf.store(envelope(item(kind, payload, **known), **known_of_envelope))
    rows = await leaf.read(table)
    assert rows
    for row in rows:
        assert row.get("envelope_headers") is None
        assert table == "sentry_items" or row.get("headers") is None
        assert not [key for key in row.get("attributes") or () if key.endswith("_headers")]


@pytest.mark.clause("Sentry 5b", "Sentry 7")
@pytest.mark.parametrize("trace", [None, KEY, [KEY], {"public_key": KEY}, {"trace_id": 7, "sample_rate": "1"}])
async def test_a_trace_that_is_none_is_passed_over(leaf: Leaf, trace: Any) -> None:
    await leaf.store(envelope(item("event", {"message": "m"}), trace=trace, new=1))
    (row,) = await leaf.read("error_events")
    assert row["envelope_headers"] == {"new": 1}
    assert KEY not in await stored_text(leaf)


async def test_of_an_item_in_pieces_the_first_has_the_headers(leaf: Leaf) -> None:
    pieces = [
        replace(
            envelope(item(kind, b"half", **OF_ITEM), **OF_ENVELOPE), chunk=chunk, item_bytes=8, item=number, part=part
        )
        for part, (number, kind, chunk) in enumerate(
            [(0, "attachment", 1), (0, "attachment", 0), (1, "profile", 0), (1, "profile", 1)]
        )
    ]
    await leaf.store(*pieces)
    rows = {(row["item"], row["chunk"]): row for row in await leaf.read("attachments")}
    assert len(rows) == 4
    for (_, chunk), row in rows.items():
        expected = (KEPT_OF_ITEM, KEPT_OF_ENVELOPE) if chunk == 0 else (None, None)
        assert (row["headers"], row["envelope_headers"]) == expected
    (kept,) = await leaf.read("sentry_items")
    assert kept["envelope_headers"] == KEPT_OF_ENVELOPE
