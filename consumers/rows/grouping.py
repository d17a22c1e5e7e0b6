"""Which error events belong together. The version is stored, so that a better rule does not split what exists."""

import hashlib
import re
from collections.abc import Sequence

VERSION = 1
_DEFAULT = re.compile(r"\{\{\s*default\s*\}\}")
_PARTS_MAX_COUNT = 100
_PART_MAX_CHARACTERS = 1024

# What differs from event to event of one cause, and what stands for it.
_VARYING = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[a-f]*[0-9])[0-9a-f]{16,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+"), "<n>"),
)


def default_parts(kind: str, value: str, transaction: str) -> list[str]:
    """Answer what groups an event whose SDK sends no fingerprint.

    Args:
        kind: The exception's type, or nothing.
        value: The exception's value, or the message; its first line counts.
        transaction: Where it happened.
    """
    line = next((line.strip() for line in value.splitlines() if line.strip()), "")[:_PART_MAX_CHARACTERS]
    for pattern, name in _VARYING:
        line = pattern.sub(name, line)
    return [kind.strip()[:_PART_MAX_CHARACTERS], line, transaction.strip()[:_PART_MAX_CHARACTERS]]


def expanded(fingerprint: Sequence[str], default: Sequence[str]) -> list[str]:
    """Put the default parts where a fingerprint says `{{ default }}`; without a fingerprint they are all there is."""
    parts: list[str] = []
    for part in fingerprint[:_PARTS_MAX_COUNT]:
        if _DEFAULT.fullmatch(part.strip()):
            parts.extend(default)
        else:
            parts.append(part[:_PART_MAX_CHARACTERS])
    return parts or list(default)


def hash_of(parts: Sequence[str]) -> bytes:
    """Answer the 16 bytes that name a group."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()
