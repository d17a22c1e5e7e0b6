"""What the calls about approvals take and answer."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from gateway.control.roles.permissions import Permission
from gateway.control.types import Answer, ChannelId, Id, Input, PageQuery, RetentionDays

# Tabs and line ends are welcome in a text for people.
Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$(?!\n)",
        description="Text without control characters but tabs and line ends.",
    ),
]


class Action(StrEnum):
    """What somebody can ask for who may not do it alone; each is a call that destroys something."""

    WIPE_ENVIRONMENT = "environment.wipe"
    DELETE_ENVIRONMENT = "environment.delete"
    LOWER_RETENTION = "environment.lower_retention"
    DELETE_CHANNEL = "channel.delete"
    REVOKE_KEY = "key.revoke"


class State(StrEnum):
    """How far a request for an approval has come."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    USED = "used"
    EXPIRED = "expired"


class Asked(Input, frozen=True, kw_only=True, omit_defaults=True):
    """A call that an approval can be asked for: the action, and the one field that names what it is about.

    That is `channelId` for channel.delete, `keyId` for key.revoke, and `environmentId` for all others;
    environment.lower_retention takes `retentionDays`, too, the fewest that are asked for.
    """

    action: Action
    environment_id: Id | None = None
    channel_id: ChannelId | None = None
    key_id: Id | None = None
    retention_days: RetentionDays | None = None


class CreateApproval(Asked, frozen=True, kw_only=True):
    """Body of POST /approvals: what is asked for, and why."""

    reason: Reason


class Decide(Input, frozen=True, kw_only=True):
    """Body of POST /approvals/{id}/approve and /reject; there need not be one."""

    reason: Reason | None = None


class ApprovalQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /approvals."""

    state: State | None = None


class Approval(Answer, frozen=True, kw_only=True):
    """A request for an approval; `permission` is what those hold who may decide on it.

    `expiresAt` is until when somebody may decide, and once it is approved, until when the call may be made.
    """

    id: str
    action: Action
    permission: Permission
    app_id: str
    environment_id: str | None
    channel_id: int | None
    key_id: str | None
    retention_days: int | None
    reason: str
    state: State
    requested_by: str
    created_at: datetime
    expires_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None
    used_at: datetime | None
