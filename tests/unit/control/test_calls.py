"""The table of calls: a path finds its call, and the declared types are those of the rules."""

from typing import get_type_hints

import pytest

from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS, match
from schemas.errors import MethodNotAllowed, NotFound

PARAMETERS = {
    "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "ref": "feature",
    "ingestId": "ab" * 16,
    "item": "0",
    "traceId": "ab" * 16,
}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_a_path_finds_its_call(call: Call) -> None:
    found, params = match(call.method, call.pattern.format(**PARAMETERS))
    assert found is call
    assert params == {name: value for name, value in PARAMETERS.items() if f"{{{name}}}" in call.pattern}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_the_declared_types_are_those_of_the_rule(call: Call) -> None:
    hints = get_type_hints(call.run)
    assert hints.get("body") is call.body
    assert hints.get("query") is call.query
    positional = [name for name in hints if name not in ("service", "principal", "body", "query", "return")]
    assert len(positional) == call.pattern.count("{")
    assert (hints["return"] is type(None)) == (call.status == 204)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_what_changes_something_has_a_name_for_the_audit_log(call: Call) -> None:
    assert (call.action is None) == (call.method == "GET")
    assert call.status in call.statuses


def test_the_headers_of_a_call_follow_from_what_it_does() -> None:
    assert match("POST", "/apps")[0].headers == ("Idempotency-Key",)
    assert match("PATCH", "/apps/x")[0].headers == ("If-Match",)
    assert match("DELETE", "/environments/x")[0].headers == ("X-Confirm", "X-Confirm-Challenge", "X-Approval")
    assert match("DELETE", "/apps/x")[0].headers == ("X-Confirm", "X-Confirm-Challenge")
    assert match("GET", "/apps")[0].headers == ()
    assert match("GET", "/apps/x")[0].headers == ("If-None-Match",)


def test_the_statuses_of_a_call_follow_from_what_it_does() -> None:
    assert match("GET", "/apps/x")[0].statuses == (200, 304, 400, 401, 403, 404, 422, 503)
    assert set(match("POST", "/environments/x/wipe")[0].statuses) >= {200, 404, 428}
    assert set(match("POST", "/apps")[0].statuses) >= {201, 408, 409, 413, 415}
    assert set(match("PUT", "/apps/x/environments/by-ref/y")[0].statuses) >= {200, 201, 409}
    assert 412 in match("PATCH", "/environments/x")[0].statuses


@pytest.mark.parametrize("path", ["/", "", "/app", "/apps/", "/apps//environments", "/apps/x/y", "/apps/x/channels/1"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        match("GET", path)


def test_another_method_is_not_allowed_and_those_that_are_stand_in_the_error() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        match("DELETE", "/apps")
    assert caught.value.allowed == ("POST", "GET", "HEAD", "OPTIONS")


def test_head_is_the_call_of_get() -> None:
    assert match("HEAD", "/apps/x") == match("GET", "/apps/x")
    with pytest.raises(MethodNotAllowed):
        match("HEAD", "/environments/x/wipe")


def test_an_encoded_slash_stays_within_its_segment() -> None:
    assert match("GET", "/apps/acme%2Fshop%2342")[1] == {"id": "acme/shop#42"}
