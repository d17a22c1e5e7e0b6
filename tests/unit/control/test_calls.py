"""The table of calls: a path finds its call, and the declared types are those of the rules."""

from typing import get_type_hints

import pytest

from gateway.control.calls import CALLS, Call, match
from schemas.errors import MethodNotAllowed, NotFound


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_a_path_finds_its_call(call: Call) -> None:
    path = call.pattern.replace("{id}", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    found, params = match(call.method, path)
    assert found is call
    assert params == ({"id": "01ARZ3NDEKTSV4RRFFQ69G5FAV"} if "{id}" in call.pattern else {})


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_the_declared_types_are_those_of_the_rule(call: Call) -> None:
    hints = get_type_hints(call.run)
    assert hints.get("body") is call.body
    assert hints.get("query") is call.query
    positional = [name for name in hints if name not in ("service", "principal", "body", "query", "return")]
    assert len(positional) == call.pattern.count("{")


@pytest.mark.parametrize("path", ["/", "", "/app", "/apps/", "/apps//environments", "/apps/x/y", "/apps/x/channels/1"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        match("GET", path)


def test_another_method_is_not_allowed_and_those_that_are_stand_in_the_error() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        match("DELETE", "/apps")
    assert caught.value.allowed == ("POST", "GET")


def test_an_encoded_slash_stays_within_its_segment() -> None:
    assert match("GET", "/apps/acme%2Fshop%2342")[1] == {"id": "acme/shop#42"}
