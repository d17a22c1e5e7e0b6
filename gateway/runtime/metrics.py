"""Every metric, in one place: its name, its labels and what it says."""

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from schemas.errors import ConfigError

# The edge.
ITEMS = Counter(
    "axonpush_items_total",
    "Spans, log records, data points and envelope items by how they ended at the edge.",
    ["environment", "signal", "outcome"],
)
DROPPED_ITEMS = Counter(
    "axonpush_dropped_items_total",
    "Envelope items that were left out of a request that was taken, by category and reason.",
    ["environment", "category", "reason"],
)
SENTRY_IGNORED_HEADERS = Counter(
    "axonpush_sentry_ignored_headers_total",
    "Envelopes with a header that is not what it should be, and was passed over.",
    ["header"],
)
REQUESTS = Counter("axonpush_requests_total", "Requests by route and status.", ["route", "status"])
REJECTIONS = Counter("axonpush_rejections_total", "Requests refused, by reason.", ["reason"])
OVER_QUOTA = Counter(
    "axonpush_over_quota_total",
    "Requests over a monthly quota, of a key or of the environment, those that are taken all the same included.",
    ["environment"],
)
ENVIRONMENT_MISMATCHES = Counter(
    "axonpush_environment_mismatches_total",
    "Stored events whose own environment differs from the resolved one.",
    ["environment"],
)
IN_FLIGHT_BYTES = Gauge("axonpush_in_flight_bytes", "Bytes of requests in hand.", multiprocess_mode="livesum")
CONNECTIONS = Gauge("axonpush_connections", "Open client connections.", multiprocess_mode="livesum")

# The directory.
DIRECTORY_AGE_SECONDS = Gauge(
    "axonpush_directory_age_seconds",
    "Time since the directory was last read from PostgreSQL.",
    multiprocess_mode="livemax",
)
DIRECTORY_REFRESHES = Counter("axonpush_directory_refreshes_total", "Reads of the directory, by result.", ["result"])

# The stream.
PUBLISHED_BYTES = Counter("axonpush_published_bytes_total", "Bytes acknowledged by Kafka.")
PUBLISHED_BATCHES = Counter("axonpush_published_batches_total", "Batches acknowledged by Kafka.")
PUBLISH_FAILURES = Counter("axonpush_publish_failures_total", "Batches that Kafka did not acknowledge.")
PRODUCERS_REPLACED = Counter("axonpush_producers_replaced_total", "Producers given up after a final failure.")

# The reaper.
REAPER_RUNS = Counter(
    "axonpush_reaper_runs_total",
    "Times that this edge looked for what is to be removed, by result: done, failed, or elsewhere (another edge does).",
    ["result"],
)
REAPER_ENVIRONMENTS = Counter(
    "axonpush_reaper_environments_total",
    "Environments by what became of them: expired, expired_undrained (not all of the topic was stored), purged, "
    "retained (events that were too old are gone).",
    ["outcome"],
)
REAPER_POSTPONED = Counter(
    "axonpush_reaper_postponed_total", "Steps that were left for later, for something was in the way."
)
# A moment, not an age: it tells of a reaper that hangs, too. Alert on time() - max of it.
REAPER_LAST_SUCCESS = Gauge(
    "axonpush_reaper_last_success_timestamp_seconds",
    "When this edge last did all that there was to remove, in seconds since 1970; 0 before the first time.",
    multiprocess_mode="max",
)

# The worker.
WORKER_RECORDS = Counter("axonpush_worker_records_total", "Records taken care of, in PostgreSQL.", ["environment"])
WORKER_ROWS = Counter("axonpush_worker_rows_total", "Rows stored, by table.", ["environment", "table"])
WORKER_DEAD_LETTERS = Counter("axonpush_worker_dead_letters_total", "Records set aside.", ["environment", "reason"])
WORKER_SKIPPED = Counter(
    "axonpush_worker_skipped_total",
    "Records left out on purpose: a repeat of our own, wiped, or of an environment that is gone.",
    ["environment", "reason"],
)
SENTRY_OUTCOMES = Counter(
    "axonpush_sentry_outcomes_total",
    "Items of Sentry's SDKs by what became of them: accepted, or not sent as the SDK reports.",
    ["environment", "outcome"],
)
WORKER_FENCED = Counter(
    "axonpush_worker_fenced_total",
    "Partitions of a batch that another worker had claimed meanwhile.",
    ["environment"],
)
WORKER_BATCH_SECONDS = Histogram("axonpush_worker_batch_seconds", "Time to store a batch.")
WORKER_LAG_RECORDS = Gauge(
    "axonpush_worker_lag_records",
    "Records in the partitions of this worker that are not stored yet.",
    ["environment"],
    multiprocess_mode="livesum",
)
WORKER_LAG_SECONDS = Gauge(
    "axonpush_worker_lag_seconds",
    "Age of the last stored record while others wait behind it, else 0.",
    ["environment"],
    multiprocess_mode="livemax",
)
# Alert on any value above 0.
WORKER_STOPPED_PARTITIONS = Gauge(
    "axonpush_worker_stopped_partitions",
    "Partitions that are not read because Kafka no longer has the next offset.",
    ["environment"],
    multiprocess_mode="livesum",
)


def serve(host: str, port: int) -> None:
    """Serve this process's metrics from a thread of their own, for processes that answer no other requests.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    try:
        start_http_server(port, addr=host)
    except OSError as error:
        raise ConfigError(
            f"worker.metrics_port: {host}:{port} cannot be listened on: {error.strerror}. Choose another port."
        ) from error
