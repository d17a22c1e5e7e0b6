"""Each way to reach Kafka that the settings know, against a broker that checks: who gets in, and who does not."""

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from gateway.runtime.settings import Kafka, Limits
from gateway.stream.kafka import KafkaPublisher
from schemas.errors import StreamUnavailable
from tests.integration.tls.broker import MECHANISMS, PASSWORD, USER, Listeners
from tests.integration.tls.certificates import Certificates

Case = Callable[[Listeners, Certificates], Kafka]


def tls(listeners: Listeners, files: Certificates) -> Kafka:
    return Kafka(
        bootstrap=listeners.tls,
        security_protocol="SSL",
        tls_ca_file=str(files.ca),
        publish_timeout_seconds=3,
    )


def mutual(listeners: Listeners, files: Certificates) -> Kafka:
    return msgspec.structs.replace(
        tls(listeners, files),
        bootstrap=listeners.mutual,
        tls_cert_file=str(files.client),
        tls_key_file=str(files.client_key),
    )


def sasl(listeners: Listeners, files: Certificates, mechanism: str) -> Kafka:
    return msgspec.structs.replace(
        tls(listeners, files),
        bootstrap=listeners.sasl,
        security_protocol="SASL_SSL",
        sasl_mechanism=mechanism,
        sasl_username=USER,
        sasl_password=PASSWORD,
    )


async def connect(kafka: Kafka) -> None:
    publisher = KafkaPublisher(kafka, Limits())
    await publisher.start()
    try:
        await publisher.check()
    finally:
        await publisher.close()


@pytest.mark.parametrize(
    "case",
    [tls, mutual, *(partial(sasl, mechanism=mechanism) for mechanism in MECHANISMS)],
    ids=["TLS", "a client's certificate", *MECHANISMS],
)
async def test_who_shows_what_is_asked_for_gets_in(
    listeners: Listeners, certificates: Certificates, case: Case
) -> None:
    await connect(case(listeners, certificates))


REFUSED: dict[str, Case] = {
    "without TLS": lambda listeners, _: Kafka(bootstrap=listeners.tls, publish_timeout_seconds=3),
    "an authority that is not the broker's": lambda listeners, files: msgspec.structs.replace(
        tls(listeners, files), tls_ca_file=str(files.other_ca)
    ),
    "the system's authorities": lambda listeners, files: msgspec.structs.replace(tls(listeners, files), tls_ca_file=""),
    "a name that the certificate is not for": lambda listeners, files: msgspec.structs.replace(
        tls(listeners, files), bootstrap=listeners.tls.replace("localhost", "127.0.0.1")
    ),
    "no certificate where one is asked for": lambda listeners, files: msgspec.structs.replace(
        mutual(listeners, files), tls_cert_file="", tls_key_file=""
    ),
    **{
        f"a wrong password by {mechanism}": lambda listeners, files, by=mechanism: msgspec.structs.replace(
            sasl(listeners, files, by), sasl_password="wrong"
        )
        for mechanism in MECHANISMS
    },
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_who_does_not_stays_outside(listeners: Listeners, certificates: Certificates, case: Case) -> None:
    with pytest.raises(StreamUnavailable, match="cannot be reached"):
        await connect(case(listeners, certificates))
