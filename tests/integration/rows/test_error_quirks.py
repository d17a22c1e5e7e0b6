"""What SDKs write otherwise than documented, on real PostgreSQL: no event is refused for its content."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.runtime.settings import Limits
from tests.integration.rows.leaf import Leaf, moment
from tests.unit.rows.envelopes import EVENT_ID, envelope, item
from tests.unit.rows.records import RECEIVED_NS

NOON = datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)
RECEIVED = moment(RECEIVED_NS)
TRACE_ID = "0123456789abcdef0123456789abcdef"
IN_APP = {"function": "pay", "module": "shop", "filename": "shop.py", "abs_path": "/srv/shop.py", "in_app": True}
SYSTEM = {"function": "raise", "filename": "libc", "package": "/usr/lib/libc.so.6"}


def raised(**fields: Any) -> dict[str, Any]:
    return {"exception": {"values": [{"type": "Error", "value": "v", **fields}]}}


# An event's JSON, the columns as they are stored, and what `truncated` names.
Quirk = tuple[str, Any, dict[str, Any], list[str]]
EXCEPTIONS: list[Quirk] = [
    ("values null", {"exception": {"values": None}, "message": "m"}, {"type": None, "value": "m"}, []),
    ("values an object", {"exception": {"values": {"type": "A"}}}, {"type": "A", "value": None}, []),
    ("exception null", {"exception": None, "message": "m"}, {"type": None, "value": "m"}, []),
    ("exception a text", {"exception": "boom", "message": "m"}, {"type": None, "value": "m"}, []),
    ("exception empty", {"exception": {}, "message": "m"}, {"type": None, "value": "m"}, []),
    ("the last exception empty", {"exception": [{"type": "A"}, {}]}, {"type": "A"}, []),
    ("exception under its first name", {"sentry.interfaces.Exception": [{"type": "A"}]}, {"type": "A"}, []),
    ("type a number", raised(type=7), {"type": "7", "value": "v"}, []),
    ("type null", raised(type=None), {"type": None, "value": "v"}, []),
    ("value null", {"exception": [{"type": "A", "value": None}], "message": "m"}, {"type": "A", "value": None}, []),
    ("value a list", raised(value=["a", 1]), {"value": '["a",1]'}, []),
    ("mechanism empty", raised(mechanism={}), {"handled": None}, []),
    ("mechanism null", raised(mechanism=None), {"handled": None}, []),
    ("mechanism handled", raised(mechanism={"handled": True}), {"handled": True}, []),
    ("mechanism handled a text", raised(mechanism={"handled": "yes"}), {"handled": None}, []),
    ("stacktrace null", raised(stacktrace=None), {"culprit": None}, []),
    ("frames null", raised(stacktrace={"frames": None}), {"culprit": None}, []),
    ("frames of null", raised(stacktrace={"frames": [None, {}, "f", IN_APP, None]}), {"culprit": "shop in pay"}, []),
    ("frame of numbers", raised(stacktrace={"frames": [{"function": 1, "module": 2}]}), {"culprit": "2 in 1"}, []),
]
MESSAGES: list[Quirk] = [
    ("message null", {"message": None}, {"value": None}, []),
    ("message a number", {"message": 7}, {"value": "7"}, []),
    ("message an object", {"message": {"message": "m", "formatted": None}}, {"value": "m"}, []),
    ("logentry a text", {"logentry": "l", "message": "m"}, {"value": "l"}, []),
    ("logentry null", {"logentry": None, "message": "m"}, {"value": "m"}, []),
    ("logentry empty", {"logentry": {"message": ""}, "message": "m"}, {"value": "m"}, []),
    ("message under its first name", {"sentry.interfaces.Message": {"message": "m"}}, {"value": "m"}, []),
    ("parameters", {"logentry": {"message": "%s of %d: 100%%", "params": ["a", 2]}}, {"value": "a of 2: 100%"}, []),
    (
        "parameters by name",
        {"logentry": {"message": "%(n)s {n} %(m)s", "params": {"n": 1}}},
        {"value": "1 1 %(m)s"},
        [],
    ),
    (
        "parameters in braces",
        {"logentry": {"message": "{} {1} {} {}", "params": ["a", "b"]}},
        {"value": "a b b {}"},
        [],
    ),
    ("parameters missing", {"logentry": {"message": "%s and %s", "params": ["a"]}}, {"value": "a and %s"}, []),
    ("parameters null", {"logentry": {"message": "50% off", "params": None}}, {"value": "50% off"}, []),
    ("parameters a text", {"logentry": {"message": "%s", "params": "a"}}, {"value": "%s"}, []),
]
LEVELS: list[Quirk] = [
    ("level missing", {}, {"level": "error"}, []),
    ("level null", {"level": None}, {"level": "error"}, []),
    ("level in capitals", {"level": "ERROR"}, {"level": "error"}, []),
    ("level warn", {"level": "warn"}, {"level": "warning"}, []),
    ("level log", {"level": "log"}, {"level": "info"}, []),
    ("level critical", {"level": "critical"}, {"level": "fatal"}, []),
    ("level a number", {"level": 30}, {"level": "warning"}, []),
    ("level unknown", {"level": "loud"}, {"level": "error"}, ["level"]),
    ("level an object", {"level": {}}, {"level": "error"}, ["level"]),
]
TIMES: list[Quirk] = [
    ("milliseconds", {"timestamp": 1782907200500}, {"timestamp": NOON}, []),
    ("milliseconds as text", {"timestamp": "1782907200500"}, {"timestamp": NOON}, []),
    ("nine digits behind the point", {"timestamp": "2026-07-01T12:00:00.500000001Z"}, {"timestamp": NOON}, []),
    ("a space for the T", {"timestamp": "2026-07-01 12:00:00.5"}, {"timestamp": NOON}, []),
    ("time empty", {"timestamp": ""}, {"timestamp": RECEIVED}, ["timestamp"]),
    ("time a list", {"timestamp": [1]}, {"timestamp": RECEIVED}, ["timestamp"]),
    ("time true", {"timestamp": True}, {"timestamp": RECEIVED}, ["timestamp"]),
    ("time NaN", b'{"timestamp": NaN}', {"timestamp": RECEIVED}, ["timestamp"]),
    ("time null", {"timestamp": None}, {"timestamp": RECEIVED}, []),
]
TAGS_AND_USERS: list[Quirk] = [
    (
        "tags with null",
        {"tags": [["a", None], None, ["b", 1], [None, "n"]]},
        {"tags": {"a": None, "b": "1", "": "n"}},
        [],
    ),
    ("tags of objects", {"tags": {"a": {"b": 1}, "c": True}}, {"tags": {"a": '{"b":1}', "c": "true"}}, []),
    ("tags null", {"tags": None}, {"tags": None}, []),
    ("user id a number", {"user": {"id": 7}}, {"user": {"id": "7"}}, []),
    ("user id 0", {"user": {"id": 0}}, {"user": {"id": "0"}}, []),
    ("user id null", {"user": {"id": None, "name": "n"}}, {"user": {"id": None, "name": "n"}}, []),
    ("user a list", {"user": [1]}, {"user": None}, []),
    ("user under its first name", {"sentry.interfaces.User": {"id": "u"}}, {"user": {"id": "u"}}, []),
]
REST: list[Quirk] = [
    ("dist and release numbers", {"dist": 7, "release": 1.5}, {"dist": "7", "release": "1.5"}, []),
    ("platform missing", {}, {"platform": None}, []),
    ("platform a number", {"platform": 7}, {"platform": "7"}, []),
    ("sdk null", {"sdk": None}, {"sdk_name": "sentry.of.envelope", "sdk_version": "1"}, []),
    ("sdk a text", {"sdk": "raven"}, {"sdk_name": "sentry.of.envelope"}, []),
    ("sdk of the event", {"sdk": {"name": "own"}}, {"sdk_name": "own", "sdk_version": None}, []),
    ("contexts null", {"contexts": None}, {"trace_id": None}, []),
    ("contexts a list", {"contexts": [1]}, {"trace_id": None}, []),
    ("trace null", {"contexts": {"trace": None}}, {"trace_id": None}, []),
    (
        "trace id with dashes",
        {"contexts": {"trace": {"trace_id": TRACE_ID}}},
        {"trace_id": bytes.fromhex(TRACE_ID)},
        [],
    ),
    ("breadcrumbs a list", {"breadcrumbs": [None, {"message": "m"}]}, {"value": None}, []),
    ("breadcrumbs values", {"breadcrumbs": {"values": None}}, {"value": None}, []),
    ("debug_meta null", {"debug_meta": {"images": None}}, {"value": None}, []),
    ("modules a list", {"modules": ["a"], "request": "GET /", "extra": 5}, {"value": None}, []),
    ("fingerprint of other types", {"fingerprint": [7, None, 1.5, True]}, {"fingerprint": ["7", "1.5", "true"]}, []),
    ("fingerprint a text", {"fingerprint": "mine"}, {"fingerprint": ["mine"]}, []),
    ("fingerprint null", {"fingerprint": None, "message": "m"}, {"fingerprint": ["", "m", ""]}, []),
    ("fingerprint empty", {"fingerprint": [None], "message": "m"}, {"fingerprint": ["", "m", ""]}, []),
    ("threads null", {"threads": {"values": [None]}}, {"culprit": None}, []),
    (
        "the crashed thread",
        {"threads": [{"current": True}, {"crashed": True, "stacktrace": {"frames": [IN_APP, SYSTEM]}}]},
        {"culprit": "shop in pay"},
        [],
    ),
    ("a stack of the event", {"stacktrace": {"frames": [SYSTEM]}}, {"culprit": "libc in raise"}, []),
]
QUIRKS = EXCEPTIONS + MESSAGES + LEVELS + TIMES + TAGS_AND_USERS + REST


@pytest.mark.clause("Sentry d1", "Sentry e2", "Sentry e3", "Sentry e7")
@pytest.mark.parametrize(("event", "stored", "truncated"), [pytest.param(*quirk[1:], id=quirk[0]) for quirk in QUIRKS])
async def test_quirks(leaf: Leaf, event: Any, stored: dict[str, Any], truncated: list[str]) -> None:
    sdk = {"name": "sentry.of.envelope", "version": 1}
    rows = await leaf.store(envelope(item("event", event), event_id=EVENT_ID, sdk=sdk))
    (row,) = await leaf.read("error_events")
    assert rows.counts == {"error_events": 1}
    assert {column: row[column] for column in stored} == stored
    assert (row["truncated"] or []) == truncated


STACK = {"stacktrace": {"frames": [IN_APP, SYSTEM]}}
EVENT = {
    "exception": [{"type": "PayError", "value": "no 7", **STACK}],
    "transaction": "/pay",
    "logger": "shop",
    "level": "warn",
    "tags": [["tenant", "t1"]],
}
ONE_OF_SYSTEM = {"stacktrace": {"frames": [SYSTEM]}}


@pytest.mark.clause("Sentry e6")
@pytest.mark.parametrize(
    ("event", "name", "value"),
    [
        (EVENT, "default", ["PayError", "no <n>", "/pay"]),
        (EVENT, "transaction", ["/pay"]),
        (EVENT, "logger", ["shop"]),
        (EVENT, "level", ["warning"]),
        (EVENT, "type", ["PayError"]),
        (EVENT, "error.type", ["PayError"]),
        (EVENT, "value", ["no <n>"]),
        (EVENT, "error.value", ["no <n>"]),
        (EVENT, "message", ["no <n>"]),
        (EVENT, "raw_message", ["no 7"]),
        (EVENT, "function", ["pay"]),
        (EVENT, "stack.function", ["pay"]),
        (EVENT, "module", ["shop"]),
        (EVENT, "stack.abs_path", ["/srv/shop.py"]),
        (EVENT, "stack.filename", ["shop.py"]),
        (EVENT, "tags.tenant", ["t1"]),
        (EVENT, "tags.other", ["<no-tags.other>"]),
        (ONE_OF_SYSTEM, "path", ["libc"]),
        (ONE_OF_SYSTEM, "package", ["libc.so.6"]),
        ({}, "transaction", ["<no-transaction>"]),
        ({}, "stack.function", ["<no-stack.function>"]),
        ({}, "nobody knows", ["{{ nobody knows }}"]),
        ({}, "nonsense", ["{{ nonsense }}"]),
        ({"message": "m %s", "logentry": {"message": "l %s", "params": ["x"]}}, "message", ["l %s"]),
    ],
)
async def test_variables_of_a_fingerprint(leaf: Leaf, event: dict[str, Any], name: str, value: list[str]) -> None:
    await leaf.store(envelope(item("event", event | {"fingerprint": [f"{{{{ {name} }}}}", "own"]})))
    (row,) = await leaf.read("error_events")
    assert row["fingerprint"] == [*value, "own"]


@pytest.mark.clause("Sentry e5")
async def test_messages_that_differ_in_their_parameters_are_one_group(leaf: Leaf) -> None:
    events = [
        {"event_id": f"{number:032x}", "logentry": {"message": "%s is out of stock", "params": [name]}}
        for number, name in enumerate(["tea", "milk"], start=1)
    ]
    await leaf.store(envelope(*[item("event", event) for event in events]))
    rows = await leaf.read("error_events")
    assert {row["value"] for row in rows} == {"tea is out of stock", "milk is out of stock"}
    assert len({(row["grouping_hash"], row["grouping_version"]) for row in rows}) == 1


@pytest.mark.clause("Sentry e4")
async def test_a_message_cannot_grow_without_bound_by_its_parameters(leaf: Leaf) -> None:
    message = {"message": "%(a)s" * 10_000, "params": {"a": "x" * 20_000}}
    await leaf.store(envelope(item("event", {"logentry": message})))
    (row,) = await leaf.read("error_events")
    assert len(row["value"]) <= 100 * 8192 + 10_000 * 5


@pytest.mark.clause("Sentry e4", "Sentry d1")
async def test_what_is_too_long_is_cut_and_named(leaf: Leaf) -> None:
    long = "\u00e9" * 30
    columns = ("platform", "logger", "transaction", "server_name", "release", "dist", "culprit")
    event = dict.fromkeys(columns, long) | {"environment": long, "sdk": {"name": long, "version": long}}
    event |= {"exception": [{"type": long, "value": long}], "fingerprint": ["x" * 5000]}
    limits = Limits(attribute_max_bytes=41)
    await leaf.store(envelope(item("event", event)), limits=limits)
    (row,) = await leaf.read("error_events")
    stored = (*columns, "sdk_environment", "sdk_name", "sdk_version", "type", "value")
    assert {row[column] for column in stored} == {"\u00e9" * 20}
    assert set(row["truncated"]) == set(stored)
    assert row["fingerprint"] == ["x" * 1024]
    assert row["payload"] == event
