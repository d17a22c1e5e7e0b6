"""The listening socket of the edge: made before anything else, so that a taken port is known at once."""

import errno
import socket

from gateway.runtime.settings import Server
from schemas.errors import ConfigError

_BACKLOG = 1024


def listen(server: Server) -> socket.socket:
    """Listen where the settings say.

    Raises:
        ConfigError: the port is taken, may not be used, or the address is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        return socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        why = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened on ({error})"
        raise ConfigError(
            f"Port {server.port} of {server.host} {why}. Give another --port (0 takes a free one) or --host."
        ) from error


def url_of(listener: socket.socket) -> str:
    """Answer the URL under which this machine reaches a listening socket."""
    host, port = listener.getsockname()[:2]
    if host in {"0.0.0.0", "::"}:  # noqa: S104 (compared, not listened on)
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
