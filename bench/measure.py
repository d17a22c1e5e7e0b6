"""The measurements: what the edge takes, what the worker stores, and the floors that make them ratios."""

import asyncio
import io
import time
from urllib.parse import urlsplit

import asyncpg
import msgspec
import psutil
from msgspec import Struct

from bench.load import Job, Load
from bench.payloads import Case
from bench.processes import BenchError, Gateway, cpu_seconds, floor, load
from gateway.runtime.postgres import Connection

_WARM_UP_SECONDS = 0.5
_FLOOR_SECONDS = 1.0
_STORE_MAX_SECONDS = 120
_POLL_SECONDS = 0.05


class EdgeFigures(Struct, frozen=True):
    """What the edge took of one case: items durable in Kafka per CPU-second of the edge's processes."""

    items_per_cpu_second: float
    floor_items_per_cpu_second: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    failed: int
    first_failure: str


class StoreFigures(Struct, frozen=True):
    """What was stored of one case: rows committed per CPU-second of the worker, and of worker and PostgreSQL together.

    `copy_rows_per_cpu_second` is PostgreSQL's own COPY of the same rows into a like table, indexes included.
    """

    rows: int
    seconds: float
    rows_per_cpu_second_worker: float
    rows_per_cpu_second: float
    copy_rows_per_cpu_second: float


async def measure_edge(gateway: Gateway, case: Case, seconds: float) -> EdgeFigures:
    """Load the edge with one case, and the floor with the same."""
    with floor() as (floor_process, floor_port):
        floor_job = _job(case, f"http://127.0.0.1:{floor_port}", "", _FLOOR_SECONDS)
        _, floor_items_per_cpu_second = await _items_per_cpu_second(floor_process, floor_job, case.items)
    job = _job(case, gateway.ready.ingest_url, gateway.ready.api_keys[gateway.kept_slug], seconds)
    taken, items_per_cpu_second = await _items_per_cpu_second(gateway.edge, job, case.items)
    return EdgeFigures(
        items_per_cpu_second=items_per_cpu_second,
        floor_items_per_cpu_second=floor_items_per_cpu_second,
        requests_per_second=taken.accepted / taken.seconds,
        p50_ms=taken.p50_ms,
        p99_ms=taken.p99_ms,
        failed=taken.failed,
        first_failure=taken.first_failure,
    )


async def measure_store(gateway: Gateway, case: Case) -> StoreFigures:
    """Send a fixed number of requests to the environment that the worker serves, and wait until all are committed.

    Raises:
        BenchError: not every item was stored in time, or one was stored twice.
    """
    connection = await asyncpg.connect(gateway.ready.database_url)
    try:
        environment_id = await connection.fetchval("SELECT id FROM environments WHERE slug = $1", gateway.stored_slug)
        stored_before = await _stored(connection, environment_id, case.table)
        worker_before, postgres_before = cpu_seconds(gateway.worker), cpu_seconds(gateway.postgres)
        started_at = time.monotonic()
        key = gateway.ready.api_keys[gateway.stored_slug]
        taken = await load(_job(case, gateway.ready.ingest_url, key, _STORE_MAX_SECONDS, case.stored_requests))
        rows = taken.accepted * case.items
        await _wait_for(connection, environment_id, case.table, stored_before + rows)
        seconds = time.monotonic() - started_at
        worker_cpu = cpu_seconds(gateway.worker) - worker_before
        postgres_cpu = cpu_seconds(gateway.postgres) - postgres_before
        await _check_count(connection, environment_id, case.table, stored_before + rows)
        return StoreFigures(
            rows=rows,
            seconds=seconds,
            rows_per_cpu_second_worker=rows / worker_cpu,
            rows_per_cpu_second=rows / (worker_cpu + postgres_cpu),
            copy_rows_per_cpu_second=await _copy(connection, gateway.postgres, environment_id, case, rows),
        )
    finally:
        await connection.close()


def _job(case: Case, url: str, key: str, seconds: float, requests: int | None = None) -> Job:
    address = urlsplit(url)
    return Job(
        host=address.hostname or "",
        port=address.port or 80,
        path=case.path,
        headers=case.headers | {"x-api-key": key},
        body=case.body,
        connections=case.connections,
        seconds=seconds,
        requests=requests,
    )


async def _items_per_cpu_second(process: psutil.Process, job: Job, items: int) -> tuple[Load, float]:
    """Warm a server up, then load it; answer what came back, and accepted items per CPU-second of that server."""
    await load(msgspec.structs.replace(job, seconds=_WARM_UP_SECONDS))
    before = cpu_seconds(process)
    taken = await load(job)
    return taken, taken.accepted * items / (cpu_seconds(process) - before)


async def _stored(connection: Connection, environment_id: str, table: str) -> int:
    """Answer how many rows of a table the worker counted; cheaper than counting the rows while it is measured."""
    return await connection.fetchval(
        "SELECT coalesce(sum(events), 0)::bigint FROM events_by_minute WHERE environment = $1 AND kind = $2",
        environment_id,
        table,
    )


async def _wait_for(connection: Connection, environment_id: str, table: str, goal: int) -> None:
    deadline = time.monotonic() + _STORE_MAX_SECONDS
    while (stored := await _stored(connection, environment_id, table)) < goal:
        if time.monotonic() > deadline:
            raise BenchError(f"Only {stored} of {goal} rows of {table} were stored in time.")
        await asyncio.sleep(_POLL_SECONDS)
    if stored > goal:
        raise BenchError(f"{stored} rows of {table} were stored, but only {goal} were sent.")


async def _check_count(connection: Connection, environment_id: str, table: str, goal: int) -> None:
    """Count the rows themselves, once nothing is measured any more."""
    count = await connection.fetchval(
        f"SELECT count(*) FROM {table} WHERE environment = $1",  # noqa: S608 (our own name)
        environment_id,
    )
    if count != goal:
        raise BenchError(f"{table} has {count} rows, but {goal} events were sent.")


async def _copy(
    connection: Connection,
    postgres: psutil.Process,
    environment_id: str,
    case: Case,
    rows: int,
) -> float:
    """Answer rows per CPU-second of a bare COPY of what was just stored into a table of the same shape."""
    suffix = await connection.fetchval(
        "SELECT suffix FROM leaves WHERE environment = $1 ORDER BY starts_at DESC LIMIT 1", environment_id
    )
    leaf = f"{case.table}_{suffix}"
    binary = io.BytesIO()
    await connection.copy_from_query(
        f"SELECT * FROM {leaf} ORDER BY received_at DESC LIMIT {rows}",  # noqa: S608 (our own names)
        output=binary,
        format="binary",
    )
    await connection.execute(f"CREATE TABLE bench_copy (LIKE {leaf} INCLUDING ALL)")
    binary.seek(0)
    before = cpu_seconds(postgres)
    await connection.copy_to_table("bench_copy", source=binary, format="binary")
    cpu = cpu_seconds(postgres) - before
    await connection.execute("DROP TABLE bench_copy")
    return rows / cpu
