"""What a process counts of each key and environment: what they may still send, what they sent, what was refused."""

from msgspec import Struct, field

from gateway.edge.accounting.limits import Limits
from gateway.edge.accounting.rejections import Rejections
from gateway.edge.accounting.usage import Usage


class Account(Struct, frozen=True):
    """Limits, usage and refused requests; `reporting` keeps them in step with the other processes."""

    limits: Limits
    usage: Usage
    rejections: Rejections = field(default_factory=Rejections)
