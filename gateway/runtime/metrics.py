"""Every metric, in one place: its name, its labels and what it says."""

from prometheus_client import Counter, Gauge

# The edge.
ITEMS = Counter(
    "axonpush_items_total",
    "Spans, log records, data points and envelope items by how they ended at the edge.",
    ["environment", "signal", "outcome"],
)
REQUESTS = Counter("axonpush_requests_total", "Requests by route and status.", ["route", "status"])
REJECTIONS = Counter("axonpush_rejections_total", "Requests refused, by reason.", ["reason"])
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
