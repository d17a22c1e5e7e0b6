"""What a batch that was stored adds to the metrics."""

from typing import Any, cast

from prometheus_client import REGISTRY

from consumers.batching import DeadLetterLimit
from consumers.loading import Loader
from consumers.store.load import Work


def test_events_of_another_environment_are_counted_once_they_are_stored() -> None:
    nothing = cast("Any", None)
    loader = Loader(nothing, nothing, nothing, DeadLetterLimit(50), on_lost=lambda _: None, on_stored=lambda _: None)
    work = Work(slices=[])
    work.count(("01JMISMATCH", 0, 1, "spans"), 10, 3)
    work.count(("01JMISMATCH", 0, 1, "logs"), 10, 0)
    work.count(("01JMISMATCH", 1, 2, "spans"), 10, 5)
    loader._stored(work)
    labels = {"environment": "01JMISMATCH"}
    assert REGISTRY.get_sample_value("axonpush_environment_mismatches_total", labels) == 8
    assert REGISTRY.get_sample_value("axonpush_worker_rows_total", {**labels, "table": "spans"}) == 20
