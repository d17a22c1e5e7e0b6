"""What the calls about people, roles, management keys and the audit log take and answer."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.control.roles.permissions import Base, Permission, Scope
from gateway.control.types import Answer, Id, Input, Moment, Name, PageQuery, Slug

Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$(?!\n)",
        description="An address like ann@shop.example.",
    ),
]


class Member(Answer, frozen=True, kw_only=True):
    """A person of the organization, who acts through management keys issued to them."""

    id: str
    email: str
    name: str
    created_at: datetime


class Role(Answer, frozen=True, kw_only=True):
    """A role: a base role without some permissions; a built-in one is its own base."""

    slug: str
    name: str
    base: Base
    without: list[Permission]
    is_built_in: bool
    created_at: datetime


class RoleBinding(Answer, frozen=True, kw_only=True):
    """Who has which role where: either `memberId` or `managementKeyId` is set.

    `target` is the app's id, the tier's slug or the environment's id, null for the organization.
    """

    id: str
    member_id: str | None
    management_key_id: str | None
    role: str
    scope: Scope
    target: str | None
    created_at: datetime


class ManagementKey(Answer, frozen=True, kw_only=True):
    """A key for the control plane: acts for its member, or else through the bindings that it has itself."""

    id: str
    name: str
    member_id: str | None
    hint: str
    last4: str
    expires_at: datetime | None
    revoked_at: datetime | None
    created_by: str | None
    created_at: datetime


class MintedManagementKey(ManagementKey, frozen=True, kw_only=True):
    """A management key that was just made."""

    key: str


class AuditEntry(Answer, frozen=True, kw_only=True):
    """One thing that was done; `hash` is SHA-256 over `prevHash` and the JSON of the other fields.

    `diff` holds `[before, after]` for each field that changed. `actor` is `member:<id>`, `key:<id>` or `system`.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    environment_id: str | None
    diff: msgspec.Raw
    prev_hash: str
    hash: str


class AuditHead(Answer, frozen=True, kw_only=True):
    """Where the audit log ends; keep it elsewhere to notice a log that was cut off. `seq` 0: there is no entry yet."""

    seq: int
    hash: str


class CreateMember(Input, frozen=True, kw_only=True):
    """Body of POST /members."""

    email: Email
    name: Name


class UpdateMember(Input, frozen=True, kw_only=True):
    """Body of PATCH /members/{id}; what is not given stays as it is."""

    email: Email | UnsetType = UNSET
    name: Name | UnsetType = UNSET


class CreateRole(Input, frozen=True, kw_only=True):
    """Body of POST /roles: a base role without some permissions."""

    slug: Slug
    name: Name
    base: Base
    without: Annotated[list[Permission], Meta(min_length=1, max_length=len(Permission))]


class CreateRoleBinding(Input, frozen=True, kw_only=True):
    """Body of POST /role-bindings; `target` is left out for the organization."""

    member_id: Id | None = None
    management_key_id: Id | None = None
    role: Slug
    scope: Scope
    target: Id | None = None


class RoleBindingQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /role-bindings."""

    member_id: Id | None = None
    management_key_id: Id | None = None


class CreateManagementKey(Input, frozen=True, kw_only=True):
    """Body of POST /management-keys: for a member, or else with a role somewhere."""

    name: Name = "default"
    member_id: Id | None = None
    role: Slug | None = None
    scope: Scope = Scope.ORGANIZATION
    target: Id | None = None
    expires_at: Moment | None = None


class AuditQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /audit."""

    environment_id: Id | None = None
    actor: Annotated[str, Meta(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] | None = None
