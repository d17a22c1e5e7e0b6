"""The slug of a preview: any ref has one, it has the form of a slug, and it is free."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.control.environments.previews import slug_of_ref

SLUG = re.compile(r"[a-z0-9-]{1,40}")
REFS = st.text(min_size=1, max_size=200) | st.text("ab-/#", min_size=1, max_size=200)


@given(REFS, st.integers(0, 30))
def test_a_ref_made_again_and_again_gets_free_slugs(ref: str, times: int) -> None:
    taken: set[str] = set()
    for _ in range(times + 1):
        slug = slug_of_ref(ref, taken)
        assert SLUG.fullmatch(slug)
        assert slug not in taken
        assert not slug.startswith("-")
        assert not slug.endswith("-")
        taken.add(slug)


@pytest.mark.parametrize(
    ("ref", "taken", "slug"),
    [
        ("acme/shop#42", [], "acme-shop-42"),
        ("acme/shop#42", ["acme-shop-42"], "acme-shop-42-2"),
        ("acme/shop#42", ["acme-shop-42", "acme-shop-42-2"], "acme-shop-42-3"),
        ("Feature/ÜBER", [], "feature-ber"),
        ("店", [], "preview"),
        ("x" * 60, ["x" * 40], "x" * 38 + "-2"),
        ("x" * 37 + "-yz", ["x" * 37 + "-yz"], "x" * 37 + "-2"),
    ],
)
def test_slugs_read_like_their_refs(ref: str, taken: list[str], slug: str) -> None:
    assert slug_of_ref(ref, taken) == slug
