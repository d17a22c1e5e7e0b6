"""The reaper: removes what expired, what was deleted, and what is older than its environment keeps events.

One process at a time does it, by an advisory lock that ends with its session. Each step can be done again, so that one
that was interrupted, or was down for a while, goes on where it is needed:

1. An environment expires: edges refuse by the moment. Once what they had in flight has settled and the worker has
   stored what is in the topic, or its time for that is over, it is deleted, and that stands in the audit log.
2. A deleted environment is purged: partitions, topic, and all of its keys but their digests. A tombstone stays.
3. Leaves that lie wholly before what an environment keeps go.
4. Challenges and answers to idempotency keys are forgotten, and what `gateway.control.removal.outdated` names.
"""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from gateway.control.calling.requests import Note
from gateway.control.guarding import audit
from gateway.control.removal import outdated
from gateway.control.service import Service, system
from gateway.control.store import Queries, Store
from gateway.runtime import metrics
from gateway.runtime.settings import Kafka, Reaper
from gateway.stream.abstract import Topics
from schemas.errors import Deferred
from schemas.topics import topic_of

_log = logging.getLogger(__name__)

_NAME = "reaper"
_ANSWERS_LIFE = timedelta(hours=24)
_NS_PER_SECOND = 1_000_000_000


class _Expired(Struct, frozen=True):
    id: str
    org_id: str
    slug: str
    expires_at: datetime


class _Deleted(Struct, frozen=True):
    id: str
    slug: str


class _Overdue(Struct, frozen=True):
    id: str
    before: datetime


class _Offset(Struct, frozen=True):
    part: int
    next_offset: int


class _Statement(Struct, frozen=True):
    statement: str


async def run(service: Service, store: Store, settings: Reaper, kafka: Kafka) -> None:
    """Look for work now and then, until cancelled."""
    while True:
        result = "failed"
        try:
            result = "done" if await sweep(service, store, settings, kafka) else "elsewhere"
        except Deferred as error:
            _log.warning("The reaper waits: %s", error.message)
        except Exception:  # noqa: BLE001 (whatever our bug is, the edge beside it goes on)
            _log.exception("The reaper failed; it will try again.")
        metrics.REAPER_RUNS.labels(result=result).inc()
        await asyncio.sleep(settings.interval_seconds)


async def sweep(service: Service, store: Store, settings: Reaper, kafka: Kafka) -> bool:
    """Do what there is to do, and answer True; nothing and False while another process does it.

    Raises:
        DirectoryUnavailable: PostgreSQL cannot be reached.
    """
    async with store.alone(_NAME) as queries:
        if queries is None:
            return False
        now = service.now()
        settled = now - timedelta(seconds=settings.settle_seconds)
        for each in await queries.many(_Expired, "expired_environments", settled):
            await _try(f"environment {each.slug}", _expire(service, queries, settings, each))
        for each in await queries.many(_Deleted, "unpurged_environments", settled):
            await _try(f"environment {each.slug}", _purge(service, queries, each))
        for each in await queries.many(_Overdue, "overdue_environments", now):
            await _try(f"environment {each.id}", _retain(queries, each))
        await queries.run("forget_challenges", now)
        await queries.run("forget_answers", now - _ANSWERS_LIFE)
        repeats_kept = timedelta(hours=kafka.retention_hours + settings.repeats_margin_hours)
        await _try("what is outdated", outdated.forget(queries, now, repeats_kept))
        metrics.REAPER_LAST_SUCCESS.set(service.clock() / _NS_PER_SECOND)
        return True


async def _try(what: str, step: Awaitable[None]) -> None:
    """Take a step; where it cannot be taken now, leave it for the next time and go on with other environments."""
    try:
        await step
    except Deferred as error:
        metrics.REAPER_POSTPONED.inc()
        _log.warning("The reaper leaves %s for later: %s", what, error.message)


async def _expire(service: Service, queries: Queries, settings: Reaper, expired: _Expired) -> None:
    """Delete an environment whose time is over, once its topic is drained or the time for that is over too."""
    waited = service.now() - expired.expires_at
    is_late = waited >= timedelta(seconds=settings.settle_seconds + settings.drain_timeout_seconds)
    left = await _left(queries, service.topics, topic_of(expired.id)) if not is_late else None
    if left:
        return
    async with queries.transaction() as transaction:
        row = await transaction.one(_Deleted, "expire_environment", expired.id, service.now())
        if row is None:
            return
        inner = replace(service, store=transaction)
        note = Note(expired.id, environment_id=expired.id)
        await audit.append(inner, system(expired.org_id), "environment.expire", note)
    metrics.REAPER_ENVIRONMENTS.labels(outcome="expired_undrained" if is_late else "expired").inc()
    how = "not all that was in its topic was stored" if is_late else "its topic was drained"
    _log.info("Environment %s expired; %s.", expired.slug, how)


async def _left(queries: Queries, topics: Topics, topic: str) -> int:
    """Answer how many offsets of a topic the worker has not passed yet."""
    stored = {row.part: row.next_offset for row in await queries.many(_Offset, "offsets_of_topic", topic)}
    ends = await topics.ends(topic)
    return sum(max(0, end - stored.get(part, 0)) for part, end in ends.items())


async def _purge(service: Service, queries: Queries, deleted: _Deleted) -> None:
    """Remove all that is left of an environment but its tombstone; workers have let go of it by now."""
    topic = topic_of(deleted.id)
    await _remove(queries, deleted.id, None)
    await queries.run("forget_environment", deleted.id)
    await service.topics.delete([topic])
    await queries.run("bury_environment", deleted.id, topic, service.now())
    metrics.REAPER_ENVIRONMENTS.labels(outcome="purged").inc()
    _log.info("Environment %s was purged.", deleted.slug)


async def _retain(queries: Queries, overdue: _Overdue) -> None:
    """Remove the leaves that are older than an environment keeps events."""
    await _remove(queries, overdue.id, overdue.before)
    await queries.run("forget_leaves", overdue.id, overdue.before)
    metrics.REAPER_ENVIRONMENTS.labels(outcome="retained").inc()


async def _remove(queries: Queries, environment_id: str, before: datetime | None) -> None:
    """Detach and drop leaves, one statement after the other."""
    for row in await queries.many(_Statement, "removal_of", environment_id, before):
        await queries.statement(row.statement)
