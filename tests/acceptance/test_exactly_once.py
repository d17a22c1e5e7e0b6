"""Everything acknowledged is stored exactly once, whichever process ends, and however."""

import time

import pytest

from schemas.topics import topic_of
from tests.acceptance.database import wait_until
from tests.acceptance.ledger import Ledger
from tests.acceptance.stack import App, Stack

THREADS = 3
KILLS = 3


def owners(stack: Stack, app: App) -> set[str]:
    topics = [topic_of(identity) for identity in app.environments.values()]
    rows = stack.database.rows("SELECT DISTINCT owner FROM ingest_offset WHERE topic = ANY($1)", topics)
    return {row["owner"] for row in rows}


def test_a_worker_killed_under_load_loses_nothing_and_stores_nothing_twice(stack: Stack, app: App) -> None:
    ledger = Ledger(stack, app, [stack.url])
    with ledger.load(THREADS):
        for _ in range(KILLS):
            second = stack.join("worker")
            wait_until(lambda: len(owners(stack, app)) == 2, "the second worker has partitions of the app", 60)
            # A few batches go through it before its end.
            ledger.wait_for_more(500)
            second.kill()
        last = stack.join("worker")
        wait_until(lambda: len(owners(stack, app)) == 2, "the last worker has partitions of the app", 60)
    ledger.check()
    assert last.stop() == 0, last.log


@pytest.mark.clause("OTLP 23b")
def test_an_edge_that_is_stopped_under_load_finishes_what_it_has(stack: Stack, app: App) -> None:
    edge, url = stack.join_edge(env={"AXONPUSH_SERVER_DRAIN_DELAY_SECONDS": "1"})
    ledger = Ledger(stack, app, [url, stack.url])
    with ledger.load(THREADS):
        ledger.wait_for_more(500)
        began = time.monotonic()
        assert edge.stop() == 0, edge.log
        assert time.monotonic() - began < 10
        ledger.wait_for_more(200)  # through the other one
    ledger.check()
