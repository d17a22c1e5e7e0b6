"""A proxy in front of PostgreSQL: it can be taken away, and it can cut connections at COMMIT."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

_READ_BYTES = 65_536


class Proxy:
    """Passes bytes between a socket in a folder and the server of a URL.

    `cut_at_commit` set to "after" cuts a connection once its COMMIT was carried out, "before" cuts it instead.
    """

    def __init__(self, url: str, folder: Path) -> None:
        parts = urlsplit(url)
        self._host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
        self._port = parts.port or 5432
        self._socket = folder / ".s.PGSQL.5432"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.cut_at_commit: Literal["before", "after"] | None = None
        user = parts.netloc.rpartition("@")[0]
        self.url = parts._replace(netloc=f"{user}@", query=f"host={folder}").geturl()

    async def up(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_unix_server(self._serve, self._socket)

    def down(self) -> None:
        """Cut every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._socket.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._host.startswith("/"):
            above, up = await asyncio.open_unix_connection(f"{self._host}/.s.PGSQL.{self._port}")
        else:
            above, up = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, up}
        answers = asyncio.create_task(_pump(above, writer))
        while data := await _read(reader):
            if self.cut_at_commit and b"COMMIT" in data:
                answers.cancel()
                if self.cut_at_commit == "after":
                    up.write(data)
                    await above.readuntil(b"COMMIT\0")
                break
            up.write(data)
        answers.cancel()
        for ending in (writer, up):
            ending.transport.abort()
            self._writers.discard(ending)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Answer some bytes, or none at the end."""
    try:
        return await reader.read(_READ_BYTES)
    except OSError:
        return b""


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass answers back."""
    while data := await _read(reader):
        writer.write(data)
    writer.close()


@asynccontextmanager
async def proxied(url: str, folder: Path) -> AsyncGenerator[Proxy]:
    """A proxy that is up."""
    proxy = Proxy(url, folder)
    await proxy.up()
    yield proxy
    proxy.down()
