"""The budget of bytes, whoever takes and gives back: room is left, nothing is lost, nobody is remembered."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.budget import Budget
from gateway.runtime.settings import Limits
from schemas.errors import Overloaded

MAX_BYTES = 10_000
OWNERS = "abcdefgh"
NEWCOMER = "z"
PERCENTAGES = st.integers(1, 99)
# Who asks for how much; with the flag, it gives back all that it holds after that.
Asked = list[tuple[str, int, bool]]
ASKED = st.lists(st.tuples(st.sampled_from(OWNERS), st.integers(0, MAX_BYTES), st.booleans()), max_size=80)


def takes(budget: Budget, owner: str, size_bytes: int) -> bool:
    """Take bytes if there are any, and tell whether there were."""
    try:
        budget.take(owner, size_bytes)
    except Overloaded:
        return False
    return True


def played(percent: int, asked: Asked) -> Iterator[tuple[Budget, Counter[str]]]:
    """Give, after each that asked and after all have left, the budget and what is held by whom."""
    limits = Limits(in_flight_max_bytes=MAX_BYTES, in_flight_environment_percent=percent)
    budget = Budget(limits, of_what="requests in hand")
    held: Counter[str] = Counter()
    for owner, size_bytes, gives_back in [*asked, *((owner, 0, True) for owner in OWNERS)]:
        if takes(budget, owner, size_bytes):
            held[owner] += size_bytes
        if gives_back:
            budget.give_back(owner, held.pop(owner, 0))
        yield budget, held


@pytest.mark.clause("Sentry d4")
@given(percent=PERCENTAGES, asked=ASKED)
def test_whoever_holds_nothing_has_its_share_of_what_is_free(percent: int, asked: Asked) -> None:
    for budget, _ in played(percent, asked):
        share_bytes = (MAX_BYTES - budget.held_bytes) * percent // 100
        assert not takes(budget, NEWCOMER, share_bytes + 1)
        assert takes(budget, NEWCOMER, share_bytes)
        budget.give_back(NEWCOMER, share_bytes)


@pytest.mark.clause("Sentry d4")
@given(percent=PERCENTAGES, asked=ASKED)
def test_each_owner_leaves_a_part_of_what_was_left_before_it(percent: int, asked: Asked) -> None:
    for budget, held in played(percent, asked):
        left_bytes = MAX_BYTES * (1 - percent / 100) ** len(+held)
        assert MAX_BYTES - budget.held_bytes >= left_bytes - 1e-6


@given(percent=PERCENTAGES, asked=ASKED)
def test_what_is_held_is_what_was_taken_and_who_has_left_is_forgotten(percent: int, asked: Asked) -> None:
    for budget, held in played(percent, asked):
        assert budget.held_bytes == held.total()
        assert +Counter(budget._held_by_owner) == +held
        assert len(budget._held_by_owner) <= len(held)
