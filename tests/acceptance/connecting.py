"""Connections to each process of an edge, which share one listening socket."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psutil

from tests.acceptance.sending import Connection

_TIMEOUT_SECONDS = 20


@contextmanager
def one_to_each(pid: int, url: str, processes_count: int) -> Generator[list[Connection]]:
    """Keep one connection to each process of the edge whose parent has this process id."""
    port = urlsplit(url).port
    held: dict[int, Connection] = {}
    spare: list[Connection] = []
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    try:
        while len(held) < processes_count:
            assert time.monotonic() < deadline, "Some process of the edge takes no connection."
            connection = Connection(url)
            spare.append(connection)
            # Answered, so that it is known to have been accepted.
            assert connection.send("/healthz", "GET").status == 200
            own_port = connection.http.sock.getsockname()[1]
            for child in psutil.Process(pid).children(recursive=True):
                for each in child.net_connections("tcp"):
                    if each.laddr.port == port and each.raddr and each.raddr.port == own_port:
                        held.setdefault(child.pid, connection)
        yield list(held.values())
    finally:
        for connection in spare:
            connection.http.close()
