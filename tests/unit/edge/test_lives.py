"""Lives that traffic extends: written once a part is gone, at once where others might not learn of it in time."""

import pytest

from gateway.edge.accounting.lives import Lives
from gateway.edge.accounting.usage import Usage, Used
from schemas.environment import Environment

S = 1_000_000_000
TTL = 100


def lives(
    *, expires: int | None = TTL, ttl: int | None = TTL, maximum: int | None = 300, is_deleted: bool = False
) -> Lives:
    """Answer lives of one environment; moments in seconds."""
    environment = Environment(
        "e",
        "app",
        "slug",
        expires_at_ns=None if expires is None else expires * S,
        ttl_seconds=ttl,
        max_expires_at_ns=None if maximum is None else maximum * S,
        is_deleted=is_deleted,
    )
    return Lives({"e": environment}.get, step_percent=10, poll_seconds=5)


def due(found: Lives, *accepted: int, requests: int = 1) -> dict[str, int]:
    """Answer what is due, in seconds, once requests were accepted at these seconds."""
    found.note(Used("e", "k", 0, requests=requests, last_ns=999 * S, accepted_ns=at * S) for at in accepted)
    return {each: at_ns // S for each, at_ns in found.due().items()}


def test_an_extension_is_due_once_a_part_of_the_life_is_gone() -> None:
    assert due(lives(), 9) == {}
    assert due(lives(), 10) == {"e": 10}
    assert due(lives(), 40, 60, 50) == {"e": 60}


def test_what_was_written_is_due_no_more() -> None:
    found = lives()
    assert due(found, 50) == {"e": 50}
    found.forget()
    assert found.due() == {}


@pytest.mark.parametrize(
    ("found", "at"),
    [
        (lives(expires=None, ttl=None, maximum=None), 50),
        (lives(ttl=None, maximum=None), 50),
        (lives(maximum=100), 50),
        (lives(), 100),
        (lives(is_deleted=True), 50),
    ],
    ids=["lasting", "traffic does not extend it", "at its maximum", "over", "deleted"],
)
def test_some_lives_are_not_extended(found: Lives, at: int) -> None:
    assert due(found, at) == {}
    assert not found.is_urgent("e", at * S)


def test_only_what_was_accepted_counts_and_of_unknown_environments_nothing() -> None:
    assert due(lives(), 50, requests=0) == {}
    found = lives()
    found.note([Used("other", "k", 0, requests=1, accepted_ns=50 * S)])
    assert found.due() == {}
    assert not found.is_urgent("other", 50 * S)


def test_one_that_would_soon_be_over_is_urgent() -> None:
    assert not lives().is_urgent("e", 92 * S)
    assert lives().is_urgent("e", 93 * S)
    # At its maximum it ends.
    assert not lives(maximum=100).is_urgent("e", 93 * S)


def test_the_first_request_that_a_key_brings_after_each_drain_is_told_of() -> None:
    told: list[tuple[str, int]] = []
    usage = Usage()
    usage.on_first(lambda environment_id, at_ns: told.append((environment_id, at_ns)))
    usage.refuse("e", "k", 1, "malformed")
    for at_ns in (2, 3):
        usage.accept("e", "k", at_ns, items=1, size_bytes=1)
    usage.drain()
    usage.accept("e", "k", 4, items=1, size_bytes=1)
    assert told == [("e", 2), ("e", 4)]
