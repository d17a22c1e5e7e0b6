"""A ledger of numbered events: what was acknowledged for which environment, compared with what is stored."""

import http.client
import itertools
import json
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tests.acceptance.database import wait_until
from tests.acceptance.sending import Connection
from tests.acceptance.stack import App, Stack

_EVENTS_PER_REQUEST = 5


class Ledger:
    """Sends numbered log records from several threads, to two environments in turn, and writes down the answers."""

    def __init__(self, stack: Stack, app: App, urls: Sequence[str]) -> None:
        self._stack = stack
        self._app = app
        self._key = app.key(allowEnvironmentOverride=True)
        self._urls = urls
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged: dict[int, str] = {}
        self.failures: list[str] = []

    @contextmanager
    def load(self, threads: int) -> Generator[None]:
        """Send for as long as the block takes."""
        senders = [threading.Thread(target=self._send, args=(number,)) for number in range(threads)]
        for sender in senders:
            sender.start()
        try:
            yield
        finally:
            self._stop.set()
            for sender in senders:
                sender.join()

    def wait_for_more(self, events: int) -> None:
        """Wait until so many more were acknowledged."""
        target = len(self.acknowledged) + events
        wait_until(lambda: len(self.acknowledged) >= target or bool(self.failures), "the load goes on")

    def check(self) -> None:
        """See that everything acknowledged is stored once, where its answer said, and nothing else is."""
        stats = self._stack.wait_until_stored(self._app.slug)
        environments = {identity: slug for slug, identity in self._app.environments.items()}
        rows = self._stack.database.rows(
            "SELECT body_text, environment FROM logs WHERE environment = ANY($1)", list(environments)
        )
        stored = Counter((int(row["body_text"]), environments[row["environment"]]) for row in rows)
        assert not self.failures, self.failures[:5]
        acknowledged = set(self.acknowledged.items())
        assert not acknowledged - set(stored), "Acknowledged and lost."
        assert not set(stored) - acknowledged, "Stored without having been acknowledged, or somewhere else."
        assert set(stored.values()) == {1}, "Stored more than once."
        sent = Counter(self.acknowledged.values())
        assert {slug: each["logs"] for slug, each in stats.items()} == sent
        assert set(sent) == {"production", "development"}

    def _send(self, thread: int) -> None:
        """Send from one thread; an edge that closes the connection is left for the next one, as a balancer would."""
        urls = iter(self._urls)
        connection = Connection(next(urls))
        while not self._stop.is_set():
            with self._lock:
                numbers = list(itertools.islice(self._numbers, _EVENTS_PER_REQUEST))
            records = [{"body": {"stringValue": str(number)}} for number in numbers]
            slug = "production" if numbers[0] // _EVENTS_PER_REQUEST % 2 else "development"
            headers = {
                "X-API-Key": self._key,
                "X-Axonpush-Environment": slug,
                "Content-Type": "application/json",
            }
            body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}).encode()
            try:
                answer = connection.send("/v1/logs", headers=headers, body=body)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"thread {thread}: {error!r}")
                return
            if answer.status != 200:
                self.failures.append(f"thread {thread}: {answer}")
                return
            self.acknowledged.update(dict.fromkeys(numbers, answer.headers["x-axonpush-resolved-environment"]))
            if answer.headers.get("connection", "").lower() == "close":
                connection.http.close()
                connection = Connection(next(urls))
        connection.http.close()
