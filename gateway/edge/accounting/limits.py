"""Rates and monthly quotas of keys and environments, as one of several processes keeps them; pure.

A rate is shared by all edge processes, and each gives its share: with n processes 1/n of the rate and of the burst.
Together they give, within any stretch of t seconds, at most rate * t + max(burst, n * c), where c is what the largest
request costs (1 in requests, its size in bytes). They may give less: a client whose connections all end at one process
gets that one's share. For the seconds until all have noticed that a process came they give up to (n + 1) / n of the
rate and the newcomer's burst more; until they have noticed that one went, less.

A quota is compared with what all processes have flushed, as it was last read, and what this one has admitted since and
not given back. Together they pass it by no more than what arrives at the others from one flush to the next; alone, by
none.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.edge.accounting.category_limits import CategoryLimits
from gateway.edge.accounting.gcra import Flow, Gcra
from gateway.edge.accounting.usage import Used
from gateway.runtime import metrics
from gateway.runtime.clock import Clock
from schemas.environment import Credential, Environment, MonthlyQuota, OverQuota, Rate
from schemas.errors import RateLimited

_NS_PER_SECOND = 1_000_000_000
# A client that is told to wait for the next month would not notice that its quota was raised.
_QUOTA_RETRY_MAX_SECONDS = 600
_RATE_RETRY_MAX_SECONDS = 60
_CALLERS_MAX_COUNT = 100_000
_NO_QUOTA = MonthlyQuota()

Subject: TypeAlias = Environment | Credential
Subjects: TypeAlias = Callable[[str, str], tuple[Environment | None, Credential | None]]
Scope: TypeAlias = Literal["key", "environment"]


class Amount(Struct):
    """Requests, and their bytes."""

    requests: int = 0
    bytes: int = 0


class Limits:
    """Says whether a request may come in; where no limit is set that costs one look-up in a dict.

    `categories` says it of the items of an envelope.
    """

    def __init__(self, subjects: Subjects, clock: Clock) -> None:
        self.categories = CategoryLimits(lambda environment_id: subjects(environment_id, "")[0], clock)
        self._subjects = subjects
        self._clock = clock
        self._processes_count = 1
        self._used: Mapping[str, Amount] = {}
        self._by_caller: dict[tuple[str, str], tuple[_Limit, ...]] = {}
        self._by_subject: dict[str, _Limit] = {}

    def admit(self, environment_id: str, credential_id: str, *, requests: int = 1, size_bytes: int) -> None:
        """Take a request, or bytes of one that was taken without knowing its size (`requests` 0).

        Raises:
            RateLimited: it is over a rate, or over a quota that refuses.
        """
        caller = (environment_id, credential_id)
        limits = self._by_caller.get(caller)
        if limits is None:
            limits = self._by_caller[caller] = self._find(environment_id, credential_id)
        if not limits:
            return
        now_ns = self._clock()
        for limit in limits:
            limit.check(environment_id, requests, size_bytes, now_ns)
        for limit in limits:
            limit.take(requests, size_bytes, now_ns)

    def forget(self) -> None:
        """Look up anew which limits there are; what was taken stays taken."""
        self._by_caller.clear()
        self.categories.forget()

    def give_back(self, environment_id: str, credential_id: str, *, size_bytes: int) -> None:
        """Let a request that was admitted count for no quota: it was not accepted in the end."""
        for limit in self._by_caller.get((environment_id, credential_id), ()):
            limit.give_back(1, size_bytes)

    def begin_flush(self, used: Iterable[Used]) -> None:
        """Remember what is about to be flushed; what is still in flight is not part of it."""
        for each in used:
            for subject_id in (each.environment_id, each.credential_id):
                limit = self._by_subject.get(subject_id)
                if limit is not None:
                    limit.begin_flush(each.requests, each.bytes)

    def reconcile(self, processes_count: int, used: Mapping[str, Amount]) -> None:
        """Go on with how many processes share, and what all of them have flushed this month, by id."""
        self._used = used
        self.categories.share(processes_count)
        if processes_count != self._processes_count or len(self._by_caller) > _CALLERS_MAX_COUNT:
            self._processes_count = processes_count
            self.forget()
        for subject_id, limit in self._by_subject.items():
            limit.reconcile(used.get(subject_id, Amount()))

    def _find(self, environment_id: str, credential_id: str) -> tuple["_Limit", ...]:
        environment, credential = self._subjects(environment_id, credential_id)
        found: list[_Limit] = []
        scoped: tuple[tuple[Subject | None, Scope], ...] = ((environment, "environment"), (credential, "key"))
        for subject, scope in scoped:
            if subject is None:
                continue
            if subject.rate is None and subject.monthly_quota is None:
                self._by_subject.pop(subject.id, None)
                continue
            limit = self._by_subject.get(subject.id)
            if limit is None:
                limit = self._by_subject[subject.id] = _Limit(scope, self._used.get(subject.id, Amount()))
            limit.change(subject, self._processes_count)
            found.append(limit)
        return tuple(found)


class _Limit:
    """The limits of one key or one environment."""

    def __init__(self, scope: Scope, used: Amount) -> None:
        self._scope: Scope = scope
        self._requests: Gcra | None = None
        self._bytes: Gcra | None = None
        self._quota = _NO_QUOTA
        self._refuses = True
        self._used = used
        self._flushing = Amount()
        self._taken = Amount()

    def change(self, subject: Subject, processes_count: int) -> None:
        """Go on with other limits."""
        rate = subject.rate or Rate()
        self._requests = _changed(self._requests, rate.requests_per_second, rate.burst, processes_count)
        self._bytes = _changed(self._bytes, rate.bytes_per_second, rate.burst_bytes, processes_count)
        self._quota = subject.monthly_quota or _NO_QUOTA
        self._refuses = subject.over_quota is OverQuota.REJECT

    def check(self, environment_id: str, requests: int, size_bytes: int, now_ns: int) -> None:
        """Return if a request may come in; raises as `Limits.admit`."""
        if self._is_over_quota():
            metrics.OVER_QUOTA.labels(environment_id).inc()
            if self._refuses:
                seconds = min(_seconds_left_of_month(now_ns), _QUOTA_RETRY_MAX_SECONDS)
                raise RateLimited(
                    f"The monthly quota of this {self._scope} is used up.",
                    retry_after_seconds=seconds,
                    reason="quota_exceeded",
                    scope=self._scope,
                )
        wait_ns = max(
            self._requests.wait_ns(requests, now_ns) if self._requests and requests else 0,
            self._bytes.wait_ns(size_bytes, now_ns) if self._bytes and size_bytes else 0,
        )
        if wait_ns:
            raise RateLimited(
                f"This {self._scope} sends more than its rate allows.",
                retry_after_seconds=min(-(-wait_ns // _NS_PER_SECOND), _RATE_RETRY_MAX_SECONDS),
                scope=self._scope,
            )

    def take(self, requests: int, size_bytes: int, now_ns: int) -> None:
        """Count a request that comes in."""
        if self._requests and requests:
            self._requests.take(requests, now_ns)
        if self._bytes and size_bytes:
            self._bytes.take(size_bytes, now_ns)
        self._taken.requests += requests
        self._taken.bytes += size_bytes

    def give_back(self, requests: int, size_bytes: int) -> None:
        """See `Limits.give_back`; what was taken before there was a limit is not known here."""
        self._taken.requests = max(0, self._taken.requests - requests)
        self._taken.bytes = max(0, self._taken.bytes - size_bytes)

    def begin_flush(self, requests: int, size_bytes: int) -> None:
        """See `Limits.begin_flush`."""
        self._flushing.requests += requests
        self._flushing.bytes += size_bytes
        self.give_back(requests, size_bytes)

    def reconcile(self, used: Amount) -> None:
        """See `Limits.reconcile`: what was flushed is part of `used`."""
        self._used = used
        self._flushing = Amount()

    def _is_over_quota(self) -> bool:
        requests = self._used.requests + self._flushing.requests + self._taken.requests
        size_bytes = self._used.bytes + self._flushing.bytes + self._taken.bytes
        return _reaches(requests, self._quota.requests) or _reaches(size_bytes, self._quota.bytes)


def _changed(gcra: Gcra | None, per_second: float | None, burst: int | None, processes_count: int) -> Gcra | None:
    if per_second is None:
        return None
    flow = Flow(per_second / processes_count, (max(1, per_second) if burst is None else burst) / processes_count)
    if gcra is None:
        return Gcra(flow)
    gcra.change(flow)
    return gcra


def _reaches(amount: int, quota: int | None) -> bool:
    return quota is not None and amount >= quota


def month_of(now_ns: int) -> datetime:
    """Answer when the month (UTC) of a moment began."""
    moment = datetime.fromtimestamp(now_ns // _NS_PER_SECOND, UTC)
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _seconds_left_of_month(now_ns: int) -> int:
    begins = (month_of(now_ns) + timedelta(days=32)).replace(day=1)
    return max(1, int(begins.timestamp()) - now_ns // _NS_PER_SECOND)
