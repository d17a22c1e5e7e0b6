"""A Kafka broker of its own that takes TLS, TLS with a client's certificate, and SASL over TLS."""

import os
from pathlib import Path

from msgspec import Struct

from gateway.cli.display import Lines
from gateway.local import jars, java, kafka
from gateway.local.child import Child
from gateway.local.class_archive import ClassArchive
from gateway.local.datadir import DataDir
from gateway.local.ports import ReservedPort
from gateway.runtime.settings import Kafka
from tests.integration.tls.certificates import Certificates

USER = "gateway"
PASSWORD = "a-password-of-a-test"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SECURITY = "org.apache.kafka.common.security"


class Listeners(Struct, frozen=True):
    """host:port of each listener."""

    tls: str
    mutual: str
    sasl: str


async def start(data: DataDir, held: int, certificates: Certificates) -> tuple[Child, Listeners]:
    """Start the broker as `gateway.local.kafka` does, with other listeners."""
    display = Lines()
    paths = await jars.ensure(jars.cache_folder(), jars.pinned(), jars.maven_repositories, display)
    command = [str(java.find()), *kafka._JAVA_OPTIONS]
    env = {**os.environ, "CLASSPATH": os.pathsep.join(str(path) for path in paths)}
    controller, *ports = (ReservedPort() for _ in range(4))
    try:
        properties = data.kafka / "server.properties"
        # Of two lines with one name the later counts.
        written = kafka._properties(ports[0], controller, data.kafka / "data", Kafka().message_max_bytes)
        properties.write_text(written + _listeners(controller, ports, certificates))
        await _format(data, held, command, env, properties)
        archive = ClassArchive(jars.cache_folder(), command, env)
        child = await Child.start(
            "Kafka",
            [*command, *archive.options(data.kafka / "classes"), "kafka.Kafka", str(properties)],
            log=data.log("kafka"),
            env=env,
            cwd=data.kafka,
            pass_fds=(held,),
        )
        async with child.stopped_on_failure():
            await child.until(lambda: all(kafka._accepts(port.number) for port in ports), 60)
    finally:
        for port in (controller, *ports):
            port.release()
    return child, Listeners(*(f"localhost:{port.number}" for port in ports))


async def _format(data: DataDir, held: int, command: list[str], env: dict[str, str], properties: Path) -> None:
    """Prepare the storage, and make the user for each SCRAM mechanism."""
    users = (f"{mechanism}=[name={USER},password={PASSWORD}]" for mechanism in MECHANISMS[1:])
    arguments = [
        "--cluster-id=AAAAAAAAAAAAAAAAAAAAAQ",
        *(f"--add-scram={user}" for user in users),
        "-c",
        str(properties),
    ]
    child = await Child.start(
        "Kafka's format",
        [*command, "kafka.tools.StorageTool", "format", *arguments],
        log=data.log("kafka-format"),
        env=env,
        cwd=data.kafka,
        pass_fds=(held,),
    )
    await child.succeed()


def _listeners(controller: ReservedPort, ports: list[ReservedPort], certificates: Certificates) -> str:
    """Write the listeners: TLS, MUTUAL and SASL, in the order of the ports."""
    names = ("TLS", "MUTUAL", "SASL")
    values = {
        "listeners": ",".join(
            f"{name}://127.0.0.1:{port.number}"
            for name, port in zip((*names, "CONTROLLER"), (*ports, controller), strict=True)
        ),
        # By the name that the certificate is for.
        "advertised.listeners": ",".join(
            f"{name}://localhost:{port.number}" for name, port in zip(names, ports, strict=True)
        ),
        "listener.security.protocol.map": "TLS:SSL,MUTUAL:SSL,SASL:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "TLS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": certificates.keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": certificates.ca,
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.sasl.sasl.enabled.mechanisms": ",".join(MECHANISMS),
        "listener.name.sasl.plain.sasl.jaas.config": (
            f'{_SECURITY}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        ),
        **{
            f"listener.name.sasl.{mechanism.lower()}.sasl.jaas.config": f"{_SECURITY}.scram.ScramLoginModule required;"
            for mechanism in MECHANISMS[1:]
        },
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())
