"""How an item can end: every item that enters ends in exactly one outcome, counted per environment."""

from enum import StrEnum


class Outcome(StrEnum):
    """The end of one item on its way through the gateway or the worker."""

    ACCEPTED = "accepted"
    STORED = "stored"
    REJECTED = "rejected"
    DROPPED = "dropped"
    DEAD_LETTERED = "dead_lettered"
