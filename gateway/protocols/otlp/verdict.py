"""Verdict: what became of the items of one OTLP request."""

from msgspec import Struct


class Verdict(Struct, frozen=True):
    """How many items of a request were accepted, and what the client should know about the others.

    `rejected` counts items that were refused by themselves; `message` is empty, or a sentence about what was refused or
    changed. `rewritten` is the request without the refused items, or None: its bytes may travel as they came.
    """

    accepted: int
    rejected: int = 0
    message: str = ""
    rewritten: bytes | None = None
