"""Requests that are larger than a record: what becomes of them in Kafka, and how they are answered."""

import gzip
import json
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from schemas.topics import topic_of
from tests.acceptance.background import Background
from tests.acceptance.database import wait_until
from tests.acceptance.sending import Answer, send
from tests.acceptance.stack import App
from tests.integration.edge.forms import JSON, PROTOBUF, SENTRY, Form
from tests.integration.edge.world import World

MIB = 1024 * 1024
KIB = 1024
Request: TypeAlias = ExportLogsServiceRequest | ExportMetricsServiceRequest


def request_of(*sizes_bytes: int) -> ExportLogsServiceRequest:
    """Make a request of log records of so many bytes, about."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for number, size_bytes in enumerate(sizes_bytes):
        record = records.add(time_unix_nano=number + 1)
        record.body.string_value = secrets.token_hex(size_bytes // 2)
    return request


def metric_of(*sizes_bytes: int) -> ExportMetricsServiceRequest:
    """Make a request of one metric, whose data points have so many bytes, about."""
    request = ExportMetricsServiceRequest()
    points = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m", unit="s").gauge.data_points
    for number, size_bytes in enumerate(sizes_bytes):
        point = points.add(time_unix_nano=number + 1, as_int=1)
        point.attributes.add(key="k").value.string_value = secrets.token_hex(size_bytes // 2)
    return request


def written(form: Form, request: Request) -> bytes:
    return request.SerializeToString() if form is PROTOBUF else json.dumps(MessageToDict(request)).encode()


def partial(form: Form, answer: Answer) -> tuple[int, str]:
    """Answer how many items an answer says were rejected, and why."""
    if form is PROTOBUF:
        found = ExportLogsServiceResponse.FromString(answer.body).partial_success
        return found.rejected_log_records, found.error_message
    found = answer.json().get("partialSuccess", {})
    return int(found.get("rejectedLogRecords", 0)), found.get("errorMessage", "")


@pytest.fixture(scope="module")
def app(world: World) -> App:
    return world.control.app()


@pytest.fixture(scope="module")
def key(app: App) -> str:
    return app.key()


def records_of(world: World, app: App) -> int:
    return world.topics.records([app.environments["production"]])


@pytest.mark.clause("OTLP b2")
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
def test_a_request_travels_in_several_records(world: World, app: App, key: str, form: Form, encoding: str) -> None:
    body = written(form, request_of(*[300 * KIB] * 15))
    before = records_of(world, app)
    if encoding == "gzip":
        body = gzip.compress(body, 1, mtime=0)
    answer = form.send(world.url, key, app.channel, body=body, more={"Content-Encoding": encoding})
    assert (answer.status, partial(form, answer)) == (200, (0, ""))
    assert records_of(world, app) - before == 5


@pytest.mark.clause("OTLP b3", "OTLP 10b")
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
def test_an_item_that_no_record_takes_is_refused_alone(world: World, app: App, key: str, form: Form) -> None:
    before = records_of(world, app)
    body = written(form, request_of(10, 8 * MIB - 100, 9 * MIB, 10))
    answer = form.send(world.url, key, app.channel, body=body)
    assert answer.status == 200, answer
    rejected, message = partial(form, answer)
    assert rejected == 1
    assert "resource_logs[0].scope_logs[0].log_records[2]" in message
    assert str(8 * MIB) in message
    assert records_of(world, app) - before == 3
    alone = form.send(world.url, key, app.channel, body=written(form, request_of(9 * MIB)))
    form.check_error(alone, 400, "log_records[0]")
    assert records_of(world, app) - before == 3


@pytest.mark.clause("OTLP b2", "OTLP b3")
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
def test_a_metric_larger_than_an_item_is_taken_by_its_data_points(world: World, app: App, key: str, form: Form) -> None:
    before = records_of(world, app)
    headers = form.headers(key, app.channel)
    answer = send(f"{world.url}/v1/metrics", headers=headers, body=written(form, metric_of(*[MIB] * 10)))
    assert (answer.status, partial(form, answer)) == (200, (0, ""))
    assert records_of(world, app) - before == 10


@pytest.mark.clause("OTLP 10c", "OTLP b3")
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
def test_the_points_of_a_metric_that_no_record_takes_are_refused(world: World, key: str, form: Form) -> None:
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    for description in ("", "x" * 9 * MIB):
        points = metrics.add(name="m", description=description).gauge.data_points
        for number in range(3):
            points.add(time_unix_nano=number + 1, as_int=1)
    answer = send(f"{world.url}/v1/metrics", headers=form.headers(key), body=written(form, request))
    assert answer.status == 200, answer
    if form is PROTOBUF:
        told = ExportMetricsServiceResponse.FromString(answer.body).partial_success
        assert told.rejected_data_points == 3
    else:
        assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "3"


def test_what_is_small_compressed_and_large_inflated_is_split(world: World, app: App, key: str) -> None:
    request = ExportLogsServiceRequest()
    for number in range(10):
        record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=number + 1)
        record.body.string_value = "x" * MIB
    before = records_of(world, app)
    body = gzip.compress(request.SerializeToString(), mtime=0)
    assert len(body) < 100 * KIB
    answer = PROTOBUF.send(world.url, key, app.channel, body=body, more={"Content-Encoding": "gzip"})
    assert answer.status == 200, answer
    assert records_of(world, app) - before == 10


@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
def test_a_dry_run_of_a_large_request_says_the_same_and_publishes_nothing(
    world: World, app: App, key: str, form: Form
) -> None:
    before = records_of(world, app)
    body = written(form, request_of(3 * MIB, 9 * MIB))
    url = f"{world.url}{form.path(app.channel)}?dryRun=1"
    answer = send(url, headers=form.headers(key, app.channel), body=body)
    assert (answer.status, partial(form, answer)[0]) == (200, 1)
    assert records_of(world, app) == before


@contextmanager
def limited(world: World, environment: str, max_bytes: int) -> Generator[None]:
    """Let a topic take no record above a limit, for as long as the block lasts."""
    background = Background()

    async def limit(max_bytes: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=world.env["AXONPUSH_KAFKA_BOOTSTRAP"])
        await admin.start()
        configs = {"max.message.bytes": str(max_bytes)}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic_of(environment), configs)])
        await admin.close()

    background.run(limit(max_bytes))
    try:
        yield
    finally:
        background.run(limit(12 * MIB))
        background.close()


MAKERS: dict[str, Callable[..., Request]] = {"logs": request_of, "metrics": metric_of}


@pytest.mark.clause("OTLP 12")
@pytest.mark.parametrize("form", [PROTOBUF, JSON], ids=lambda form: form.name)
@pytest.mark.parametrize("signal", list(MAKERS))
def test_what_is_published_only_in_part_is_503(world: World, key: str, app: App, signal: str, form: Form) -> None:
    """The broker takes all parts but one, whose item has a record of its own."""
    body = written(form, MAKERS[signal](*[500 * KIB] * 6, 4 * MIB, *[500 * KIB] * 2))
    answers: list[Answer] = []
    before = records_of(world, app)
    with limited(world, app.environments["production"], 2 * MIB):

        def is_refused() -> bool:
            # The limit takes a moment.
            answers.append(send(f"{world.url}/v1/{signal}", headers=form.headers(key, app.channel), body=body))
            return answers[-1].status != 200

        wait_until(is_refused, "the broker refuses a record")
    form.check_error(answers[-1], 503, "Kafka refused")
    assert answers[-1].headers["retry-after"] == "1"
    assert records_of(world, app) > before
    answer = form.send(world.url, key, app.channel, body=written(form, request_of(10)))
    assert answer.status == 200, answer


def crash(*sizes_bytes: int) -> bytes:
    """Write an envelope of an event and attachments of so many bytes."""
    event_id = secrets.token_hex(16)
    parts: list[bytes] = [json.dumps({"event_id": event_id}).encode(), b'{"type":"event"}', b'{"message":"crash"}']
    for size_bytes in sizes_bytes:
        header: dict[str, Any] = {"type": "attachment", "length": size_bytes, "filename": "core"}
        parts += [json.dumps(header).encode(), secrets.token_bytes(size_bytes)]
    return b"\n".join(parts)


@pytest.mark.clause("Sentry b11")
def test_an_envelope_travels_in_several_records(world: World, app: App, key: str) -> None:
    before = records_of(world, app)
    answer = SENTRY.send(world.url, key, app.channel, body=crash(100, 3 * MIB, 100))
    assert answer.status == 200, answer
    # The event with the first attachment, the second in four pieces, and the third.
    assert records_of(world, app) - before == 6


@pytest.mark.clause("Sentry b2")
def test_an_envelope_may_have_a_hundred_mebibytes_as_sent(world: World, app: App, key: str) -> None:
    before = records_of(world, app)
    body = crash(30 * MIB, 70 * MIB - 1000)
    assert 100 * MIB - 1000 < len(body) <= 100 * MIB
    answer = SENTRY.send(world.url, key, app.channel, body=body)
    assert answer.status == 200, answer
    assert records_of(world, app) - before > 100
    body += b" " * (100 * MIB - len(body) + 1)
    SENTRY.check_error(SENTRY.send(world.url, key, app.channel, body=body), 413, str(100 * MIB))
