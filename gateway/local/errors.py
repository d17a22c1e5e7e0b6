"""What can go wrong on one machine."""

from schemas.errors import GatewayError


class LocalError(GatewayError):
    """Something on this machine stands in the way; the message says what, and what to do."""

    reason = "local"
