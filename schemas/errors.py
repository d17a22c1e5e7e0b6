"""The errors of the product: what a caller may read, and whether trying again can help."""

from collections.abc import Mapping
from typing import ClassVar, Literal


class GatewayError(Exception):
    """A failure with a public message.

    `reason` is a stable snake_case word for metrics and dead letters; `message` is a sentence that a caller may read:
    it names what and where and never carries a credential. `members` stand beside it in a problem body.
    """

    reason: str = "internal"
    retryable: ClassVar[bool] = False
    members: Mapping[str, object] = {}

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if reason is not None:
            self.reason = reason


class Rejected(GatewayError):
    """The caller's fault, and final: the same request would fail again."""

    reason = "rejected"


class Malformed(Rejected):
    """400: the bytes or a field are not what the protocol says."""

    reason = "malformed"


class Unauthenticated(Rejected):
    """401: no credential, or none that is known."""

    reason = "unauthenticated"


class Forbidden(Rejected):
    """403: a known credential that may not do this."""

    reason = "forbidden"


NO_SUCH_PATH = "no_such_path"
"""The reason of a NotFound that speaks of the path: whoever came there may have meant another protocol."""


class NotFound(Rejected):
    """404: nothing stands at this path or under this id."""

    reason = "not_found"


class MethodNotAllowed(Rejected):
    """405: the path exists, the method does not. `allowed` lists the methods for the Allow header."""

    reason = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class RequestTimeout(Rejected):
    """408: the request did not arrive in time."""

    reason = "request_timeout"


class Conflict(Rejected):
    """409: the object stands in the way of itself or of another."""

    reason = "conflict"


class Gone(Rejected):
    """410: the environment expired, is archived or was deleted."""

    reason = "gone"


class PreconditionFailed(Rejected):
    """412: the object is no longer the one that If-Match names."""

    reason = "precondition_failed"


class PayloadTooLarge(Rejected):
    """413: larger than a limit, which the message names."""

    reason = "payload_too_large"


class UnsupportedMedia(Rejected):
    """415: a content type or content encoding that is not spoken here."""

    reason = "unsupported_media"


class Unprocessable(Rejected):
    """422: well formed, and a field's value is impossible; the message names the field."""

    reason = "unprocessable"


class ConfirmationRequired(Rejected):
    """428: the call destroys something and was not confirmed; `members` say what it destroys and how to confirm."""

    reason = "confirmation_required"

    def __init__(self, message: str, *, members: Mapping[str, object]) -> None:
        super().__init__(message)
        self.members = members


class HeadTooLarge(Rejected):
    """431: a line of the request's head, or their number, is over a limit."""

    reason = "head_too_large"


class UnsupportedTransfer(Rejected):
    """501: the body is in a transfer coding that is not spoken here."""

    reason = "unsupported_transfer"


class Deferred(GatewayError):
    """Nothing is wrong with the request: the same one may succeed later. `retry_after_seconds` is a whole number."""

    reason = "deferred"
    retryable = True

    def __init__(self, message: str, *, retry_after_seconds: int = 1, reason: str | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(Deferred):
    """429: over a rate or a quota; `scope` says whose: that of the key, or of the environment."""

    reason = "rate_limited"

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: int = 1,
        reason: str | None = None,
        scope: Literal["key", "environment"] = "key",
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, reason=reason)
        self.scope = scope


class Overloaded(Deferred):
    """503: this process has as much in hand as it may."""

    reason = "overloaded"


class StreamUnavailable(Deferred):
    """503: the stream did not acknowledge in time."""

    reason = "stream_unavailable"


class DirectoryUnavailable(Deferred):
    """503: the credential is not in the cache and the directory cannot be asked; never 401, exporters drop on 401."""

    reason = "directory_unavailable"


class PoisonRecord(GatewayError):
    """Worker: this record can never be stored; it becomes a dead letter and the worker goes on."""

    reason = "poison"


class StoreError(GatewayError):
    """Worker: PostgreSQL did not take a batch."""

    reason = "store"


class StoreTransient(StoreError):
    """Back off and try again, committing nothing."""

    reason = "store_transient"
    retryable = True


class StorePermanent(StoreError):
    """Some record of the batch cannot be stored: bisect down to it."""

    reason = "store_permanent"


class AssignmentLost(GatewayError):
    """Worker: another worker owns the partition now; drop the batch and fetch again."""

    reason = "assignment_lost"
    retryable = True


class ConfigError(GatewayError):
    """At start only: a setting is wrong; the process ends with exit code 2."""

    reason = "config"
