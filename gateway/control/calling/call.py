"""What is known of one call: everything that runs it, and everything that a description of the interface needs."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from gateway.control.guarding.approval_types import Action
from gateway.control.roles.permissions import Permission
from gateway.control.types import Input

IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"
CONFIRM = "X-Confirm"
CHALLENGE = "X-Confirm-Challenge"
APPROVAL = "X-Approval"

_CREATED = 201
_NO_CONTENT = 204
_NOT_MODIFIED = 304


class Call(Struct, frozen=True, kw_only=True):
    """One call.

    `run` is given the service, the principal, the path's parameters in order, and then the decoded `body` or `query`,
    whichever the call has; what it answers is its return type, None for an empty answer.

    `permission` is what the rule asks for beside that the caller sees what the path names; for environments that are
    ephemeral the rule takes PREVIEW for ENVIRONMENT, and to decide on an approval what the approved call takes; None
    where a key of any kind may ask about itself. `action` names a call that changes something in the audit log.
    `confirms` says that it can ask for a confirmation; `approval`, as what somebody else can approve it. `refusals` are
    statuses of the rule beside those that follow from the rest. `status_of` answers the status where it depends on the
    answer. `then` is run once the change is committed: it is given what `run` was and its answer, and answers in its
    stead. Where `is_body_optional` no body is an empty object. Of a `File` that `run` answers the bytes are sent:
    `is_file`.
    """

    method: str
    pattern: str
    run: Callable[..., Awaitable[Struct | None]]
    permission: Permission | None
    action: str | None = None
    body: type[Input] | None = None
    is_body_optional: bool = False
    query: type[Input] | None = None
    status: int = 200
    status_of: Callable[[Any], int] | None = None
    then: Callable[..., Awaitable[Struct]] | None = None
    confirms: bool = False
    approval: Action | None = None
    refusals: tuple[int, ...] = ()
    is_file: bool = False

    @property
    def headers(self) -> tuple[str, ...]:
        """The request headers that the call reads beside its credential; none must be sent."""
        reading = (IF_NONE_MATCH,) if self.is_object else ()
        own = {"GET": reading, "POST": (IDEMPOTENCY_KEY,), "PATCH": (IF_MATCH,)}.get(self.method, ())
        confirming = (CONFIRM, CHALLENGE) if self.confirms else ()
        return (*own, *confirming, APPROVAL) if self.approval else (*own, *confirming)

    @property
    def is_object(self) -> bool:
        """Whether the answer is one object, which has an entity tag."""
        return self.query is None and self.method in {"GET", "PATCH"} and not self.is_file

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status that the call can answer, without those of a fault of ours."""
        # Headers that contradict each other, and a query that nobody asked for, can come with every request.
        found = {self.status, 400, 401, 403, 422, 503, *self.refusals}
        if self.body is not None:
            found |= {408, 413, 415}
        if self.status_of is not None:
            found |= {200, _CREATED}
        if "{" in self.pattern:
            found.add(404)
        if self.method == "POST":
            found.add(409)
        if IF_NONE_MATCH in self.headers:
            found.add(_NOT_MODIFIED)
        if IF_MATCH in self.headers:
            found.add(412)
        if self.confirms:
            found.add(428)
        return tuple(sorted(found))
