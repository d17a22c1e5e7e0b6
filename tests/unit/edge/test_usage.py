"""Usage: counted by environment, key and minute, and answered once."""

from gateway.edge.accounting.usage import Usage, Used

MINUTE_NS = 60_000_000_000


def test_requests_are_counted_by_environment_key_and_minute() -> None:
    usage = Usage()
    usage.accept("e2", "k", 0, items=1, size_bytes=10)
    usage.accept("e1", "k", MINUTE_NS - 1, items=2, size_bytes=20)
    usage.accept("e1", "k", MINUTE_NS - 1, items=0, size_bytes=5)
    usage.accept("e1", "k", MINUTE_NS, items=3, size_bytes=30)
    usage.refuse("e1", "k", MINUTE_NS + 7, "malformed")
    usage.refuse("e1", "k", MINUTE_NS + 8, "malformed")
    usage.refuse("e1", "l", MINUTE_NS, "rate_limited")
    assert usage.drain() == [
        Used("e1", "k", 0, requests=2, items=2, bytes=25, last_ns=MINUTE_NS - 1, accepted_ns=MINUTE_NS - 1),
        Used(
            "e1",
            "k",
            1,
            requests=1,
            items=3,
            bytes=30,
            refused={"malformed": 2},
            last_ns=MINUTE_NS + 8,
            accepted_ns=MINUTE_NS,
        ),
        Used("e1", "l", 1, refused={"rate_limited": 1}, last_ns=MINUTE_NS),
        Used("e2", "k", 0, requests=1, items=1, bytes=10, last_ns=0),
    ]
    assert usage.drain() == []


def test_what_was_drained_does_not_change_any_more() -> None:
    usage = Usage()
    usage.refuse("e", "k", 0, "gone")
    drained = usage.drain()
    usage.refuse("e", "k", 0, "gone")
    assert drained == [Used("e", "k", 0, refused={"gone": 1})]


def test_what_nobody_fetches_for_long_is_counted_by_the_hour() -> None:
    usage = Usage()
    for minute in range(60_000):
        usage.accept("e", "k", minute * MINUTE_NS, items=1, size_bytes=1)
    drained = usage.drain()
    assert sum(used.requests for used in drained) == 60_000
    assert len(drained) < 50_200
