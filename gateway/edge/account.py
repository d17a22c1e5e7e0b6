"""What a process counts of each key and environment: what they may still send, and what they sent."""

from msgspec import Struct

from gateway.edge.limits import Limits
from gateway.edge.usage import Usage


class Account(Struct, frozen=True):
    """Limits and usage; `gateway.edge.reporting` keeps them in step with the other processes."""

    limits: Limits
    usage: Usage
