"""What is stored of each environment, and what is waiting: the numbers of `axonpush stats`."""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from gateway.query.store import read_counts
from gateway.runtime.settings import Database
from schemas.topics import topic_of


class EnvironmentStats(Struct):
    """Counts of one environment, named as in the JSON output; `app` and `environment` are slugs.

    `items` are Sentry items without a table of their own, `environment_mismatches` events that say that they are of
    another environment, `client_discards` what Sentry's SDKs report that they did not send, `lag` records in the topic
    that are not stored yet.
    """

    app: str
    environment: str
    spans: int = 0
    logs: int = 0
    metric_points: int = 0
    error_events: int = 0
    items: int = 0
    attachments: int = 0
    dead_letters: int = 0
    environment_mismatches: int = 0
    client_discards: int = 0
    lag: int = 0


class Stored(Struct):
    """What PostgreSQL tells: counts by environment id, and the next offset of each topic and partition."""

    environments: dict[str, EnvironmentStats]
    next_offsets: dict[tuple[str, int], int]

    def topics(self) -> list[str]:
        """Name the topics of the environments."""
        return [topic_of(environment) for environment in self.environments]

    def with_lag(self, lag_by_topic: Mapping[str, int]) -> list[EnvironmentStats]:
        """Answer the environments, ordered by app and slug, with their lag."""
        for environment, stats in self.environments.items():
            stats.lag = lag_by_topic.get(topic_of(environment), 0)
        return list(self.environments.values())


async def read_stored(database: Database) -> Stored:
    """Read what is stored.

    Raises:
        StoreTransient: PostgreSQL cannot be reached, or has no schema yet.
    """
    rows, next_offsets = await read_counts(database)
    environments: dict[str, EnvironmentStats] = {}
    for environment, app_slug, slug, counts_json in rows:
        counts = msgspec.json.decode(counts_json, type=dict[str, int])
        environments[environment] = EnvironmentStats(
            app=app_slug,
            environment=slug,
            spans=counts.get("spans", 0),
            logs=counts.get("logs", 0),
            metric_points=counts.get("metric_points", 0),
            error_events=counts.get("error_events", 0),
            items=counts.get("sentry_items", 0),
            attachments=counts.get("attachments", 0),
            dead_letters=counts.get("dead_letters", 0),
            environment_mismatches=counts.get("environment_mismatches", 0),
            client_discards=counts.get("client_discards", 0),
        )
    return Stored(environments=environments, next_offsets=next_offsets)
