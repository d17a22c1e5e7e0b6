"""What a running stack tells the world: the file by which others join it, and the banner for people."""

import shlex
import shutil
import sys
from pathlib import Path

from msgspec import Struct

from gateway.runtime import config
from gateway.runtime.catalogue import SETTINGS
from gateway.runtime.settings import Settings

_LOG_RECORD = (
    '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"Hello from curl"}}]}]}]}'
)
# What belongs to one process of a machine: a further one with the same would clash.
_OWN = ("directory.snapshot_file",)


class Joining(Struct, frozen=True):
    """What `--ready-file` holds. `api_keys` and `dsn` are by the environment's slug."""

    ingest_url: str
    channel: int
    api_keys: dict[str, str]
    dsn: dict[str, str]
    management_key: str
    database_url: str
    kafka_bootstrap: str
    env: dict[str, str]


def joining(
    settings: Settings,
    origins: dict[str, str],
    *,
    ingest_url: str,
    channel: int,
    api_keys: dict[str, str],
) -> Joining:
    """Write down how to join a stack that runs with these settings."""
    variables = config.environment_of(settings, origins)
    own = {setting.variable for key, setting in SETTINGS.items() if setting.section == "server" or key in _OWN}
    public_url = (settings.server.public_url or ingest_url).rstrip("/")
    scheme, _, rest = public_url.partition("://")
    return Joining(
        ingest_url=public_url,
        channel=channel,
        api_keys=api_keys,
        dsn={slug: f"{scheme}://{key}@{rest}/{channel}" for slug, key in api_keys.items()},
        management_key=settings.control.management_key,
        database_url=settings.database.url,
        kafka_bootstrap=settings.kafka.bootstrap,
        env={name: value for name, value in variables.items() if name not in own},
    )


def banner(stack: Joining, slug: str, data_dir: Path, seconds: float) -> str:
    """Say what runs where, how to use it from the environment of a slug, and how to stop."""
    key = stack.api_keys[slug]
    others = ", ".join(other for other in stack.api_keys if other != slug)
    command = f"{_program()} stats"
    if data_dir != Path(config.DEFAULT_DATA_DIR).absolute():
        command = f"AXONPUSH_DATA_DIR={shlex.quote(str(data_dir))} {command}"
    return f"""
axonpush is running (started in {seconds:.1f} s).

  URL            {stack.ingest_url}
  Sentry DSN     {stack.dsn[slug]}
  OpenTelemetry  export OTEL_EXPORTER_OTLP_ENDPOINT={stack.ingest_url}
                 export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
                 export OTEL_EXPORTER_OTLP_HEADERS=X-API-Key={key},X-Axonpush-Channel={stack.channel}

Send a log record to the environment {slug}, then look what is stored:

  curl -i {stack.ingest_url}/v1/logs -H 'Content-Type: application/json' \\
    -H 'X-API-Key: {key}' -H 'X-Axonpush-Channel: {stack.channel}' \\
    -d '{_LOG_RECORD}'
  {command}

  Data and logs  {data_dir}
  More keys      {data_dir / "running.json"} ({others}, management)
  Stop           Ctrl-C
"""


def _program() -> str:
    """Name this program as it was called, or just `axonpush` where that is on PATH."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "axonpush" and shutil.which("axonpush") is None else "axonpush"
