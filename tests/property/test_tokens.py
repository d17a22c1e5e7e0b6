"""Properties of key texts: what is minted parses, and no single change of a character passes for a key."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.tokens import hint_of, mint, parse
from schemas.environment import Kind

ULIDS = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)
HINTS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=12)
KEYS = st.builds(mint, st.sampled_from(Kind), HINTS, ULIDS, st.binary(min_size=32, max_size=32))


@given(st.sampled_from(Kind), HINTS, ULIDS, st.binary(min_size=32, max_size=32))
def test_what_is_minted_parses(kind: Kind, hint: str, credential_id: str, secret: bytes) -> None:
    text = mint(kind, hint, credential_id, secret)
    parsed = parse(text)
    assert parsed is not None
    assert (parsed.kind, parsed.id, parsed.text) == (kind, credential_id, text)
    assert re.fullmatch(r"[A-Za-z0-9_]+", text)
    assert text.startswith(f"{kind.value}_{hint}_{credential_id}")


@given(KEYS, st.data())
def test_any_single_changed_character_is_rejected(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    # Characters of keys are the hard ones: whatever else is no key by its form.
    likely = st.sampled_from("_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    character = data.draw(st.one_of(likely, st.characters(codec="utf-8")).filter(lambda other: other != text[place]))
    assert parse(text[:place] + character + text[place + 1 :]) is None


@given(KEYS, st.data())
def test_a_key_with_something_before_or_behind_it_is_none(text: str, data: st.DataObject) -> None:
    extra = data.draw(st.text(min_size=1, max_size=3))
    assert parse(text + extra) is None
    assert parse(extra + text) is None


@given(st.text(max_size=200))
def test_any_text_is_parsed_without_an_exception(text: str) -> None:
    assert parse(text) is None


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=40), st.binary(min_size=32, max_size=32))
def test_the_hint_of_any_slug_fits_into_a_key(slug: str, secret: bytes) -> None:
    assert parse(mint(Kind.API_KEY, hint_of(slug), "01ARZ3NDEKTSV4RRFFQ69G5FAV", secret))
