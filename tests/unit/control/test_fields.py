"""A wrong field is named, a body that is no JSON is told apart, and no bytes raise anything else."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect as types
from multidict import MultiDict

from gateway.control.calling.calls import CALLS
from gateway.control.calling.explaining import takes
from gateway.control.calling.reading import read_body, read_parameter, read_path, read_query
from gateway.control.credentials.credential_types import (
    ApiKeyQuery,
    CreateApiKey,
    CreatePublicToken,
    PublicTokenQuery,
    UpdateApiKey,
)
from gateway.control.environments.limit_types import UpdatePolicy
from gateway.control.roles.access_types import CreateMember, CreateRole
from gateway.control.types import CreateApp, CreateChannel, CreateEnvironment, Input, PageQuery
from schemas.errors import Malformed, NotFound, Unprocessable

APP = {"name": "Shop"}
ENVIRONMENT = {"slug": "staging"}
KEY = {"appId": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}
TOKEN = {"channelId": 1, "environmentId": "01ARZ3NDEKTSV4RRFFQ69G5FAV"}

WRONG_FIELDS: list[tuple[type[Input], dict[str, Any], str]] = [
    (CreateApp, {}, "name"),
    (CreateApp, {"name": 1}, "name"),
    (CreateApp, {"name": None}, "name"),
    (CreateApp, {"name": ""}, "name"),
    (CreateApp, {"name": "x" * 201}, "name"),
    (CreateApp, {"name": "a\x00b"}, "name"),
    (CreateApp, {"name": "a\n"}, "name"),
    (CreateApp, {**APP, "slug": "Shop"}, "slug"),
    (CreateApp, {**APP, "slug": "shop\n"}, "slug"),
    (CreateApp, {**APP, "slug": ""}, "slug"),
    (CreateApp, {**APP, "slug": "x" * 41}, "slug"),
    (CreateApp, {**APP, "colour": "red"}, "colour"),
    (CreateApp, {**APP, "is_production": True}, "is_production"),
    (CreateEnvironment, {}, "slug"),
    (CreateEnvironment, {**ENVIRONMENT, "color": "red"}, "color"),
    (CreateEnvironment, {**ENVIRONMENT, "color": "#12345"}, "color"),
    (CreateEnvironment, {**ENVIRONMENT, "isProduction": "yes"}, "isProduction"),
    (CreateEnvironment, {**ENVIRONMENT, "isProduction": None}, "isProduction"),
    (CreateEnvironment, {**ENVIRONMENT, "expiresAt": "tomorrow"}, "expiresAt"),
    (CreateEnvironment, {**ENVIRONMENT, "expiresAt": "2030-01-01T00:00:00"}, "expiresAt"),
    (CreateEnvironment, {**ENVIRONMENT, "expiresAt": 1893456000}, "expiresAt"),
    (CreateEnvironment, {**ENVIRONMENT, "partitions": 0}, "partitions"),
    (CreateEnvironment, {**ENVIRONMENT, "partitions": 1001}, "partitions"),
    (CreateEnvironment, {**ENVIRONMENT, "partitions": 1.5}, "partitions"),
    (CreateEnvironment, {**ENVIRONMENT, "retentionDays": 0}, "retentionDays"),
    (CreateEnvironment, {**ENVIRONMENT, "requireConfirmationForDestructive": 1}, "requireConfirmationForDestructive"),
    (CreateChannel, {}, "name"),
    (CreateChannel, {"name": "x", "id": 7}, "id"),
    (CreateApiKey, {}, "appId"),
    (CreateApiKey, {"appId": 1}, "appId"),
    (CreateApiKey, {"appId": "a\x00"}, "appId"),
    (CreateApiKey, {**KEY, "allowEnvironmentOverride": "true"}, "allowEnvironmentOverride"),
    (CreateApiKey, {**KEY, "overrideEnvironments": "staging"}, "overrideEnvironments"),
    (CreateApiKey, {**KEY, "overrideEnvironments": ["staging", "NO"]}, "overrideEnvironments[1]"),
    (CreateApiKey, {**KEY, "channelId": 1}, "channelId"),
    (UpdateApiKey, {"environmentId": None}, "environmentId"),
    (UpdateApiKey, {"name": None}, "name"),
    (UpdateApiKey, {"appId": "x"}, "appId"),
    (CreatePublicToken, {"environmentId": "x"}, "channelId"),
    (CreatePublicToken, {"channelId": 1}, "environmentId"),
    (CreatePublicToken, {**TOKEN, "channelId": "1"}, "channelId"),
    (CreatePublicToken, {**TOKEN, "channelId": 2**63}, "channelId"),
    (CreatePublicToken, {**TOKEN, "origins": ["shop.example"]}, "origins[0]"),
    (CreatePublicToken, {**TOKEN, "origins": ["https://shop.example/path"]}, "origins[0]"),
    (CreatePublicToken, {**TOKEN, "allowEnvironmentOverride": True}, "allowEnvironmentOverride"),
]


@pytest.mark.parametrize(("body_type", "body", "field"), WRONG_FIELDS)
def test_a_wrong_missing_or_unknown_field_is_named(body_type: type[Input], body: dict[str, Any], field: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        read_body(body_type, msgspec.json.encode(body))
    assert f"`{field}`" in caught.value.message
    assert "regex" not in caught.value.message


@pytest.mark.parametrize(
    ("body_type", "body", "says"),
    [
        (CreateEnvironment, {"slug": "A"}, "`slug`: takes 1 to 40 characters a-z, 0-9 and -."),
        (CreateEnvironment, {**ENVIRONMENT, "color": "red"}, "`color`: takes #RRGGBB."),
        (CreateEnvironment, {**ENVIRONMENT, "ingest": "shut"}, "`ingest`: takes one of open, paused, archived."),
        (CreateApp, {"name": "a\x00"}, "`name`: takes text without control characters."),
        (CreateApiKey, {**KEY, "scopes": ["log"]}, "`scopes[0]`: takes one of logs, traces, metrics, sentry."),
        (CreateApiKey, {**KEY, "origins": ["x"]}, "`origins[0]`: takes scheme://host or scheme://host:port."),
        (CreateRole, {"slug": "r", "name": "R", "base": "boss", "without": []}, "one of agent, developer, admin."),
        (CreateMember, {"email": "ann", "name": "Ann"}, "`email`: takes an address like ann@shop.example."),
        (CreateApiKey, {**KEY, "rate": {"burst": -1}}, "`rate.burst`: expected `int` >= 1."),
        (UpdatePolicy, {"categories": {"error": {"perMinute": "x"}}}, "`categories[...].perMinute`: expected `int`"),
    ],
)
def test_what_a_field_takes_is_told_in_words(body_type: type[Input], body: dict[str, Any], says: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        read_body(body_type, msgspec.json.encode(body))
    assert says in caught.value.message


def texts_of(info: types.Type, path: str = "") -> Iterator[str]:
    """Give the paths of all texts below a type that have a pattern, as msgspec writes them."""
    match info:
        case types.Metadata(type=inner):
            yield from texts_of(inner, path)
        case types.UnionType(types=alternatives):
            for each in alternatives:
                yield from texts_of(each, path)
        case types.StructType(fields=fields):
            for field in fields:
                yield from texts_of(field.type, f"{path}.{field.encode_name}".removeprefix("."))
        case types.ListType(item_type=inner):
            yield from texts_of(inner, f"{path}[0]")
        case types.StrType(pattern=str()):
            yield path
        case _:
            pass


@pytest.mark.parametrize(
    "of", {each: None for call in CALLS for each in (call.body, call.query) if each}, ids=lambda of: of.__name__
)
def test_there_are_words_for_every_text_with_a_pattern(of: type[Input]) -> None:
    for path in texts_of(types.type_info(of)):
        assert takes(of, path), path


def test_bytes_of_a_path_that_are_no_utf8_are_no_ref_and_never_another_one() -> None:
    pattern = "/apps/{id}/environments/by-ref/{ref}"
    first, second = (read_path(pattern, f"/apps/a/environments/by-ref/{ref}") for ref in ("%FF", "%FE"))
    assert first is not None
    assert first != second
    for ref in (first["ref"], "a\x00", "x" * 201):
        with pytest.raises(NotFound, match="1 to 200 characters in UTF-8"):
            read_parameter("ref", ref)
    assert read_parameter("ref", "f\u00fc\u20ac/1") == "f\u00fc\u20ac/1"


@pytest.mark.parametrize(
    ("query_type", "query", "field"),
    [
        (PageQuery, {"limit": "0"}, "limit"),
        (PageQuery, {"limit": "1001"}, "limit"),
        (PageQuery, {"limit": "many"}, "limit"),
        (PageQuery, {"limt": "5"}, "limt"),
        (ApiKeyQuery, {"appId": ""}, "appId"),
        (ApiKeyQuery, {"environmentId": "a\x00"}, "environmentId"),
        (PublicTokenQuery, {"channelId": "x"}, "channelId"),
    ],
)
def test_a_wrong_parameter_of_a_query_is_named(query_type: type[Input], query: dict[str, str], field: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        read_query(query_type, query)
    assert f"`{field}`" in caught.value.message


def test_a_parameter_that_is_sent_twice_is_named() -> None:
    with pytest.raises(Unprocessable, match="`limit`: is given 2 times; give it once"):
        read_query(PageQuery, MultiDict([("limit", "1"), ("after", ""), ("limit", "1")]))


def test_numbers_of_a_query_are_read() -> None:
    assert read_query(PublicTokenQuery, {"limit": "7", "channelId": "3", "appId": "12"}) == PublicTokenQuery(
        limit=7, channel_id=3, app_id="12"
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"name": "a"} x', b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"\x00", b"name=a", b"'name'"],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed, match="JSON"):
        read_body(CreateApp, body)


@pytest.mark.parametrize("body", [b"[]", b"null", b'"name"', b"1", b"[" * 100_000])
def test_json_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises((Malformed, Unprocessable), match="object"):
        read_body(CreateApp, body)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_body_or_one_of_two_errors(body: bytes) -> None:
    with pytest.raises((Malformed, Unprocessable)):
        read_body(CreateEnvironment, body)


TEXTS = st.text("ab0-\n\x00\ud800é ", max_size=5)


@given(st.fixed_dictionaries({}, optional={"name": TEXTS, "slug": TEXTS}))
def test_what_is_read_can_be_stored(body: dict[str, str]) -> None:
    # PostgreSQL refuses U+0000 and surrogates in a text.
    try:
        app = read_body(CreateApp, str(body).replace("'", '"').encode("utf-8", "surrogatepass"))
    except (Malformed, Unprocessable):
        return
    for text in filter(None, (app.name, app.slug)):
        assert "\x00" not in text
        assert text.encode()
