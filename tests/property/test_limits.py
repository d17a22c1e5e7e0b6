"""Rates: never more than they allow, whatever comes and in however many processes; and no less after a pause."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edge.accounting.gcra import Flow, Gcra
from gateway.edge.accounting.limits import Amount, Limits
from gateway.edge.accounting.usage import Usage, Used
from schemas.environment import Credential, Environment, Kind, MonthlyQuota, OverQuota, Rate
from schemas.errors import RateLimited

NS = 1_000_000_000
START_NS = 1_800_000_000 * NS
ENVIRONMENT, CREDENTIAL = "env", "key"

FLOWS = st.builds(Flow, st.floats(0.01, 1e6), st.floats(0.5, 1e6))
# Pauses in nanoseconds, from none at all to longer than any burst takes to come back.
PAUSES = st.lists(st.tuples(st.integers(0, 3 * NS), st.floats(0.001, 5.0)), min_size=1, max_size=60)


@given(flow=FLOWS, arrivals=PAUSES)
def test_no_stretch_of_time_gives_more_than_its_rate_and_the_burst(
    flow: Flow, arrivals: list[tuple[int, float]]
) -> None:
    gcra, now_ns = Gcra(flow), START_NS
    given_at: list[tuple[int, float]] = []
    for pause_ns, share in arrivals:
        now_ns += pause_ns
        cost = share * flow.burst
        if gcra.wait_ns(cost, now_ns) == 0:
            gcra.take(cost, now_ns)
            given_at.append((now_ns, cost))
    for first in range(len(given_at)):
        total = most = 0.0
        for at_ns, cost in given_at[first:]:
            total += cost
            most = max(most, cost)
            seconds = (at_ns - given_at[first][0]) / NS
            assert total <= (flow.per_second * seconds + max(flow.burst, most)) * (1 + 1e-6)


@given(flow=FLOWS, arrivals=PAUSES, cost=st.floats(0.001, 100.0))
def test_who_waits_as_long_as_told_is_given_and_not_earlier(
    flow: Flow, arrivals: list[tuple[int, float]], cost: float
) -> None:
    gcra, now_ns = Gcra(flow), START_NS
    for pause_ns, share in arrivals:
        now_ns += pause_ns
        if gcra.wait_ns(share * flow.burst, now_ns) == 0:
            gcra.take(share * flow.burst, now_ns)
    wait_ns = gcra.wait_ns(cost, now_ns)
    assert gcra.wait_ns(cost, now_ns + wait_ns) == 0
    if wait_ns:
        assert gcra.wait_ns(cost, now_ns + wait_ns - 1) == 1
    assert wait_ns <= (max(flow.burst, 5.0 * flow.burst) + cost) / flow.per_second * NS * (1 + 1e-9) + 2


@given(flow=FLOWS)
def test_a_clock_that_is_put_back_stops_nothing_for_longer_than_a_burst_takes(flow: Flow) -> None:
    gcra = Gcra(flow)
    while gcra.wait_ns(flow.burst, START_NS) == 0:
        gcra.take(flow.burst, START_NS)
    back_ns = START_NS - 3600 * NS
    # Both sides divide in floating point.
    assert gcra.wait_ns(flow.burst, back_ns) <= flow.burst / flow.per_second * NS * (1 + 1e-9) + 2


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        """Answer the moment that it was moved to."""
        return self.now_ns


def limits_of(
    clock: Clock,
    *,
    rate: Rate | None = None,
    quota: MonthlyQuota | None = None,
    over: OverQuota = OverQuota.REJECT,
    of_environment: bool = False,
) -> Limits:
    plain = Environment(ENVIRONMENT, "app", "slug"), Credential(CREDENTIAL, Kind.API_KEY, "org", b"", 1)
    limited = (
        Environment(ENVIRONMENT, "app", "slug", rate=rate, monthly_quota=quota, over_quota=over),
        Credential(CREDENTIAL, Kind.API_KEY, "org", b"", 1, rate=rate, monthly_quota=quota, over_quota=over),
    )
    subjects = (limited[0], plain[1]) if of_environment else (plain[0], limited[1])
    return Limits(lambda _environment, _credential: subjects, clock)


def is_admitted(limits: Limits, size_bytes: int = 100) -> bool:
    try:
        limits.admit(ENVIRONMENT, CREDENTIAL, size_bytes=size_bytes)
    except RateLimited:
        return False
    return True


@given(
    processes_count=st.integers(1, 8),
    per_second=st.floats(0.1, 1000.0),
    burst=st.integers(1, 500),
    arrivals=st.lists(st.tuples(st.integers(0, NS), st.integers(0, 7)), max_size=300),
    of_environment=st.booleans(),
)
def test_processes_together_keep_to_the_bound_of_a_rate(
    processes_count: int,
    per_second: float,
    burst: int,
    arrivals: list[tuple[int, int]],
    of_environment: bool,
) -> None:
    clock = Clock()
    rate = Rate(requests_per_second=per_second, burst=burst)
    processes = [limits_of(clock, rate=rate, of_environment=of_environment) for _ in range(processes_count)]
    for limits in processes:
        limits.reconcile(processes_count, {})
    admitted = 0
    for pause_ns, number in arrivals:
        clock.now_ns += pause_ns
        admitted += is_admitted(processes[number % processes_count])
    seconds = (clock.now_ns - START_NS) / NS
    assert admitted <= per_second * seconds + max(burst, processes_count) + 1e-6


@given(bytes_per_second=st.integers(1, 10_000), sizes=st.lists(st.integers(0, 50_000), max_size=100))
def test_bytes_are_limited_too(bytes_per_second: int, sizes: list[int]) -> None:
    clock = Clock()
    limits = limits_of(clock, rate=Rate(bytes_per_second=bytes_per_second, burst_bytes=20_000))
    admitted = 0
    for size_bytes in sizes:
        clock.now_ns += NS // 10
        admitted += size_bytes if is_admitted(limits, size_bytes) else 0
    assert admitted <= bytes_per_second * len(sizes) / 10 + max(20_000, *sizes, 0)


# What happens to one process: a request arrives, one in flight is accepted or refused, a flush begins, its totals come.
EVENTS = st.lists(st.sampled_from(["arrive", "arrive", "accept", "accept", "refuse", "flush", "totals"]), max_size=120)


@given(events=EVENTS, quota=st.integers(1, 12))
def test_one_process_never_passes_a_quota_however_flushes_and_requests_interleave(
    events: list[str], quota: int
) -> None:
    clock, usage = Clock(), Usage()
    limits = limits_of(clock, quota=MonthlyQuota(requests=quota))
    in_flight = accepted = stored = 0
    flushing: list[Used] = []
    for event in events:
        if event == "arrive":
            # Nothing is admitted beyond the quota, and nothing refused below it.
            assert is_admitted(limits) == (accepted + in_flight < quota)
            in_flight += accepted + in_flight < quota
        elif event == "flush" and not flushing:
            flushing = usage.drain()
            limits.begin_flush(flushing)
        elif event == "totals" and flushing:
            stored += sum(used.requests for used in flushing)
            flushing = []
            limits.reconcile(1, {CREDENTIAL: Amount(requests=stored)})
        elif event in ("accept", "refuse") and in_flight:
            in_flight -= 1
            accepted += event == "accept"
            if event == "accept":
                usage.accept(ENVIRONMENT, CREDENTIAL, clock(), items=1, size_bytes=100)
            else:
                limits.give_back(ENVIRONMENT, CREDENTIAL, size_bytes=100)
    assert accepted <= quota


def test_a_quota_says_until_when_and_whose() -> None:
    clock = Clock()
    limits = limits_of(clock, quota=MonthlyQuota(bytes=150), of_environment=True)
    assert is_admitted(limits)
    assert is_admitted(limits)
    with pytest.raises(RateLimited) as caught:
        limits.admit(ENVIRONMENT, CREDENTIAL, size_bytes=1)
    assert (caught.value.reason, caught.value.scope) == ("quota_exceeded", "environment")
    assert 1 <= caught.value.retry_after_seconds <= 600
    # Another month, and its totals.
    clock.now_ns += 40 * 86_400 * NS
    limits.begin_flush([Used(ENVIRONMENT, CREDENTIAL, 0, requests=2, bytes=200)])
    limits.reconcile(1, {})
    assert is_admitted(limits)


def test_a_quota_that_accepts_only_counts() -> None:
    limits = limits_of(Clock(), quota=MonthlyQuota(requests=1), over=OverQuota.ACCEPT)
    assert all(is_admitted(limits) for _ in range(5))


def test_what_is_refused_takes_nothing() -> None:
    clock = Clock()
    limits = limits_of(clock, rate=Rate(requests_per_second=1, burst=1, bytes_per_second=1, burst_bytes=1000))
    assert is_admitted(limits, 1000)
    assert not is_admitted(limits, 1)
    clock.now_ns += NS
    # Had the refusal taken a request, there were none left now.
    assert is_admitted(limits, 1)


def test_another_limit_counts_from_what_was_taken() -> None:
    clock = Clock()
    credential = Credential(CREDENTIAL, Kind.API_KEY, "org", b"", 1, monthly_quota=MonthlyQuota(requests=2))
    held: list[Credential] = [credential]
    limits = Limits(lambda _environment, _credential: (None, held[0]), clock)
    assert [is_admitted(limits) for _ in range(3)] == [True, True, False]
    held[0] = Credential(CREDENTIAL, Kind.API_KEY, "org", b"", 1, monthly_quota=MonthlyQuota(requests=3))
    limits.forget()
    assert [is_admitted(limits) for _ in range(2)] == [True, False]
    held[0] = Credential(CREDENTIAL, Kind.API_KEY, "org", b"", 1)
    limits.forget()
    assert all(is_admitted(limits) for _ in range(3))
