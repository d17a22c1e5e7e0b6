"""Keys and tokens: how their text is minted and parsed, their check digits, and the digest that is stored.

A key reads `<kind>_<hint>_<id><secret><check>`: the kind is the prefix (`ak`, `pt`, `mk`), the hint tells a person
which environment it is for, the id (26 characters, a ULID) finds the row, the secret (43 characters) carries 256 bits,
and the check digits (6 characters) tell a typing error from an unknown key without a query. All characters are
`[A-Za-z0-9_]`, because Sentry SDKs take nothing else in a DSN.
"""

import hmac
import re
import zlib

from msgspec import Struct

from schemas.environment import Kind
from schemas.errors import ConfigError

SECRET_BYTES = 32
PEPPER_MIN_BYTES = 16
_SECRET_LENGTH = 43  # 62^43 > 2^256
_CHECK_LENGTH = 6  # 62^6 > 2^32
_HINT_MAX_LENGTH = 12
_HINTS = {"production": "prod", "development": "dev"}
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY = re.compile(
    r"(?P<kind>ak|pt|mk)_[A-Za-z0-9]{1,12}_(?P<id>[0-9A-HJKMNP-TV-Z]{26})[A-Za-z0-9]{43}(?P<check>[A-Za-z0-9]{6})"
)


class ParsedKey(Struct, frozen=True):
    """A text that has the form of a key and right check digits; whether it is known, the directory decides."""

    kind: Kind
    id: str
    text: str


class Peppers(Struct, frozen=True):
    """The secrets under which keys are digested: `current` digests new keys, all of `by_version` verify."""

    current: int
    by_version: dict[int, bytes]


def mint(kind: Kind, hint: str, credential_id: str, secret: bytes) -> str:
    """Write the text of a key.

    Args:
        kind: which kind of credential.
        hint: 1 to 12 characters `[A-Za-z0-9]`, see `hint_of`.
        credential_id: the ULID of the credential, 26 characters.
        secret: 32 random bytes.

    Raises:
        ValueError: an argument does not have its form.
    """
    if len(secret) != SECRET_BYTES:
        msg = f"The secret of a key has {SECRET_BYTES} bytes, not {len(secret)}."
        raise ValueError(msg)
    body = f"{kind.value}_{hint}_{credential_id}{_base62(int.from_bytes(secret), _SECRET_LENGTH)}"
    text = body + _check_of(body)
    if _KEY.fullmatch(text) is None:
        msg = f"The hint {hint!r} or the id {credential_id!r} does not fit into a key."
        raise ValueError(msg)
    return text


def parse(text: str) -> ParsedKey | None:
    """Read the text of a key; None when it is malformed or its check digits are wrong."""
    found = _KEY.fullmatch(text)
    if found is None or _check_of(text[:-_CHECK_LENGTH]) != found["check"]:
        return None
    return ParsedKey(kind=Kind(found["kind"]), id=found["id"], text=text)


def hint_of(slug: str) -> str:
    """Abbreviate an environment's slug for its keys: `production` to `prod`, `my-shop` to `myshop`."""
    letters = "".join(character for character in slug if character.isascii() and character.isalnum())
    return _HINTS.get(slug, letters[:_HINT_MAX_LENGTH]) or "env"


def digest(text: str, pepper: bytes) -> bytes:
    """Digest a key for storage and for comparison: HMAC-SHA-256 under a pepper, 32 bytes."""
    return hmac.digest(pepper, text.encode(), "sha256")


def verify(text: str, stored_digest: bytes, pepper_version: int, peppers: Peppers) -> bool:
    """Say in constant time whether a key has the stored digest; False also when the pepper is not known any more."""
    pepper = peppers.by_version.get(pepper_version)
    return pepper is not None and hmac.compare_digest(digest(text, pepper), stored_digest)


def parse_peppers(text: str) -> Peppers:
    """Read the setting `directory.peppers`: `version:hex` pairs separated by commas; the highest version is current.

    Raises:
        ConfigError: there is none, or one has not that form. The message never holds the value.
    """
    by_version: dict[int, bytes] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        version, _, pepper = pair.partition(":")
        try:
            number, value = int(version), bytes.fromhex(pepper)
        except ValueError:
            number, value = 0, b""
        if number < 1 or number in by_version or len(value) < PEPPER_MIN_BYTES:
            msg = (
                "directory.peppers: each pepper is version:hex with a version of its own from 1 up and at least "
                f"{PEPPER_MIN_BYTES} bytes; make one with `openssl rand -hex 32`, for example 1:<its output>."
            )
            raise ConfigError(msg)
        by_version[number] = value
    if not by_version:
        msg = "directory.peppers is empty; make a pepper with `openssl rand -hex 32` and set it as 1:<its output>."
        raise ConfigError(msg)
    return Peppers(current=max(by_version), by_version=by_version)


def _check_of(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = [""] * length
    for place in reversed(range(length)):
        number, rest = divmod(number, 62)
        digits[place] = _BASE62[rest]
    return "".join(digits)
