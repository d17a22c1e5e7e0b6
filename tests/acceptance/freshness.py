"""How long some process of an edge still answers as before, after a key or an environment has changed."""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from msgspec import Struct

from gateway.runtime.clock import now_ns
from tests.acceptance.database import Database
from tests.acceptance.sending import Answer, Connection
from tests.acceptance.stack import App

LIFE_SECONDS = 4
_GIVE_UP_SECONDS = 30
_PAUSE_SECONDS = 0.005
# Shorter than what notifications take would hide it; the control plane takes no moment that has passed.
_SOON_SECONDS = 0.5
_LATER_SECONDS = 3600
_BODY = b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
_TABLES = ("apps", "environments", "channels", "credentials")


class Change(Struct, frozen=True):
    """Something that is going to change for a key.

    `make` makes the change, once it is `due_ns`, and answers the moment from which on every process is to answer
    `status`; until then each answers 200. Moments are in nanoseconds.
    """

    key: str
    status: int
    make: Callable[[], int]
    due_ns: int = 0


def ask(connection: Connection, key: str, override: str | None = None) -> Answer:
    """Send a log record on a connection."""
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    headers |= {} if override is None else {"X-Axonpush-Environment": override}
    return connection.send("/v1/logs", headers=headers, body=_BODY)


def revocation(app: App) -> Change:
    """Revoke a key."""
    made = app.made_key("development")

    def revoke() -> int:
        app.control.post(f"/api-keys/{made['id']}/revoke", status=200)
        return now_ns()

    return Change(made["key"], 401, revoke)


def pause(app: App) -> Change:
    """Pause an environment."""
    environment = app.environment("paused")

    def pause() -> int:
        app.control.post(f"/environments/{environment}/pause", status=200)
        return now_ns()

    return Change(app.key("paused"), 403, pause)


def expiry(app: App) -> Change:
    """Let an environment reach the end of its life."""
    moment_ns = _ahead_ns(LIFE_SECONDS)
    app.environment("expiring", expiresAt=_text(moment_ns))
    return Change(app.key("expiring"), 410, lambda: moment_ns)


def expiry_sooner(app: App) -> Change:
    """Bring the end of an environment's life forward."""
    environment = app.environment("shortened", expiresAt=_text(_ahead_ns(_LATER_SECONDS)))

    def shorten() -> int:
        moment_ns = _ahead_ns(_SOON_SECONDS)
        app.control.patch(f"/environments/{environment}", {"expiresAt": _text(moment_ns)})
        return max(moment_ns, now_ns())

    return Change(app.key("shortened"), 410, shorten)


def expiry_later(app: App) -> Change:
    """Extend the life of an environment, shortly before its end."""
    moment_ns = _ahead_ns(LIFE_SECONDS)
    environment = app.environment("extended", expiresAt=_text(moment_ns))

    def extend() -> int:
        app.control.post(f"/environments/{environment}/extend", {"ttlSeconds": _LATER_SECONDS}, status=200)
        return max(moment_ns, now_ns())

    return Change(app.key("extended"), 200, extend, due_ns=moment_ns - round(_SOON_SECONDS * 1_000_000_000))


CHANGES: dict[str, Callable[[App], Change]] = {
    "key revoked": revocation,
    "environment paused": pause,
    "environment expires": expiry,
    "expiry brought forward": expiry_sooner,
    "expiry put off": expiry_later,
}


def latencies(connections: Sequence[Connection], app: App) -> dict[str, float]:
    """Make every change in a fresh app, and answer for each how many seconds the slowest connection was behind it."""
    changes = {name: prepare(app) for name, prepare in CHANGES.items()}
    for change in changes.values():
        assert [ask(connection, change.key).status for connection in connections] == [200] * len(connections)
    behind = dict.fromkeys(changes, 0.0)
    since_ns: dict[str, int] = {}
    waiting = {(name, number) for name in changes for number in range(len(connections))}
    deadline_ns = _ahead_ns(_GIVE_UP_SECONDS)
    while waiting:
        assert now_ns() < deadline_ns, f"Not seen by every process: {sorted({name for name, _ in waiting})}"
        due = [name for name, change in changes.items() if name not in since_ns and now_ns() >= change.due_ns]
        for name in due[:1]:  # one at a time: making one takes longer than asking about those before
            since_ns[name] = changes[name].make()
        for name, number in sorted(waiting):
            if name in since_ns:
                status = ask(connections[number], changes[name].key).status
                seconds = (now_ns() - since_ns[name]) / 1e9
                if seconds < 0:
                    assert status == 200, f"{name}: {status}, {-seconds:.3f} s too early"
                elif status == changes[name].status:
                    waiting.remove((name, number))
                    behind[name] = max(behind[name], seconds)
        time.sleep(_PAUSE_SECONDS)
    return behind


@contextmanager
def notifications_cut(database: Database) -> Generator[None]:
    """Let PostgreSQL say nothing about what changes."""
    for table in _TABLES:
        database.execute(f"ALTER TABLE {table} DISABLE TRIGGER notify")
    try:
        yield
    finally:
        for table in _TABLES:
            database.execute(f"ALTER TABLE {table} ENABLE TRIGGER notify")


def _ahead_ns(seconds: float) -> int:
    return now_ns() + round(seconds * 1_000_000_000)


def _text(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns / 1e9, UTC).isoformat()
