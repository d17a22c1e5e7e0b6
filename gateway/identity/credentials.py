"""Where a key can stand in a request; pure.

Only values that begin like one of our keys count in the places that proxies use too: a proxy's own bearer token is
passed over. The same key in two places is fine, two different ones are refused.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from schemas.errors import Malformed, Unauthenticated

_PREFIXES = ("ak_", "pt_", "mk_")
_KEY = re.compile(r"[A-Za-z0-9_]+")
_SENTRY_SCHEME = "sentry"
_SENTRY_VERSION_MAX = 7
_SHOWN_MAX_CHARACTERS = 64


class Headers(Protocol):
    """A request's headers, whose names compare case-insensitively, or its query; a name can stand there repeatedly."""

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """Answer all values of one name, in order."""
        ...


def single(headers: Headers, name: str) -> str | None:
    """Answer a header that may stand there once, trimmed; None if it is absent or empty.

    Raises:
        Malformed: it stands there twice with two values.
    """
    values = headers.getall(name, ())
    if not values:
        return None
    value = values[0].strip()
    if len(values) > 1 and any(other.strip() != value for other in values[1:]):
        raise Malformed(f"The header {name} was sent more than once, with different values.")
    return value or None


def otlp_key(headers: Headers) -> str:
    """Find the key of an OTLP request: `X-API-Key`, or `Authorization` as bearer, bare or basic (its user name).

    Raises:
        Unauthenticated: there is none (reason `no_credential`), or two different ones (`conflicting_credentials`).
        Malformed: a header stands there twice with two values.
    """
    return _the_one([*_api_key(headers), *_authorization(single(headers, "Authorization"))], "X-API-Key")


def sentry_key(headers: Headers, query: Headers, path_key: str | None = None) -> str | None:
    """Find the key of a Sentry request: in `X-Sentry-Auth`, `Authorization`, `X-API-Key`, the query, the path.

    None where there is none: the envelope's own `dsn` may still bring one, see `with_dsn`.

    Raises:
        Unauthenticated: there are two different ones.
        Malformed: a key with impossible characters, or a protocol version that is too new.
    """
    authorization = single(headers, "Authorization")
    found = [
        *_sentry_auth(single(headers, "X-Sentry-Auth")),
        *_sentry_auth(authorization),
        *_authorization(authorization),
        *_api_key(headers),
    ]
    for version in query.getall("sentry_version", ()):
        _check_version(version)
    found += [key.strip() for key in query.getall("sentry_key", ()) if key]
    if path_key:
        found.append(path_key)
    return _sentry_form(_the_one(found, "X-Sentry-Auth")) if found else None


def project_of(text: str | None) -> str | None:
    """Answer the project that a path names, None where it names none: the key knows it then.

    Raises:
        Malformed: it is no number.
    """
    if text is not None and not (text.isascii() and text.isdigit()):
        raise Malformed(f"The project {text[:_SHOWN_MAX_CHARACTERS]!r} is not a number.", reason="bad_channel")
    return text


def with_dsn(key: str | None, dsn_key: str | None) -> str:
    """Answer the key of a Sentry request whose envelope's `dsn` carries `dsn_key` (None where it has no `dsn`).

    Raises:
        Unauthenticated: there is no key in either place.
        Malformed: the `dsn` carries another key than the request, or one with impossible characters.
    """
    if key is None:
        return _sentry_form(_the_one([dsn_key] if dsn_key else [], "X-Sentry-Auth"))
    if dsn_key not in (None, key):
        raise Malformed("The envelope's dsn carries another key than the request.", reason="wrong_dsn")
    return key


def control_key(headers: Headers) -> str | None:
    """Find the key of a call to the control plane, in the places of OTLP; None where there is none.

    Raises:
        Unauthenticated: there are two different ones.
        Malformed: a header stands there twice with two values.
    """
    found = [*_authorization(single(headers, "Authorization")), *_api_key(headers)]
    return _the_one(found, "Authorization: Bearer") if found else None


def _the_one(found: Sequence[str], place: str) -> str:
    if not found:
        raise Unauthenticated(f"No key was sent. Send one in the header {place}.", reason="no_credential")
    if any(other != found[0] for other in found[1:]):
        raise Unauthenticated("Two different keys were sent in one request.", reason="conflicting_credentials")
    return found[0]


def _sentry_form(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise Malformed("The key contains characters other than letters, digits and underscores.")
    return key


def _api_key(headers: Headers) -> Iterable[str]:
    value = single(headers, "X-API-Key")
    return (value,) if value and value.startswith(_PREFIXES) else ()


def _authorization(value: str | None) -> Iterable[str]:
    """Read `Authorization`: `Bearer <key>`, the bare key, or `Basic` with the key as user name (RFC 7617)."""
    if not value:
        return ()
    # Where an exporter's headers are set by a variable they are percent-encoded, and not every exporter decodes them.
    scheme, _, rest = value.replace("%20", " ").partition(" ")
    rest = rest.strip()
    match scheme.lower():
        case "bearer":
            key = rest
        case "basic":
            try:
                padded = rest.rstrip("=") + "=" * (-len(rest.rstrip("=")) % 4)
                key = base64.b64decode(padded, validate=True).partition(b":")[0].decode()
            except (binascii.Error, ValueError):
                return ()
        case _:
            key = value
    return (key,) if key.startswith(_PREFIXES) else ()


def _sentry_auth(value: str | None) -> Iterable[str]:
    """Read `Sentry sentry_key=…, sentry_version=7, sentry_client=…`; the scheme in any case."""
    if not value:
        return ()
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != _SENTRY_SCHEME:
        return ()
    fields = {
        name.strip(): field.strip(" \t\"'") for name, _, field in (part.partition("=") for part in rest.split(","))
    }
    _check_version(fields.get("sentry_version"))
    key = fields.get("sentry_key")
    return (key,) if key else ()


def _check_version(version: str | None) -> None:
    if not version:
        return
    try:
        is_spoken = float(version) <= _SENTRY_VERSION_MAX
    except ValueError:
        is_spoken = False
    if not is_spoken:
        raise Malformed(f"sentry_version {version[:16]!r} is not spoken here; {_SENTRY_VERSION_MAX} is the newest.")
