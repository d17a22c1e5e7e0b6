"""What a batch that was stored adds to the metrics."""

from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from consumers.batching import DeadLetterLimit
from consumers.loading import Loader
from consumers.store.load import Work


def stored(work: Work) -> None:
    """Tell a loader that a batch is stored."""
    nothing = cast("Any", None)
    loader = Loader(nothing, nothing, nothing, DeadLetterLimit(50), on_lost=lambda _: None, on_stored=lambda _: None)
    loader._stored(work)


def test_events_of_another_environment_are_counted_once_they_are_stored() -> None:
    work = Work(slices=[])
    work.count(("01JMISMATCH", 0, 1, "spans"), 10, 3)
    work.count(("01JMISMATCH", 0, 1, "logs"), 10, 0)
    work.count(("01JMISMATCH", 1, 2, "spans"), 10, 5)
    stored(work)
    labels = {"environment": "01JMISMATCH"}
    assert REGISTRY.get_sample_value("axonpush_environment_mismatches_total", labels) == 8
    assert REGISTRY.get_sample_value("axonpush_worker_rows_total", {**labels, "table": "spans"}) == 20


@pytest.mark.clause("Sentry 26a")
def test_what_clients_report_is_counted_by_outcome_alone() -> None:
    work = Work(slices=[])
    for key, quantity in ((("client_discard", "a", "error"), 3), (("client_discard", "b", "span"), 4)):
        work.note_outcome(("01JOUTCOME", 0, 1, *key), quantity)
    work.note_outcome(("01JOUTCOME", 1, 1, "accepted", "", "error"), 5)
    stored(work)
    for outcome, quantity in (("client_discard", 7), ("accepted", 5)):
        labels = {"environment": "01JOUTCOME", "outcome": outcome}
        assert REGISTRY.get_sample_value("axonpush_sentry_outcomes_total", labels) == quantity
