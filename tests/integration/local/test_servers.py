"""PostgreSQL and Kafka of one machine: what a later start finds, and what is said where something is missing."""

import asyncio
import os
from pathlib import Path

import psutil
import pytest

from gateway.cli.display import Lines
from gateway.local import jars
from gateway.local.datadir import DataDir
from gateway.local.errors import LocalError
from gateway.local.servers import running

RECORD_MAX_BYTES = 20 * 1024 * 1024


def share_jars(cache: Path) -> None:
    """Give a cache of its own the jars that were fetched before, and nothing else."""
    shared, own = jars.cache_folder(), cache / "axonpush" / "jars"
    own.mkdir(parents=True)
    for jar in jars.pinned():
        os.link(shared / jar.file_name, own / jar.file_name)


async def test_the_first_broker_makes_an_archive_that_the_next_one_starts_from(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    await jars.ensure(jars.cache_folder(), jars.pinned(), jars.maven_repositories, Lines())
    cache = tmp_path_factory.mktemp("cache")
    share_jars(cache)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    data = DataDir(tmp_path_factory.mktemp("data"))
    options: list[str] = []
    for _ in range(2):
        async with (
            data.locked(print) as held,
            running(data, held, wants_postgres=False, record_max_bytes=RECORD_MAX_BYTES, display=Lines()) as servers,
        ):
            (kafka,) = servers.children
            commands = [process.cmdline() for process in psutil.Process(kafka._process.pid).children()]
            options += [part for part in commands[0] if part.startswith(("-XX:Shared", "-XX:DumpLoaded"))]
            if kafka.companion is not None:
                assert await asyncio.wait_for(kafka.companion.wait(), 90) == 0
    (archive,) = (cache / "axonpush" / "jars").glob("*.jsa")
    assert options == [f"-XX:DumpLoadedClassList={data.kafka / 'classes'}", f"-XX:SharedArchiveFile={archive}"]


async def test_data_without_its_password_is_said(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    (data.postgres / "data").mkdir(parents=True)
    with pytest.raises(LocalError, match=r"secrets\.json does not hold the password .* Restore that file, or delete"):
        async with (
            data.locked(print) as held,
            running(data, held, wants_kafka=False, record_max_bytes=RECORD_MAX_BYTES, display=Lines()),
        ):
            pass


async def test_a_server_that_cannot_start_shows_its_log_and_takes_the_other_along(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    kafka_data = data.kafka / "data"
    kafka_data.mkdir(parents=True)
    (kafka_data / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=99\n")
    with pytest.raises(
        LocalError, match=r"Kafka ended with exit code 1 while it started\. The end of .*kafka\.log:"
    ) as e:
        async with (
            data.locked(print) as held,
            running(data, held, record_max_bytes=RECORD_MAX_BYTES, display=Lines()),
        ):
            pass
    assert "node" in e.value.message
    # `attrs` leaves out what ends while it is looked at.
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    inside = [command for command in commands if str(tmp_path) in " ".join(command)]
    assert inside == []
