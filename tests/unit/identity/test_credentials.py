"""Where a key can stand: every place, two places, and what is passed over."""

import base64
from collections.abc import Sequence

import pytest
from multidict import CIMultiDict, MultiDict

from gateway.identity.credentials import control_key, otlp_key, project_of, sentry_key, single, with_dsn
from schemas.errors import Malformed, Unauthenticated

KEY = "ak_prod_0123456789"
OTHER = "pt_prod_9876543210"
Pairs = Sequence[tuple[str, str]]


def headers(*pairs: tuple[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(pairs)


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


OTLP_PLACES: Sequence[Pairs] = (
    [("X-API-Key", KEY)],
    [("x-api-key", f"  {KEY} ")],
    [("Authorization", f"Bearer {KEY}")],
    [("authorization", f"bearer   {KEY}")],
    [("Authorization", KEY)],
    [("Authorization", basic(KEY))],
    [("Authorization", f"Bearer%20{KEY}")],
    [("Authorization", basic(KEY, "ignored"))],
    [("Authorization", basic(KEY, "p").replace(" ", "  ") + " ")],
    [("Authorization", basic(KEY, "pa").rstrip("="))],
    [("Authorization", "Basic " + base64.b64encode(f"{KEY}:".encode() + b"\xff\xfe").decode())],
    [("X-API-Key", KEY), ("Authorization", f"Bearer {KEY}")],
    [("X-API-Key", KEY), ("X-API-Key", KEY)],
    [("X-API-Key", KEY), ("Authorization", "Bearer a-token-of-the-proxy")],
    [("X-API-Key", KEY), ("Authorization", "Basic !!!")],
    [("X-API-Key", KEY), ("Authorization", basic("somebody", "password"))],
)


@pytest.mark.clause("OTLP 16b")
@pytest.mark.parametrize("pairs", OTLP_PLACES)
def test_otlp_reads_every_place(pairs: Pairs) -> None:
    assert otlp_key(headers(*pairs)) == KEY
    assert control_key(headers(*pairs)) == KEY


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([], "no_credential"),
        ([("X-API-Key", "")], "no_credential"),
        ([("X-API-Key", "a-key-of-somebody-else")], "no_credential"),
        ([("Authorization", "Bearer a-token-of-the-proxy")], "no_credential"),
        ([("X-API-Key", KEY), ("Authorization", f"Bearer {OTHER}")], "conflicting_credentials"),
    ],
)
def test_otlp_without_one_key_is_unauthenticated(pairs: Pairs, reason: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        otlp_key(headers(*pairs))
    assert caught.value.reason == reason
    assert KEY not in caught.value.message


def test_a_header_sent_twice_with_two_values_is_malformed() -> None:
    with pytest.raises(Malformed, match="X-Axonpush-Environment"):
        single(headers(("X-Axonpush-Environment", "a"), ("x-axonpush-environment", "b")), "X-Axonpush-Environment")


SENTRY = f"Sentry sentry_key={KEY}, sentry_version=7, sentry_client=sentry.python/2.0"
SENTRY_PLACES: Sequence[tuple[Pairs, dict[str, str], str | None]] = (
    ([("X-Sentry-Auth", SENTRY)], {}, None),
    ([("X-Sentry-Auth", f"sentry sentry_version=7,sentry_key={KEY}")], {}, None),
    ([("X-Sentry-Auth", f'SENTRY sentry_key="{KEY}"')], {}, None),
    ([("Authorization", SENTRY)], {}, None),
    ([("Authorization", basic(KEY))], {}, None),
    ([("X-API-Key", KEY)], {}, None),
    ([], {"sentry_key": KEY, "sentry_version": "7"}, None),
    ([], {}, KEY),
    ([("X-Sentry-Auth", "Bearer something-else"), ("Authorization", SENTRY)], {}, None),
    ([("X-Sentry-Auth", SENTRY)], {"sentry_key": KEY}, KEY),
)


@pytest.mark.clause("Sentry 17a", "Sentry 17b")
@pytest.mark.parametrize(("pairs", "query", "path_key"), SENTRY_PLACES)
def test_sentry_reads_every_place(pairs: Pairs, query: dict[str, str], path_key: str | None) -> None:
    assert sentry_key(headers(*pairs), MultiDict(query), path_key) == KEY


def test_the_dsn_of_the_envelope_counts_where_nothing_else_stands() -> None:
    assert sentry_key(headers(), MultiDict()) is None
    assert with_dsn(None, KEY) == KEY
    assert with_dsn(KEY, None) == KEY
    assert with_dsn(KEY, KEY) == KEY


def test_sentry_without_any_key_is_unauthenticated() -> None:
    with pytest.raises(Unauthenticated) as caught:
        with_dsn(None, None)
    assert caught.value.reason == "no_credential"


@pytest.mark.clause("Sentry 17d")
def test_two_different_sentry_keys_are_unauthenticated() -> None:
    with pytest.raises(Unauthenticated) as caught:
        sentry_key(headers(("X-Sentry-Auth", SENTRY)), MultiDict(sentry_key=OTHER))
    assert caught.value.reason == "conflicting_credentials"
    with pytest.raises(Unauthenticated):
        sentry_key(headers(), MultiDict([("sentry_key", KEY), ("sentry_key", OTHER)]))
    with pytest.raises(Unauthenticated):
        sentry_key(headers(("X-Sentry-Auth", SENTRY)), MultiDict(), OTHER)


@pytest.mark.clause("Sentry 17e")
def test_a_dsn_with_another_key_is_malformed() -> None:
    with pytest.raises(Malformed):
        with_dsn(KEY, OTHER)


@pytest.mark.clause("Sentry 18a")
@pytest.mark.parametrize(
    ("pairs", "query"),
    [
        ([("X-Sentry-Auth", "Sentry sentry_key=ak-with-dashes")], {}),
        ([], {"sentry_key": "ak_ü"}),
        ([("X-Sentry-Auth", f"Sentry sentry_key={KEY}, sentry_version=8")], {}),
        ([("X-Sentry-Auth", f"Sentry sentry_key={KEY}, sentry_version=seven")], {}),
        ([], {"sentry_key": KEY, "sentry_version": "99"}),
        ([("X-Sentry-Auth", SENTRY)], {"sentry_version": "8"}),
    ],
)
def test_sentry_keys_and_versions_of_a_wrong_form_are_malformed(pairs: Pairs, query: dict[str, str]) -> None:
    with pytest.raises(Malformed):
        sentry_key(headers(*pairs), MultiDict(query))


@pytest.mark.clause("Sentry 18a")
@pytest.mark.parametrize("text", ["shop", "", "-1", "1.0", "\N{ARABIC-INDIC DIGIT ONE}", "1 "])
def test_a_project_that_is_no_number_is_malformed(text: str) -> None:
    assert (project_of("42"), project_of(None)) == ("42", None)
    with pytest.raises(Malformed, match="not a number"):
        project_of(text)
