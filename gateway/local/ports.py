"""Free ports on the loopback, kept free until their server takes them."""

import socket
import sys


class ReservedPort:
    """A free port of 127.0.0.1.

    On Linux a socket stays bound to it without listening: nobody else is given the port, and a server that sets
    SO_REUSEADDR, as PostgreSQL and Java do, can take it. Elsewhere the port is only likely to stay free.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]
        if sys.platform != "linux":
            self._socket.close()

    def release(self) -> None:
        """Stop reserving the port."""
        self._socket.close()
