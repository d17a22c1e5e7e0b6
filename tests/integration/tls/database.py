"""TLS in front of PostgreSQL: the wheel's server is built without it, so a front ends TLS as a pooler would."""

import asyncio
import contextlib
import ssl
from urllib.parse import parse_qs, urlsplit

from tests.integration.tls.certificates import Certificates

_READ_BYTES = 65_536
# PostgreSQL's protocol, SSLRequest: its length and its code.
_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class Front:
    """Takes connections on a port of the loopback and passes on those that ask for TLS; the others it cuts.

    `by_name` is its URL by the name that its certificate is for, `by_address` the one by its address.
    """

    def __init__(self, url: str, certificates: Certificates, *, asks_for_certificate: bool = False) -> None:
        self._parts = urlsplit(url)
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates.ca))
        self._context.load_cert_chain(certificates.server, certificates.server_key)
        self._context.verify_mode = ssl.CERT_REQUIRED if asks_for_certificate else ssl.CERT_NONE
        self._server: asyncio.Server | None = None
        self.by_name = self.by_address = ""

    async def up(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        user = self._parts.netloc.rpartition("@")[0]
        self.by_name, self.by_address = (
            self._parts._replace(netloc=f"{user}@{host}:{port}", query="").geturl()
            for host in ("localhost", "127.0.0.1")
        )

    async def down(self) -> None:
        """Take no more connections."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # However a client breaks off, only its own connection ends.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), contextlib.closing(writer):
            if await reader.readexactly(len(_SSL_REQUEST)) != _SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(self._context)
            host = parse_qs(self._parts.query).get("host", [self._parts.hostname or ""])[0]
            port = self._parts.port or 5432
            above, up = await (
                asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
                if host.startswith("/")
                else asyncio.open_connection(host, port)
            )
            with contextlib.closing(up):
                pumps = [asyncio.create_task(_pump(reader, up)), asyncio.create_task(_pump(above, writer))]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on to their end."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_READ_BYTES):
            writer.write(data)
            await writer.drain()
