"""What OpenTelemetry's exporters do when they are told 429 and 503, and what is stored of what they sent.

Those of Python (1.45) and of JavaScript (0.301) alike send again after 429, 502, 503 and 504, when `Retry-After` says,
as long as that is within their timeout of 10 s. Older ones of Python (up to 1.44) drop what is answered 429.
"""

import math
import re
import socket
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from enum import Enum
from functools import partial
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.runtime.settings import Limits
from tests.acceptance import node_client
from tests.acceptance.database import wait_until
from tests.acceptance.landing import send_logs
from tests.acceptance.python_exporters import EXPORTERS
from tests.acceptance.sending import send
from tests.acceptance.stack import App, Stack

# The first of them may have to install the packages.
pytestmark = [pytest.mark.usefixtures("node"), pytest.mark.timeout(400)]

_IN_FLIGHT_MAX_BYTES = 2 << 20
# What one environment may hold of them where it is alone.
_SHARE_BYTES = _IN_FLIGHT_MAX_BYTES * Limits().in_flight_environment_percent // 100
# Each client sends one request for each signal.
_SIGNALS_COUNT = 3
# Of a process. The exporters are told to wait for two seconds; ten would be more than they wait.
_SHARE_PER_SECOND = 0.5


def by_python(form: str, url: str, key: str) -> None:
    """Export a span, a log record and a data point, all at once; each has to be told to have been taken."""
    spans, logs, metrics = InMemorySpanExporter(), InMemoryLogRecordExporter(), InMemoryMetricReader()
    tracing = TracerProvider(shutdown_on_exit=False)
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    tracing.get_tracer("retries").start_span("charge").end()
    logging = LoggerProvider(shutdown_on_exit=False)
    logging.add_log_record_processor(SimpleLogRecordProcessor(logs))
    logging.get_logger("retries").emit(body="charged")
    MeterProvider([metrics], shutdown_on_exit=False).get_meter("retries").create_counter("charges").add(1)
    measured = metrics.get_metrics_data()
    assert measured is not None

    exporters, headers = EXPORTERS[form], {"x-api-key": key}
    exports: list[Callable[[], Enum]] = [
        lambda: exporters.spans(f"{url}/v1/traces", headers=headers).export(spans.get_finished_spans()),
        lambda: exporters.logs(f"{url}/v1/logs", headers=headers).export(logs.get_finished_logs()),
        lambda: exporters.metrics(f"{url}/v1/metrics", headers=headers).export(measured),
    ]
    with ThreadPoolExecutor(len(exports)) as threads:
        results = [running.result() for running in [threads.submit(export) for export in exports]]
    assert [result.name for result in results] == ["SUCCESS"] * len(exports)


def by_node(protocol: str, compression: str, url: str, key: str) -> None:
    """Export as otlp.mjs does, which fails where one export was not told to have been taken."""
    env = {
        "OTEL_SERVICE_NAME": "retries",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_COMPRESSION": compression,
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={key}",
    }
    node_client.run("otlp.mjs", env)


class Client(NamedTuple):
    """Something that exports, and how many spans, log records and data points it makes."""

    export: Callable[[str, str], None]
    made: tuple[int, int, int]


