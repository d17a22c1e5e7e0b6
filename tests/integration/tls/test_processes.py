"""Edge and worker where everything is encrypted: from the first migration to the stored record."""

import json
import secrets
from pathlib import Path

from tests.acceptance.database import wait_until
from tests.acceptance.processes import Process, run, start_edge
from tests.integration.edge.forms import JSON
from tests.integration.tls.broker import PASSWORD, USER, Listeners
from tests.integration.tls.certificates import Certificates
from tests.integration.tls.database import Front


def test_a_record_is_stored_over_tls_and_sasl(
    front: Front, listeners: Listeners, certificates: Certificates, tmp_path: Path
) -> None:
    ca_file = str(certificates.ca)
    env = {
        "AXONPUSH_DATABASE_URL": front.by_name,
        "AXONPUSH_DATABASE_TLS_MODE": "verify-full",
        "AXONPUSH_DATABASE_TLS_CA_FILE": ca_file,
        "AXONPUSH_KAFKA_BOOTSTRAP": listeners.sasl,
        "AXONPUSH_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "AXONPUSH_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "AXONPUSH_KAFKA_SASL_USERNAME": USER,
        "AXONPUSH_KAFKA_SASL_PASSWORD": PASSWORD,
        "AXONPUSH_KAFKA_TLS_CA_FILE": ca_file,
        "AXONPUSH_DIRECTORY_PEPPERS": f"1:{secrets.token_hex(32)}",
    }
    assert run(["migrate"], env) == "The schema is up to date.\n"
    seeded = json.loads(run(["seed", "--json"], env))
    worker = Process(["worker"], env, tmp_path / "worker.log")
    edge, url = start_edge(env, tmp_path)
    try:
        assert JSON.send(url, seeded["api_keys"]["production"], 1).status == 200

        def is_stored() -> bool:
            listed = json.loads(run(["stats", "--json"], env))["environments"]
            return {each["environment"]: each["logs"] for each in listed} == {"production": 1, "development": 0}

        wait_until(is_stored, "the record is stored", 30)
    finally:
        codes = [process.stop() for process in (edge, worker)]
    assert codes == [0, 0], edge.log + worker.log
    assert PASSWORD not in edge.log + worker.log
