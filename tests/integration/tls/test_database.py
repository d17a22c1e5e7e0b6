"""Each TLS mode of PostgreSQL, against a front that takes TLS only: what is checked, and what is refused."""

from collections.abc import Callable

import pytest

from gateway.runtime import postgres
from gateway.runtime.settings import Database
from schemas.errors import ConfigError, StoreTransient
from tests.integration.tls.certificates import Certificates
from tests.integration.tls.database import Front

Case = Callable[[Front, Certificates], Database]

ACCEPTED: dict[str, Case] = {
    "prefer": lambda front, _: Database(url=front.by_address),
    "require": lambda front, _: Database(url=front.by_address, tls_mode="require"),
    "verify-ca": lambda front, files: Database(url=front.by_address, tls_mode="verify-ca", tls_ca_file=str(files.ca)),
    "verify-full": lambda front, files: Database(url=front.by_name, tls_mode="verify-full", tls_ca_file=str(files.ca)),
    "verify-full in the URL": lambda front, files: Database(
        url=f"{front.by_name}?sslmode=verify-full&sslrootcert={files.ca}"
    ),
}
REFUSED: dict[str, Case] = {
    "disable": lambda front, _: Database(url=front.by_name, tls_mode="disable"),
    "disable, with an authority": lambda front, files: Database(
        url=front.by_name, tls_mode="disable", tls_ca_file=str(files.ca)
    ),
    "require, which checks where there is an authority": lambda front, files: Database(
        url=front.by_name, tls_mode="require", tls_ca_file=str(files.other_ca)
    ),
    "verify-ca": lambda front, files: Database(
        url=front.by_name, tls_mode="verify-ca", tls_ca_file=str(files.other_ca)
    ),
    "verify-full by another name": lambda front, files: Database(
        url=front.by_address, tls_mode="verify-full", tls_ca_file=str(files.ca)
    ),
    "verify-full in the URL": lambda front, files: Database(
        url=f"{front.by_address}?sslmode=verify-full&sslrootcert={files.ca}"
    ),
    "a setting above the URL": lambda front, files: Database(
        url=f"{front.by_address}?sslmode=require", tls_mode="verify-full", tls_ca_file=str(files.ca)
    ),
}
WRONG: dict[str, tuple[Case, str]] = {
    "no authority": (lambda front, _: Database(url=front.by_name, tls_mode="verify-full"), "tls_ca_file"),
    "no such authority": (lambda front, _: Database(url=front.by_name, tls_ca_file="/gone.pem"), "database.tls_"),
    "no certificate": (
        lambda front, files: Database(url=front.by_name, tls_cert_file=str(files.ca)),
        "database.tls_",
    ),
}


async def is_answered(database: Database) -> None:
    """Ask over a connection and over a pool."""
    connection = await postgres.connect(database)
    try:
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()
    pool = await postgres.open_pool(database)
    try:
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        await pool.close()


@pytest.mark.parametrize("case", ACCEPTED.values(), ids=ACCEPTED)
async def test_what_can_be_trusted_is_used(front: Front, certificates: Certificates, case: Case) -> None:
    await is_answered(case(front, certificates))


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_trusted_is_not(front: Front, certificates: Certificates, case: Case) -> None:
    with pytest.raises(StoreTransient, match="cannot be reached"):
        await postgres.connect(case(front, certificates))


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-full"])
async def test_a_clients_certificate_is_shown(asking_front: Front, certificates: Certificates, mode: str) -> None:
    files = {
        "tls_ca_file": str(certificates.ca),
        "tls_cert_file": str(certificates.client),
        "tls_key_file": str(certificates.client_key),
    }
    await is_answered(Database(url=asking_front.by_name, tls_mode=mode, **files))  # pyright: ignore[reportArgumentType]
    del files["tls_cert_file"]
    with pytest.raises(StoreTransient, match="cannot be reached"):
        await postgres.connect(Database(url=asking_front.by_name, tls_mode=mode, **files))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("case", "says"), WRONG.values(), ids=WRONG)
async def test_a_file_that_is_missing_or_wrong_is_named(
    front: Front, certificates: Certificates, case: Case, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        await postgres.connect(case(front, certificates))


@pytest.mark.parametrize(
    "url",
    [
        "somewhere",
        "mysql://u:secret@h/d",
        "postgresql://u:secret@h:port/d",
        "postgresql://u:sec:ret@word@h/d?sslmode=maybe",
        "postgresql://u:secret@h/d?sslmode=maybe",
    ],
)
async def test_a_url_that_is_none_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url") as caught:
        await postgres.connect(Database(url=url))
    assert "sec" not in caught.value.message
    with pytest.raises(ConfigError, match=r"database\.url"):
        await postgres.open_pool(Database(url=url))
