"""Kafka's settings as the client's arguments, and what is said about a wrong one."""

import ssl
from pathlib import Path

import pytest

from gateway.runtime.kafka_options import kafka_options
from gateway.runtime.settings import Kafka
from schemas.errors import ConfigError


def test_plain_text_needs_no_more_than_an_address() -> None:
    assert kafka_options(Kafka(bootstrap="a:1,b:2")) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_over_tls_checks_certificate_and_host_name() -> None:
    options = kafka_options(
        Kafka(
            bootstrap="a:1",
            security_protocol="SASL_SSL",
            sasl_mechanism="SCRAM-SHA-512",
            sasl_username="worker",
            sasl_password="secret",
        )
    )
    context = options.pop("ssl_context")
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert options == {
        "bootstrap_servers": "a:1",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "worker",
        "sasl_plain_password": "secret",
    }


@pytest.mark.parametrize(
    ("kafka", "says"),
    [
        (Kafka(), "kafka.bootstrap is not set"),
        (Kafka(bootstrap="a:1", security_protocol="SASL_SSL", sasl_username="worker"), "kafka.sasl_password"),
        (Kafka(bootstrap="a:1", security_protocol="SSL", tls_ca_file="missing.pem"), "kafka.tls_"),
    ],
)
def test_a_wrong_setting_is_named(kafka: Kafka, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        kafka_options(kafka)


def test_a_client_certificate_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match=r"kafka\.tls_"):
        kafka_options(Kafka(bootstrap="a:1", security_protocol="SSL", tls_cert_file=str(tmp_path / "cert.pem")))
