"""Certificates for one run of the tests, in the files that servers and clients read."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization
from msgspec import Struct


class Certificates(Struct, frozen=True):
    """PEM files: the server's certificate is for the name `localhost` alone.

    `ca` has issued the server's and the client's, `other_ca` neither. `keystore` is the server's and its key in one.
    """

    ca: Path
    other_ca: Path
    server: Path
    server_key: Path
    keystore: Path
    client: Path
    client_key: Path


def make(folder: Path) -> Certificates:
    """Make an authority, another one, and a certificate for a server and for a client."""
    made = Certificates(**{name: folder / f"{name}.pem" for name in Certificates.__struct_fields__})
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made.ca))
    trustme.CA().cert_pem.write_to_path(str(made.other_ca))
    server = authority.issue_cert("localhost")
    client = authority.issue_cert("client.example")
    for issued, certificate, key in ((server, made.server, made.server_key), (client, made.client, made.client_key)):
        certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        key.touch(mode=0o600)
        key.write_bytes(_pkcs8(issued.private_key_pem.bytes()))
    made.keystore.touch(mode=0o600)
    made.keystore.write_bytes(made.server_key.read_bytes() + made.server.read_bytes())
    return made


def _pkcs8(key: bytes) -> bytes:
    """Write a private key in the only form that Kafka reads."""
    return serialization.load_pem_private_key(key, password=None).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
