"""The description of the interface: whole, consistent in itself, and the same as what the table of calls says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.control.calling.call import Call
from gateway.control.calling.calls import CALLS
from gateway.control.calling.openapi import write

DOCUMENT: dict[str, Any] = json.loads(write(CALLS))
SCHEMAS = DOCUMENT["components"]["schemas"]
OPEN = {"/openapi.json", "/healthz", "/readyz"}


def operation_of(call: Call) -> dict[str, Any]:
    return DOCUMENT["paths"][call.pattern][call.method.lower()]


def within(value: Any) -> Iterator[Any]:
    """Give a JSON value and everything in it."""
    yield value
    match value:
        case dict():
            for each in value.values():
                yield from within(each)
        case list():
            for each in value:
                yield from within(each)
        case _:
            pass


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.pattern}")
def test_a_call_is_described_as_the_table_says(call: Call) -> None:
    operation = operation_of(call)
    assert [int(status) for status in operation["responses"]] == list(call.statuses)
    parameters = {(each["in"], each["name"]) for each in operation["parameters"]}
    assert {name for place, name in parameters if place == "path"} == set(re.findall(r"{(\w+)}", call.pattern))
    assert {name for place, name in parameters if place == "header"} == set(call.headers)
    assert ("requestBody" in operation) == (call.body is not None)
    assert operation["summary"].endswith((".", ":"))
    assert "Raises" not in operation["description"]


def test_the_document_has_every_call_and_what_needs_no_key() -> None:
    described = {(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert described == {(call.method, call.pattern) for call in CALLS} | {("GET", path) for path in OPEN}
    assert all(DOCUMENT["paths"][path]["get"]["security"] == [] for path in OPEN)
    names = [each["operationId"] for methods in DOCUMENT["paths"].values() for each in methods.values()]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    references = {each["$ref"] for each in within(DOCUMENT) if isinstance(each, dict) and "$ref" in each}
    for reference in references:
        found: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        assert found


def test_every_component_is_used() -> None:
    references = {each["$ref"] for each in within(DOCUMENT) if isinstance(each, dict) and "$ref" in each}
    for kind in ("schemas", "responses"):
        unused = {name for name in DOCUMENT["components"][kind] if f"#/components/{kind}/{name}" not in references}
        assert not unused


def test_times_say_that_they_are_times() -> None:
    assert SCHEMAS["Environment"]["properties"]["createdAt"] == {"type": "string", "format": "date-time"}
    assert {"type": "string", "format": "date-time"} in SCHEMAS["Environment"]["properties"]["expiresAt"]["anyOf"]


def test_patterns_are_those_that_every_language_reads() -> None:
    patterns = [each["pattern"] for each in within(DOCUMENT) if isinstance(each, dict) and "pattern" in each]
    assert patterns
    assert not [pattern for pattern in patterns if "(?" in pattern]


def test_a_query_has_plain_types() -> None:
    (after, limit, *rest) = DOCUMENT["paths"]["/api-keys"]["get"]["parameters"]
    assert (after["name"], after["required"]) == ("after", False)
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}
    assert {each["name"]: each["schema"]["type"] for each in rest} == {"appId": "string", "environmentId": "string"}


def test_lists_that_begin_with_the_newest_say_so() -> None:
    assert "oldest first unless its call says otherwise" in SCHEMAS["Page_App_"]["description"]
    for name in ("rejections", "attachments"):
        operation = DOCUMENT["paths"][f"/environments/{{id}}/{name}"]["get"]
        assert "newest first" in operation["summary"]