CLIENTS = {
    "python-protobuf": Client(partial(by_python, "protobuf"), (1, 1, 1)),
    "python-json": Client(partial(by_python, "json"), (1, 1, 1)),
    "node-json": Client(partial(by_node, "http/json", "none"), (2, 2, 5)),
    "node-protobuf-gzip": Client(partial(by_node, "http/protobuf", "gzip"), (2, 2, 5)),
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Export with each exporter."""
    return CLIENTS[request.param]


@pytest.fixture(scope="module")
def edge(stack: Stack) -> Iterator[str]:
    """Run an edge that is soon overloaded, and that gives Kafka up soon."""
    env = {
        "AXONPUSH_LIMITS_IN_FLIGHT_MAX_BYTES": str(_IN_FLIGHT_MAX_BYTES),
        "AXONPUSH_KAFKA_PUBLISH_TIMEOUT_SECONDS": "1",
    }
    process, url = stack.join_edge("--processes", "1", env=env)
    yield url
    assert process.stop() == 0, process.log


def refused(url: str, status: int) -> int:
    """Count the requests to OTLP's paths that an edge has answered with a status."""
    text = send(f"{url}/metrics", method="GET").body.decode()
    found = re.findall(rf'^axonpush_requests_total{{route="[^"]*",status="{status}"}} (\S+)$', text, re.MULTILINE)
    return sum(int(float(value)) for value in found)


@contextmanager
def exporting(client: Client, url: str, key: str, status: int, refusals: int) -> Generator[None]:
    """Let a client export; the block begins once so many of its requests were refused with a status.

    In the end the client has to have been told that all was taken.
    """
    expected = refused(url, status) + refusals
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(client.export, url, key)
        wait_until(lambda: refused(url, status) >= expected, f"the client is answered {status}")
        yield
        running.result(timeout=30)


def stored(stack: Stack, app: App, *, distinct: bool) -> tuple[int, ...]:
    """Count the app's spans, log records and data points, once nothing waits any more."""
    stack.wait_until_stored(app.slug)
    identities = {"spans": "span_id", "logs": "(time_ns, body_text)", "metric_points": "(name, time_ns)"}
    return tuple(
        stack.database.value(
            # All of it but the environment stands in this function.
            f"SELECT count({'DISTINCT ' * distinct}{identity}) FROM {table} WHERE environment = $1",  # noqa: S608
            app.environments["production"],
        )
        for table, identity in identities.items()
    )


@contextmanager
def overloaded(url: str, key: str) -> Generator[None]:
    """Hold nearly all bytes that an edge takes on of an environment, by a request that never ends."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as held:
        head = f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        held.sendall(f"{head}Content-Length: {_SHARE_BYTES}\r\n\r\n".encode())
        held.sendall(b" " * (_SHARE_BYTES - 64))
        yield


def sharing(stack: Stack) -> int:
    """Answer how many processes share a rate, by how long the edge asks a second request to wait.

    Those that other tests have killed count until they have been silent for a while.
    """
    app = stack.control.app()
    key = app.key(rate={"requestsPerSecond": _SHARE_PER_SECOND, "burst": 1})
    assert send_logs(app, key, "within the rate").status == 200
    refusal = send_logs(app, key, "over the rate")
    assert refusal.status == 429
    # Rounded up: some of the wait may be over.
    return math.ceil(int(refusal.headers["retry-after"]) * _SHARE_PER_SECOND)


@pytest.mark.clause("OTLP 26b")
def test_what_a_rate_refused_is_sent_again_and_stored_once(stack: Stack, app: App, client: Client) -> None:
    made = app.made_key(rate={"requestsPerSecond": _SHARE_PER_SECOND * sharing(stack), "burst": 1})
    # Of the requests that come at once, one is within the rate.
    with exporting(client, stack.url, made["key"], 429, _SIGNALS_COUNT - 1):
        stack.control.patch(f"/api-keys/{made['id']}", {"rate": None})
    assert stored(stack, app, distinct=False) == client.made


@pytest.mark.clause("OTLP 26b")
def test_what_an_overloaded_edge_refused_is_sent_again_and_stored_once(
    stack: Stack, app: App, edge: str, client: Client
) -> None:
    with ExitStack() as load:
        load.enter_context(overloaded(edge, app.key()))
        with exporting(client, edge, app.key(), 503, _SIGNALS_COUNT):
            load.close()
    assert stored(stack, app, distinct=False) == client.made


@pytest.mark.clause("OTLP 26b")
def test_what_a_stopped_kafka_had_refused_is_sent_again_and_not_lost(
    stack: Stack, app: App, edge: str, client: Client
) -> None:
    key = app.key()
    with ExitStack() as outage:
        outage.enter_context(stack.frozen("java"))
        with exporting(client, edge, key, 503, _SIGNALS_COUNT):
            outage.close()
    # What was answered 503 may have reached the broker all the same: then it is stored twice, as OTLP allows.
    assert stored(stack, app, distinct=True) == client.made
