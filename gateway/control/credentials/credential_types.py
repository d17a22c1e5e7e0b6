"""What the calls about API keys and public tokens take and answer."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from gateway.control.environments.limit_types import SetMonthlyQuota, SetRate
from gateway.control.types import Answer, ChannelId, Id, Input, Moment, Name, PageQuery, Slug
from schemas.environment import MonthlyQuota, OverQuota, Rate
from schemas.signals import Signal

Origin = Annotated[
    str,
    Meta(
        max_length=300,
        pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$(?!\n)",
        description="scheme://host or scheme://host:port.",
    ),
]
Network = Annotated[
    str,
    Meta(max_length=50, pattern=r"^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$(?!\n)", description="CIDR, or one address."),
]
Slugs = Annotated[list[Slug], Meta(max_length=1000)]
Scopes = Annotated[list[Signal], Meta(min_length=1, max_length=len(Signal), description="What it may send.")]
Origins = Annotated[list[Origin], Meta(max_length=100, description="Where pages may send from; empty for anywhere.")]
Networks = Annotated[
    list[Network], Meta(max_length=100, description="From where requests may come; empty for anywhere.")
]
Wait = Annotated[int, Meta(ge=0, le=30, description="Seconds to wait until every edge process has applied it.")]
OverlapSeconds = Annotated[int, Meta(ge=0, le=365 * 86_400)]


class _Credential(Answer, frozen=True, kw_only=True):
    """What keys and tokens have in common.

    `retireAt` is set once it was rotated: then it ends. `rotatedFrom` names the one whose place it takes.
    """

    id: str
    app_id: str
    environment_id: str
    name: str
    scopes: list[Signal]
    origins: list[str]
    networks: list[str]
    rate: Rate | None
    monthly_quota: MonthlyQuota | None
    over_quota: OverQuota
    hint: str
    last4: str
    expires_at: datetime | None
    rotated_from: str | None
    retire_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_by: str | None
    created_at: datetime


class ApiKey(_Credential, frozen=True, kw_only=True):
    """An API key; its text is answered once, when it is made."""

    allow_environment_override: bool
    override_environments: list[str] | None


class MintedApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key that was just made."""

    key: str


class PublicToken(_Credential, frozen=True, kw_only=True):
    """A public token, for browsers; its text is answered once, when it is made."""

    channel_id: int


class MintedPublicToken(PublicToken, frozen=True, kw_only=True):
    """A public token that was just made."""

    token: str


class EdgeProcess(Answer, frozen=True, kw_only=True):
    """A process that takes events; one whose heartbeat is old has no connection to the database, or is gone."""

    id: str
    host: str
    pid: int
    started_at: datetime
    heartbeat_at: datetime


class RevokedApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key that was revoked; where the call waited, which edge processes refuse it and which may not yet."""

    acknowledged_by: list[EdgeProcess] | UnsetType = UNSET
    pending: list[EdgeProcess] | UnsetType = UNSET


class RevokedPublicToken(PublicToken, frozen=True, kw_only=True):
    """A public token that was revoked; where the call waited, which edge processes refuse it and which may not yet."""

    acknowledged_by: list[EdgeProcess] | UnsetType = UNSET
    pending: list[EdgeProcess] | UnsetType = UNSET


class NewCredential(Input, frozen=True, kw_only=True):
    """What keys and tokens can be made with."""

    name: Name = "default"
    scopes: Scopes = field(default_factory=lambda: list(Signal))
    origins: Origins = field(default_factory=list[str])
    networks: Networks = field(default_factory=list[str])
    expires_at: Moment | None = None
    rate: SetRate | None = None
    monthly_quota: SetMonthlyQuota | None = None
    over_quota: OverQuota = OverQuota.REJECT


class ChangedCredential(Input, frozen=True, kw_only=True):
    """What can be changed of keys and tokens."""

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    origins: Origins | UnsetType = UNSET
    networks: Networks | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    rate: SetRate | UnsetType | None = UNSET
    monthly_quota: SetMonthlyQuota | UnsetType | None = UNSET
    over_quota: OverQuota | UnsetType = UNSET


class CreateApiKey(NewCredential, frozen=True, kw_only=True):
    """Body of POST /api-keys; without `environmentId` the key is for the app's default environment."""

    app_id: Id
    environment_id: Id | None = None
    allow_environment_override: bool = False
    override_environments: Slugs | None = None


class UpdateApiKey(ChangedCredential, frozen=True, kw_only=True):
    """Body of PATCH /api-keys/{id}; what is not given stays as it is."""

    environment_id: Id | UnsetType = UNSET
    allow_environment_override: bool | UnsetType = UNSET
    override_environments: Slugs | UnsetType | None = UNSET


class CreatePublicToken(NewCredential, frozen=True, kw_only=True):
    """Body of POST /public-tokens."""

    channel_id: ChannelId
    environment_id: Id


class UpdatePublicToken(ChangedCredential, frozen=True, kw_only=True):
    """Body of PATCH /public-tokens/{id}; what is not given stays as it is."""


class Rotate(Input, frozen=True, kw_only=True):
    """Body of a rotation, which may be left out: the one before stays good for this long, a day if nothing is said."""

    overlap_seconds: OverlapSeconds = 86_400


class RevokeQuery(Input, frozen=True, kw_only=True):
    """Query of a revocation."""

    wait: Wait | None = None


class ApiKeyQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /api-keys."""

    app_id: Id | None = None
    environment_id: Id | None = None


class PublicTokenQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /public-tokens."""

    app_id: Id | None = None
    environment_id: Id | None = None
    channel_id: ChannelId | None = None
