"""Which error events belong together."""

import pytest

from consumers.rows.grouping import default_parts, expanded, hash_of


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("no user 12 in 3.5s", "no user <n> in <n>.<n>s"),
        ("\n\n  second line first \n third", "second line first"),
        ("id 01234567-89ab-cdef-0123-456789abcdef gone", "id <uuid> gone"),
        ("object at 0x7f3a", "object at <hex>"),
        ("commit deadbeef0123456789 missing", "commit <hex> missing"),
        ("deadbeefdeadbeefdeadbeef is all letters", "deadbeefdeadbeefdeadbeef is all letters"),
        ("", ""),
    ],
)
def test_what_differs_from_event_to_event_is_replaced(value: str, line: str) -> None:
    assert default_parts(" KeyError ", value, " /cart ") == ["KeyError", line, "/cart"]


@pytest.mark.parametrize(
    ("fingerprint", "parts"),
    [
        ([], ["A", "b"]),
        (["mine"], ["mine"]),
        (["{{ default }}"], ["A", "b"]),
        (["x", "{{default}}", "y"], ["x", "A", "b", "y"]),
        (["not {{ default }}"], ["not {{ default }}"]),
    ],
)
def test_the_default_stands_where_a_fingerprint_says_so(fingerprint: list[str], parts: list[str]) -> None:
    assert expanded(fingerprint, ["A", "b"]) == parts


def test_the_hash_of_version_1_never_changes() -> None:
    assert hash_of(["KeyError", "no user <n>", "/cart"]).hex() == "6d1e09b467ab03b783dba12c279715d9"
    assert hash_of(["a", "b"]) != hash_of(["ab", ""])
    assert len(hash_of(["\ud800"])) == 16
