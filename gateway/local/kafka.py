"""Kafka on this machine: one broker that is its own controller (KRaft), formatted once for a data directory."""

import base64
import os
import shutil
import socket
import uuid
from pathlib import Path

from gateway.local import jars, java
from gateway.local.child import Child
from gateway.local.class_archive import ClassArchive
from gateway.local.datadir import DataDir
from gateway.local.display import Display
from gateway.local.ports import ReservedPort

_START_TIMEOUT_SECONDS = 60
_MIB = 1024 * 1024

_JAVA_OPTIONS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    # Rather than go on without ever answering.
    "-XX:+ExitOnOutOfMemoryError",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)


async def start(data: DataDir, held: int, record_max_bytes: int, display: Display) -> tuple[Child, str]:
    """Start the broker, and answer it with its host:port once it accepts connections.

    Args:
        data: the data directory.
        held: the descriptor that holds the data directory.
        record_max_bytes: the largest record that a topic may allow.
        display: is told about downloads.

    Raises:
        LocalError: Java or a jar is missing, or the broker does not start.
    """
    java_path = java.find()
    paths = await jars.ensure(jars.cache_folder(), jars.pinned(), jars.maven_repositories, display)
    command = [str(java_path), *_JAVA_OPTIONS]
    # Not as an argument: it would fill each line of `ps`.
    env = {**os.environ, "CLASSPATH": os.pathsep.join(str(path) for path in paths)}
    ports = (ReservedPort(), ReservedPort())
    try:
        properties = data.kafka / "server.properties"
        folder = data.kafka / "data"
        if not folder.exists():
            made = data.kafka / "data.new"
            shutil.rmtree(made, ignore_errors=True)  # what an interrupted one left
            await _format(data, held, command, env, _properties(*ports, made, record_max_bytes))
            made.replace(folder)
        properties.write_text(_properties(*ports, folder, record_max_bytes), encoding="utf-8")
        archive = ClassArchive(jars.cache_folder(), command, env)
        class_list = data.kafka / "classes"
        child = await Child.start(
            "Kafka",
            [*command, *archive.options(class_list), "kafka.Kafka", str(properties)],
            log=data.log("kafka"),
            env=env,
            cwd=data.kafka,
            pass_fds=(held,),
        )
        async with child.stopped_on_failure():
            await child.until(lambda: _accepts(ports[0].number), _START_TIMEOUT_SECONDS)
            child.companion = await archive.make(class_list, data.log("kafka-class-archive"))
    finally:
        for port in ports:
            port.release()
    return child, f"127.0.0.1:{ports[0].number}"


async def _format(data: DataDir, held: int, command: list[str], env: dict[str, str], properties: str) -> None:
    """Prepare the storage; it is moved into its place afterwards, so that a half-made one is never used."""
    path = data.kafka / "format.properties"
    path.write_text(properties, encoding="utf-8")
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # With an equals sign, because an id may begin with a dash.
    arguments = ["format", f"--cluster-id={cluster_id}", "-c", str(path)]
    child = await Child.start(
        "Kafka's format",
        [*command, "kafka.tools.StorageTool", *arguments],
        log=data.log("kafka-format"),
        env=env,
        cwd=data.kafka,
        pass_fds=(held,),
    )
    await child.succeed()


def _properties(broker: ReservedPort, controller: ReservedPort, folder: Path, record_max_bytes: int) -> str:
    """Write the broker's configuration."""
    # A batch is its records and some framing.
    batch_max_bytes = record_max_bytes + _MIB
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller.number}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{broker.number},CONTROLLER://127.0.0.1:{controller.number}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        # In a properties file a backslash escapes.
        "log.dirs": str(folder).replace("\\", "\\\\"),
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "message.max.bytes": batch_max_bytes,
        "replica.fetch.max.bytes": batch_max_bytes,
        "log.segment.bytes": 64 * _MIB,
        # Of its default, 128 MiB, nothing would be left of the heap for requests. Only offsets are compacted here.
        "log.cleaner.dedupe.buffer.size": 4 * _MIB,
        # Each partition maps an index of this size ahead: ten thousand of them should cost little.
        "log.index.size.max.bytes": _MIB,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _accepts(port: int) -> bool:
    """Answer whether something listens on a port of the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
