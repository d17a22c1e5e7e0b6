"""The budget of bytes by owner, case by case."""

import pytest

from gateway.runtime.budget import Budget
from gateway.runtime.settings import Limits
from schemas.errors import Overloaded

# The percentage, what is taken (or given back) in turn of 1024 bytes, and the most that an owner may take then.
CASES = [
    pytest.param(50, [], "a", 512, id="one that is alone has its share"),
    pytest.param(50, [("a", 500)], "a", 12, id="in several parts too"),
    pytest.param(50, [("a", 512)], "b", 256, id="a second one has its share of what is left"),
    pytest.param(50, [("a", 512), ("b", 256)], "c", 128, id="and so has a third"),
    pytest.param(50, [("a", 512), ("b", 256)], "a", 0, id="the first has too much now, and gets no more"),
    pytest.param(50, [("a", 512), ("b", 256), ("a", -256)], "a", 128, id="until it has given back"),
    pytest.param(50, [("a", 512), ("a", -512)], "b", 512, id="what was given back is anybody's"),
    pytest.param(75, [("a", 768)], "b", 192, id="the share is a setting"),
    pytest.param(99, [("a", 1013)], "b", 10, id="and never the whole"),
    pytest.param(1, [], "a", 10, id="but may be small"),
]


@pytest.mark.clause("Sentry d4")
@pytest.mark.parametrize(("percent", "taken", "owner", "more_bytes"), CASES)
def test_an_owner_may_hold_its_share_of_what_the_others_leave(
    percent: int, taken: list[tuple[str, int]], owner: str, more_bytes: int
) -> None:
    limits = Limits(in_flight_max_bytes=1024, in_flight_environment_percent=percent)
    budget = Budget(limits, of_what="requests in hand")
    for holder, size_bytes in taken:
        if size_bytes < 0:
            budget.give_back(holder, -size_bytes)
        else:
            budget.take(holder, size_bytes)
    with pytest.raises(Overloaded, match=rf"^This process has \d+ bytes of requests in hand of {owner}, "):
        budget.take(owner, more_bytes + 1)
    if more_bytes:
        budget.take(owner, more_bytes)
