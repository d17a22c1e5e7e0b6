"""Envelopes byte for byte: what is stored of them, of numbers that JSON has not, of tags, and of each type of item."""

import hashlib
import json
import secrets
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
from msgspec import Struct

from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App, Stack
from tests.unit.protocols.test_sentry_categories import ITEMS


class Shop(Struct):
    """An app and its key."""

    stack: Stack
    app: App
    key: str

    def send(self, body: bytes) -> Answer:
        """Send an envelope."""
        headers = {"X-Sentry-Auth": f"Sentry sentry_key={self.key}"}
        return send(f"{self.stack.url}/api/{self.app.channel}/envelope/", headers=headers, body=body)

    def items(self, event_id: str) -> list[tuple[str, bytes]]:
        """Answer the items that are stored of an envelope, in their order: type and payload."""
        query = "SELECT type, payload FROM sentry_items WHERE environment = $1 AND event_id = $2 ORDER BY item"
        production = self.app.environments["production"]
        return [tuple(row) for row in self.stack.database.rows(query, production, UUID(event_id))]


def id_of(name: str) -> str:
    """Answer the event id of a row of a table."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


def envelope(name: str, rest: bytes) -> bytes:
    """Write an envelope whose event id is that of a row."""
    return b'{"event_id":"%s"}\n%s' % (id_of(name).encode(), rest)


# What follows the first line, and the items that are stored of it.
READ: dict[str, tuple[bytes, list[tuple[str, bytes]]]] = {
    "a length, newlines within": (b'{"type":"a","length":5}\nab\ncd\n{"type":"b"}\nx', [("a", b"ab\ncd"), ("b", b"x")]),
    "a length up to the end": (b'{"type":"a","length":2}\nab', [("a", b"ab")]),
    "a length, BOM and NUL": (b'{"type":"a","length":7}\n\xef\xbb\xbfx\0\r\n\n', [("a", b"\xef\xbb\xbfx\0\r\n")]),
    "a length, what looks like a header": (
        b'{"type":"a","length":14}\n\n{"type":"b"}\n\n',
        [("a", b'\n{"type":"b"}\n')],
    ),
    "no length, a newline": (b'{"type":"a"}\nab\n{"type":"b"}\ncd\n', [("a", b"ab"), ("b", b"cd")]),
    "no length, the end": (b'{"type":"a"}\nab', [("a", b"ab")]),
    "no length, a carriage return": (b'{"type":"a"}\r\nab\r\n{"type":"b"}\r\ncd\r\n', [("a", b"ab\r"), ("b", b"cd\r")]),
    "no bytes by length": (b'{"type":"a","length":0}\n\n{"type":"b","length":0}\n', [("a", b""), ("b", b"")]),
    "no bytes without a length": (b'{"type":"a"}\n\n{"type":"b"}', [("a", b""), ("b", b"")]),
    "no last newline at all": (b'{"type":"a","length":0}', [("a", b"")]),
    "blank lines": (b'\n\n{"type":"a"}\nx\n\r\n \n{"type":"b"}\ny\n\n\n', [("a", b"x"), ("b", b"y")]),
    "numbers that JSON has not": (b'{"type":"a","x":NaN,"y":[-Infinity]}\nInfinity', [("a", b"Infinity")]),
}
REFUSED: dict[str, bytes] = {
    "no newline after the length": b'{"type":"a","length":1}\nxyz\n',
    "past the end": b'{"type":"a","length":4}\nxyz',
    "past the end by its newline": b'{"type":"a"}\nx\n{"type":"b","length":5}\nxyz\n',
    "of nothing": b'{"type":"a","length":1}',
    "negative": b'{"type":"a","length":-1}\nx',
    "a text": b'{"type":"a","length":"1"}\nx',
    "a fraction": b'{"type":"a","length":1.5}\nx',
    "a truth": b'{"type":"a","length":true}\nx',
    "no number": b'{"type":"a","length":NaN}\nx',
}


@pytest.fixture(scope="module")
def shop(stack: Stack) -> Shop:
    """Send all envelopes of the tables, and wait until what is taken of them is stored."""
    app = stack.control.app()
    shop = Shop(stack, app, app.key())
    for name, (rest, _) in READ.items():
        answer = shop.send(envelope(name, rest))
        assert (answer.status, answer.json()) == (200, {"id": id_of(name)}), name
    for name, rest in REFUSED.items():
        answer = shop.send(envelope(name, rest))
        assert answer.status == 400, name
        assert "item" in answer.json()["detail"], name
    stack.wait_until_stored(app.slug)
    return shop


@pytest.mark.clause("Sentry 2a", "Sentry 3a", "Sentry 3b", "Sentry 3c", "Sentry 4", "Sentry 5a", "Sentry 8b")
@pytest.mark.parametrize("name", list(READ))
def test_a_payload_is_stored_from_its_first_byte_to_its_last(shop: Shop, name: str) -> None:
    _, expected = READ[name]
    assert shop.items(id_of(name)) == expected


@pytest.mark.clause("Sentry 2a", "Sentry 2b")
@pytest.mark.parametrize("name", list(REFUSED))
def test_of_an_envelope_whose_length_is_wrong_nothing_is_stored(shop: Shop, name: str) -> None:
    assert shop.items(id_of(name)) == []


@pytest.mark.clause("Sentry 8b", "Sentry d1")
def test_numbers_that_json_has_not_reject_no_event(shop: Shop) -> None:
    extra = '{"a":NaN,"b":Infinity,"c":-Infinity,"d":[NaN]}'
    sent: list[str] = []
    for header in ("", ',"sdk":{"x":NaN}', ',"sent_at":Infinity', ',"trace":{"sample_rate":-Infinity}'):
        event_id = secrets.token_hex(16)
        body = f'{{"event_id":"{event_id}"{header}}}\n{{"type":"event"}}\n{{"extra":{extra}}}'
        assert shop.send(body.encode()).json() == {"id": event_id}
        sent.append(event_id)
    shop.stack.wait_until_stored(shop.app.slug)
    query = "SELECT payload->'extra' FROM error_events WHERE event_id = $1"
    stored = {"a": "NaN", "b": "Infinity", "c": "-Infinity", "d": ["NaN"]}
    assert [shop.stack.database.value(query, UUID(each)) for each in sent] == [stored] * len(sent)


@pytest.mark.clause("Sentry b10")
@pytest.mark.parametrize(("sent", "truncated"), [(100, None), (101, ["tags"])])
def test_an_event_keeps_a_hundred_tags_and_says_so_of_more(shop: Shop, sent: int, truncated: list[str] | None) -> None:
    event_id = secrets.token_hex(16)
    event = {"message": "tags", "tags": {f"k{number}": "v" for number in range(sent)}}
    body = f'{{"event_id":"{event_id}"}}\n{{"type":"event"}}\n{json.dumps(event)}'
    assert shop.send(body.encode()).status == 200
    query = "SELECT tags, truncated FROM error_events WHERE event_id = $1"
    (row,) = shop.stack.database.wait_for(1, query, UUID(event_id))
    assert (len(row["tags"]), row["truncated"]) == (100, truncated)


@pytest.mark.clause("Sentry c1", "Sentry d2")
def test_each_item_type_is_stored_and_counted_as_its_category(stack: Stack, app: App) -> None:
    shop = Shop(stack, app, app.key())
    production = app.environments["production"]
    payload = b'{"items":[{}]}'
    expected: Counter[str] = Counter()
    for kind, headers, categories in ITEMS:
        line = json.dumps({"type": kind, **headers})
        answer = shop.send(b'{"event_id":"%s"}\n%s\n%s' % (secrets.token_hex(16).encode(), line.encode(), payload))
        assert answer.status == 200, kind
        for category in categories:
            expected[category] += len(payload) if category == "log_byte" else 1
    stack.wait_until_stored(app.slug)
    stored = Counter(
        {
            table: stack.database.value(f"SELECT count(*) FROM {table} WHERE environment = $1", production)  # noqa: S608
            for table in ("error_events", "spans", "logs", "attachments", "sentry_items")
        }
    )
    assert stored.total() == len(ITEMS)
    assert all(stored.values())

    def counted() -> Counter[str]:
        shown: list[dict[str, Any]] = stack.control.get(f"/environments/{production}/usage")["sentry"]
        assert {(each["outcome"], each["reason"]) for each in shown} <= {("accepted", "")}
        return Counter({each["category"]: each["quantity"] for each in shown})

    wait_until(lambda: counted().total() >= expected.total(), f"{expected} is counted", 10)
    assert counted() == expected
