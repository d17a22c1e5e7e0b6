"""Which error events belong together. The version is stored, so that a better rule does not split what exists.

Both versions group by the exception's type, the first line of its value (else of the message) with what varies
replaced, and the transaction; or by the event's own fingerprint, where `{{ default }}` stands for these three.

- 1 replaced UUIDs, hexadecimal numbers of 16 digits on or after 0x, and runs of digits; took a message with its
  parameters; and knew no variable but `{{ default }}`.
- 2 replaces addresses of mail, web and network, times, what is quoted behind `=`, and numbers whole (`-1.5e3` is one);
  takes a message without its parameters; and knows the variables of Sentry's fingerprints.

Rows keep the version that they were grouped by. Their payload is whole, so who compares across versions can group anew.
"""

import hashlib
import re
from collections.abc import Callable, Sequence

VERSION = 2
_VARIABLE = re.compile(r"\{\{\s*(\S+)\s*\}\}")
_DEFAULT = "default"
_PARTS_MAX_COUNT = 100
_PART_MAX_CHARACTERS = 1024

# What differs from event to event of one cause: a text without which it cannot be there, how it looks, and what stands
# for it. Repetitions are bounded: no line takes long.
_VARYING = (
    ("=", re.compile(r"(?<==)(?:'[^']*'|\"[^\"]*\")"), "<text>"),
    ("://", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s'\"<>()\[\]]+", re.IGNORECASE), "<url>"),
    ("@", re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), "<email>"),
    ("-", re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (
        "-",
        re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"),
        "<time>",
    ),
    (":", re.compile(r"\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?"), "<time>"),
    (".", re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"), "<ip>"),
    (":", re.compile(r"(?<![\w:])(?=:*[0-9a-f])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.IGNORECASE), "<ip>"),
    ("", re.compile(r"\b0x[0-9a-f]+\b|\b(?=[a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), "<n>"),
    ("", re.compile(r"(?:(?<![\w.-])-)?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE), "<n>"),
)


def normalized(value: str) -> str:
    """Answer the first line of a value that is not blank, with a name for each thing that varies."""
    line = next((line.strip() for line in value.splitlines() if line.strip()), "")[:_PART_MAX_CHARACTERS]
    for hint, pattern, name in _VARYING:
        if hint in line:
            line = pattern.sub(name, line)
    return line


def default_parts(kind: str, value: str, transaction: str) -> list[str]:
    """Answer what groups an event whose SDK sends no fingerprint.

    Args:
        kind: The exception's type, or nothing.
        value: The exception's value, or the message; its first line counts.
        transaction: Where it happened.
    """
    return [kind.strip()[:_PART_MAX_CHARACTERS], normalized(value), transaction.strip()[:_PART_MAX_CHARACTERS]]


def expanded(fingerprint: Sequence[str], default: Sequence[str], variable: Callable[[str], str | None]) -> list[str]:
    """Put values where a fingerprint has variables; without a fingerprint the default parts are all there is.

    Args:
        fingerprint: What the SDK sends; a variable stands alone in a part, as `{{ name }}`.
        default: What stands for `{{ default }}`.
        variable: Answers another variable's value; None if there is no such variable, which then stays as it is.
    """
    parts: list[str] = []
    for part in fingerprint[:_PARTS_MAX_COUNT]:
        found = _VARIABLE.fullmatch(part.strip()) if "{{" in part else None
        if found and found[1] == _DEFAULT:
            parts.extend(default)
            continue
        value = variable(found[1]) if found else None
        parts.append((part if value is None else value)[:_PART_MAX_CHARACTERS])
    return parts or list(default)


def hash_of(parts: Sequence[str]) -> bytes:
    """Answer the 16 bytes that name a group."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()
