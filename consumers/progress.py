"""Progress: how far the partitions of this worker are behind, as metrics."""

from collections.abc import Collection, Mapping

from consumers.batching import Claim, Partition
from gateway.runtime import metrics
from schemas.topics import environment_of

_NS_PER_SECOND = 1_000_000_000


def tell_lag(
    claims: Collection[Claim], end_offsets: Mapping[Partition, int], stopped: Collection[Partition], now_ns: int
) -> None:
    """Set the gauges of every environment that this worker has partitions of."""
    records: dict[str, int] = {}
    seconds: dict[str, float] = {}
    for claim in claims:
        environment = environment_of(claim.partition.topic)
        behind = max(0, end_offsets.get(claim.partition, 0) - claim.stored_offset)
        age = (now_ns - claim.received_ns) / _NS_PER_SECOND if behind and claim.received_ns else 0.0
        records[environment] = records.get(environment, 0) + behind
        seconds[environment] = max(seconds.get(environment, 0.0), age)
    for environment, behind in records.items():
        metrics.WORKER_LAG_RECORDS.labels(environment).set(behind)
        metrics.WORKER_LAG_SECONDS.labels(environment).set(seconds[environment])
        count = sum(environment_of(partition.topic) == environment for partition in stopped)
        metrics.WORKER_STOPPED_PARTITIONS.labels(environment).set(count)
