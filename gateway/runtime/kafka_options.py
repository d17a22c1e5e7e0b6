"""The Kafka settings as the client's keyword arguments: where the brokers are, TLS, SASL. Imports no client."""

import ssl
from typing import Any

from gateway.runtime.settings import Kafka
from schemas.errors import ConfigError


def kafka_options(kafka: Kafka) -> dict[str, Any]:
    """Translate the settings into arguments that every aiokafka client takes.

    Raises:
        ConfigError: a setting is missing or names a file that cannot be read.
    """
    if not kafka.bootstrap:
        raise ConfigError("kafka.bootstrap is not set. Give --kafka-bootstrap or AXONPUSH_KAFKA_BOOTSTRAP.")
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "security_protocol": kafka.security_protocol}
    if kafka.security_protocol.endswith("SSL"):
        options["ssl_context"] = _tls(kafka)
    if kafka.security_protocol.startswith("SASL"):
        if not (kafka.sasl_username and kafka.sasl_password):
            raise ConfigError(f"{kafka.security_protocol} needs kafka.sasl_username and kafka.sasl_password.")
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password
    return options


def _tls(kafka: Kafka) -> ssl.SSLContext:
    """Make the TLS context: the brokers' certificate and host name are always checked."""
    try:
        context = ssl.create_default_context(cafile=kafka.tls_ca_file or None)
        if kafka.tls_cert_file:
            context.load_cert_chain(kafka.tls_cert_file, kafka.tls_key_file or None)
    except OSError as error:
        raise ConfigError(f"A file of kafka.tls_* cannot be read: {error}.") from error
    return context
