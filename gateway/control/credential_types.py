"""What the calls about API keys and public tokens take and answer."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from gateway.control.types import Answer, ChannelId, Id, Input, Moment, Name, PageQuery, Slug

Origin = Annotated[str, Meta(max_length=300, pattern=r"^https?://[^/\s\x00-\x1f]+$(?!\n)", description="scheme://host")]
Slugs = Annotated[list[Slug], Meta(max_length=1000)]
Origins = Annotated[list[Origin], Meta(max_length=100)]


class ApiKey(Answer, frozen=True, kw_only=True):
    """An API key; its text is answered once, when it is made."""

    id: str
    app_id: str
    environment_id: str
    name: str
    allow_environment_override: bool
    override_environments: list[str] | None
    hint: str
    last4: str
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class MintedApiKey(ApiKey, frozen=True, kw_only=True):
    """An API key that was just made."""

    key: str


class PublicToken(Answer, frozen=True, kw_only=True):
    """A public token, for browsers; its text is answered once, when it is made."""

    id: str
    app_id: str
    environment_id: str
    channel_id: int
    name: str
    origins: list[str]
    hint: str
    last4: str
    expires_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime


class MintedPublicToken(PublicToken, frozen=True, kw_only=True):
    """A public token that was just made."""

    token: str


class CreateApiKey(Input, frozen=True, kw_only=True):
    """Body of POST /api-keys; without `environmentId` the key is for the app's default environment."""

    app_id: Id
    environment_id: Id | None = None
    name: Name = "default"
    allow_environment_override: bool = False
    override_environments: Slugs | None = None
    expires_at: Moment | None = None


class UpdateApiKey(Input, frozen=True, kw_only=True):
    """Body of PATCH /api-keys/{id}; what is not given stays as it is."""

    environment_id: Id | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    allow_environment_override: bool | UnsetType = UNSET
    override_environments: Slugs | UnsetType | None = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class CreatePublicToken(Input, frozen=True, kw_only=True):
    """Body of POST /public-tokens; an empty `origins` allows any."""

    channel_id: ChannelId
    environment_id: Id
    name: Name = "default"
    origins: Origins = field(default_factory=list[str])
    expires_at: Moment | None = None


class ApiKeyQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /api-keys."""

    app_id: Id | None = None
    environment_id: Id | None = None


class PublicTokenQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /public-tokens."""

    app_id: Id | None = None
    environment_id: Id | None = None
    channel_id: ChannelId | None = None
