"""Keys by example: their form, the digest, the peppers."""

import hashlib
import hmac

import pytest

from gateway.identity.tokens import Peppers, digest, hint_of, mint, parse, parse_peppers, verify
from schemas.environment import Kind
from schemas.errors import ConfigError

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
TEXT = mint(Kind.API_KEY, "prod", ID, bytes(range(32)))


def test_a_key_keeps_its_form() -> None:
    # Keys that were handed out must parse for ever: this text may never change.
    assert TEXT == "ak_prod_01ARZ3NDEKTSV4RRFFQ69G5FAV003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf09Nobt"


@pytest.mark.parametrize(
    ("slug", "hint"),
    [
        ("production", "prod"),
        ("development", "dev"),
        ("staging", "staging"),
        ("pr-1234-add-search-page", "pr1234addsea"),
        ("---", "env"),
    ],
)
def test_hints(slug: str, hint: str) -> None:
    assert hint_of(slug) == hint


@pytest.mark.parametrize("text", ["", "ak_", "xx" + TEXT[2:], TEXT[:-1], TEXT + "\n", " " + TEXT, TEXT.lower()])
def test_what_is_no_key(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("hint", "credential_id", "secret"),
    [("", ID, bytes(32)), ("a_b", ID, bytes(32)), ("prod", "short", bytes(32)), ("prod", ID, bytes(31))],
)
def test_a_key_is_never_minted_from_wrong_parts(hint: str, credential_id: str, secret: bytes) -> None:
    with pytest.raises(ValueError, match="key"):
        mint(Kind.API_KEY, hint, credential_id, secret)


def test_the_digest_is_hmac_sha_256() -> None:
    assert digest(TEXT, b"pepper") == hmac.new(b"pepper", TEXT.encode(), hashlib.sha256).digest()


def test_a_key_verifies_under_the_pepper_of_its_row_only() -> None:
    peppers = Peppers(current=2, by_version={1: b"1" * 32, 2: b"2" * 32})
    stored = digest(TEXT, b"1" * 32)
    assert verify(TEXT, stored, 1, peppers)
    assert not verify(TEXT, stored, 2, peppers)
    assert not verify(TEXT, stored, 3, peppers)
    assert not verify(mint(Kind.API_KEY, "prod", ID, bytes(32)), stored, 1, peppers)


def test_the_highest_pepper_is_current() -> None:
    peppers = parse_peppers(f" 2:{'bb' * 32}, 1:{'aa' * 32} ")
    assert peppers == Peppers(current=2, by_version={1: b"\xaa" * 32, 2: b"\xbb" * 32})


@pytest.mark.parametrize(
    "text",
    ["", ",", "aa" * 32, "x:" + "aa" * 32, "0:" + "aa" * 32, "1:zz", "1:aa", f"1:{'aa' * 32},1:{'bb' * 32}"],
)
def test_wrong_peppers_are_named_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError, match=r"directory\.peppers") as caught:
        parse_peppers(text)
    assert "aaaa" not in caught.value.message
