"""The list of what clients may rely on, and the numbers that tests carry."""

from tests.conformance.table import clauses, numbers_of_tests, render


def test_every_clause_has_a_test_and_every_number_that_a_test_carries_is_a_clause() -> None:
    assert set(numbers_of_tests()) == set(clauses())


def test_the_table_shows_every_clause() -> None:
    rows = [line for line in render().splitlines() if line.startswith("| ") and not line.startswith("| |")]
    assert len(rows) == len(clauses())
