"""Whose address counts: a table of peers and forwarded addresses."""

import pytest
from multidict import CIMultiDict

from gateway.edge.proxies import Proxies
from schemas.errors import ConfigError

TRUSTED = ("10.0.0.0/8", "fd00::/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.9"], "192.0.2.1"),
        ("10.0.0.1", ["198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["203.0.113.7, 198.51.100.9"], "198.51.100.9"),
        ("10.0.0.1", ["203.0.113.7, 198.51.100.9, 10.0.0.2"], "198.51.100.9"),
        ("10.0.0.1", ["198.51.100.9", "10.0.0.2"], "198.51.100.9"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["nonsense"], "nonsense"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        (None, ["198.51.100.9"], None),
    ],
)
def test_only_trusted_proxies_vouch(peer: str | None, forwarded: list[str], expected: str | None) -> None:
    headers = CIMultiDict(("X-Forwarded-For", value) for value in forwarded)
    assert Proxies(TRUSTED).client_address(peer, headers) == expected
    assert Proxies(()).client_address(peer, headers) == peer


def test_a_network_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Proxies(("10.0.0.1/8",))
