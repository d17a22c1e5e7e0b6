"""Which error events belong together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.rows.sentry.grouping import VERSION, default_parts, expanded, hash_of, normalized

# The value of an exception, and the line that it is grouped by.
LINES = [
    ("no user 12 in 3.5s", "no user <n> in <n>s"),
    ("\n\n  second line first \n third", "second line first"),
    ("id 01234567-89ab-cdef-0123-456789abcdef gone", "id <uuid> gone"),
    ("object at 0x7F3a", "object at <n>"),
    ("commit deadbeef1 missing", "commit <n> missing"),
    ("commit 12345678 missing", "commit <n> missing"),
    ("deadbeefdeadbeefdeadbeef is all letters", "deadbeefdeadbeefdeadbeef is all letters"),
    ("user_42 not in 'user_43'", "user_<n> not in 'user_<n>'"),
    ("-3 < 1,000.5e-7 < 2-1", "<n> < <n> < <n>-<n>"),
    ("ann.o+x@mail.example.com is taken", "<email> is taken"),
    ("GET https://shop.example/cart?id=7#x failed", "GET <url> failed"),
    ("tcp://user:pass@db.internal:5432 refused", "<url> refused"),
    ("(wss://a.example/b), closed", "(<url>), closed"),
    ("10.0.0.1:8080 refused, 1.2.3.4.5 is none", "<ip>:<n> refused, <n> is none"),
    ("fe80::1 and 2001:db8::8a2e:370:7334 and ::1 refused", "<ip> and <ip> and <ip> refused"),
    ("std::vector at Foo::bar", "std::vector at Foo::bar"),
    ("at 2026-07-01T12:00:00.123Z", "at <time>"),
    ("at 2026-07-01 12:00:00+02:00, not 2026-07-02", "at <time>, not <time>"),
    ("at 12:00:59.5 sharp", "at <time> sharp"),
    ("name='Ann O', note=\"x\", n=7, other='", "name=<text>, note=<text>, n=<n>, other='"),
    ("", ""),
    (" \r\n \u2028 ", ""),
]


@pytest.mark.clause("Sentry e5")
@pytest.mark.parametrize(("value", "line"), LINES)
def test_what_differs_from_event_to_event_is_replaced(value: str, line: str) -> None:
    assert default_parts(" KeyError ", value, " /cart ") == ["KeyError", line, "/cart"]


@given(st.text(st.sampled_from("=':/@-.0a9 f\"\n"), max_size=2000))
def test_any_line_is_normalized_to_one_line_without_digits(value: str) -> None:
    assert not set(normalized(value)) & set("09\n")


@pytest.mark.parametrize("value", ["='" * 600, "a" * 1100 + "://", "a@" * 600, "0:" * 600, "1." * 600, "0-" * 600])
def test_no_line_takes_long(value: str) -> None:
    # The time limit of a test would tell a pattern that backtracks without end.
    assert len(normalized(value * 1000)) <= 1024 * len("<email>")


VARIABLES = {"level": "fatal", "tags.shop": "s", "empty": ""}


@pytest.mark.clause("Sentry e6")
@pytest.mark.parametrize(
    ("fingerprint", "parts"),
    [
        ([], ["A", "b"]),
        (["mine"], ["mine"]),
        (["{{ default }}"], ["A", "b"]),
        (["x", "{{default}}", "y"], ["x", "A", "b", "y"]),
        (["not {{ default }}"], ["not {{ default }}"]),
        (["{{ level }}", " {{tags.shop}} ", "{{ empty }}"], ["fatal", "s", ""]),
        (["{{ unknown }}", "{{ }}", "{{ two words }}"], ["{{ unknown }}", "{{ }}", "{{ two words }}"]),
        (["x" * 2000], ["x" * 1024]),
        (["x"] * 200, ["x"] * 100),
    ],
)
def test_variables_stand_for_values_where_a_fingerprint_says_so(fingerprint: list[str], parts: list[str]) -> None:
    assert expanded(fingerprint, ["A", "b"], VARIABLES.get) == parts


@pytest.mark.clause("Sentry e5")
def test_the_hash_of_a_version_never_changes() -> None:
    assert VERSION == 2
    assert hash_of(["KeyError", "no user <n>", "/cart"]).hex() == "6d1e09b467ab03b783dba12c279715d9"
    assert hash_of(["a", "b"]) != hash_of(["ab", ""])
    assert len(hash_of(["\ud800"])) == 16
