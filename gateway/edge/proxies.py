"""Whose address a request comes from: `X-Forwarded-For` counts only as far as configured proxies vouch for it; pure."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from gateway.identity.credentials import Headers
from schemas.errors import ConfigError


class Proxies:
    """The networks of the proxies in front.

    Raises:
        ConfigError: a network is none.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        try:
            self._networks: list[IPv4Network | IPv6Network] = [ip_network(network) for network in networks]
        except ValueError as error:
            raise ConfigError(f"server.trusted_proxies: {error}. Networks look like 10.0.0.0/8.") from error

    def client_address(self, peer: str | None, headers: Headers) -> str | None:
        """Answer the address of the client: going back from the peer, the first that is no trusted proxy."""
        if not self._networks or not self._is_trusted(peer):
            return peer
        hops = [hop.strip() for value in headers.getall("X-Forwarded-For", ()) for hop in value.split(",")]
        address = peer
        for hop in reversed(hops):
            address = hop
            if not self._is_trusted(hop):
                break
        return address

    def _is_trusted(self, address: str | None) -> bool:
        try:
            parsed = ip_address(address or "")
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
