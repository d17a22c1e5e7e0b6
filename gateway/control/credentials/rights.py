"""What keys and tokens may do: their lists and limits, read from what a call was given; pure."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any

from msgspec import UNSET
from msgspec.structs import asdict

from gateway.control.credentials.credential_types import ChangedCredential, NewCredential
from gateway.control.environments.limit_types import SetCategoryLimit, SetMonthlyQuota, SetRate
from gateway.protocols.sentry.categories import LIMITABLE
from schemas.environment import CategoryLimit, MonthlyQuota, Rate
from schemas.errors import Unprocessable

# Browsers leave them away.
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PORT = re.compile(r":([0-9]+)$")
_PORT_MAX = 65535


def rights_of(body: NewCredential | ChangedCredential) -> dict[str, Any]:
    """Answer the fields that a body gives, as they are stored; those of a new credential that are left out as well.

    Raises:
        Unprocessable: an origin is none, a network is none, or a limit contradicts itself.
    """
    given = {name: value for name, value in asdict(body).items() if value is not UNSET}
    for name, stored in _STORED.items():
        if given.get(name) is not None:
            given[name] = stored(given[name])
    return given


def rate_of(rate: SetRate) -> Rate | None:
    """Answer a rate as it is stored, None where it limits nothing.

    Raises:
        Unprocessable: there is a burst without the rate that it belongs to.
    """
    for burst, per_second, name in (
        (rate.burst, rate.requests_per_second, "burst"),
        (rate.burst_bytes, rate.bytes_per_second, "burstBytes"),
    ):
        if burst is not None and per_second is None:
            raise Unprocessable(f"Field `rate.{name}`: a burst needs the rate that it belongs to.")
    stored = Rate(**asdict(rate))
    return None if stored == Rate() else stored


def quota_of(quota: SetMonthlyQuota) -> MonthlyQuota | None:
    """Answer a quota as it is stored, None where it limits nothing."""
    stored = MonthlyQuota(**asdict(quota))
    return None if stored == MonthlyQuota() else stored


def categories_of(limits: Mapping[str, SetCategoryLimit]) -> dict[str, CategoryLimit] | None:
    """Answer the limits of categories as they are stored, None where there are none.

    Raises:
        Unprocessable: one is of no category, or of none that can be limited.
    """
    for name in limits:
        if name not in LIMITABLE:
            raise Unprocessable(f"Field `categories.{name[:40]}`: a category is one of {', '.join(LIMITABLE)}.")
    return {name: CategoryLimit(limit.per_minute) for name, limit in limits.items()} or None


def _origins(origins: Iterable[str]) -> list[str]:
    """Write origins as browsers do (RFC 6454): in lower case, without a port that goes without saying."""
    return [_origin(number, text) for number, text in enumerate(origins)]


def _origin(number: int, text: str) -> str:
    scheme, _, place = text.lower().partition("://")
    port = _PORT.search(place)
    if port is None:
        return f"{scheme}://{place}"
    if not 0 < int(port[1]) <= _PORT_MAX:
        raise Unprocessable(f"Field `origins[{number}]`: a port lies between 1 and {_PORT_MAX}.")
    host = place[: port.start()]
    return f"{scheme}://{host}" if int(port[1]) == _DEFAULT_PORTS.get(scheme) else f"{scheme}://{host}:{int(port[1])}"


def _networks(networks: Iterable[str]) -> list[str]:
    return [_network(number, text) for number, text in enumerate(networks)]


def _network(number: int, text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise Unprocessable(f"Field `networks[{number}]`: {error}. Networks look like 10.0.0.0/8.") from error


def _scopes(scopes: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(scopes))


_STORED = {
    "origins": _origins,
    "networks": _networks,
    "scopes": _scopes,
    "rate": rate_of,
    "monthly_quota": quota_of,
}
