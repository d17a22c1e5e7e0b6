"""Connections on which a test writes whatever bytes it likes."""

import socket
from urllib.parse import urlsplit


def tap(url: str) -> socket.socket:
    """Open a connection to where a URL points."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)
