"""What the control plane's calls take and answer: JSON objects in camelCase, and the rules that a type can say."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.environment import Ingest

T = TypeVar("T")

# `$` alone would let a line feed at the end pass.
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}$(?!\n)", description="1 to 40 characters a-z, 0-9 and -.")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Color = Annotated[str, Meta(pattern=r"^#[0-9A-Fa-f]{6}$(?!\n)", description="#RRGGBB")]
Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
Origin = Annotated[str, Meta(max_length=300, pattern=r"^https?://[^/\s\x00-\x1f]+$(?!\n)", description="scheme://host")]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a time zone.")]
Partitions = Annotated[int, Meta(ge=1, le=1000)]
RetentionDays = Annotated[int, Meta(ge=1, le=3650)]
Slugs = Annotated[list[Slug], Meta(max_length=1000)]
Origins = Annotated[list[Origin], Meta(max_length=100)]


class Answer(Struct, frozen=True, kw_only=True, rename="camel"):
    """What all answers have in common."""


class Input(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What all request bodies and queries have in common: a field that is not known is an error."""


class App(Answer, frozen=True, kw_only=True):
    """An app: what environments, channels and keys belong to."""

    id: str
    slug: str
    name: str
    default_environment_id: str | None
    default_channel_id: int | None
    created_at: datetime


class Environment(Answer, frozen=True, kw_only=True):
    """An environment of an app."""

    id: str
    app_id: str
    slug: str
    name: str
    color: str
    is_production: bool
    is_ephemeral: bool
    expires_at: datetime | None
    require_confirmation_for_destructive: bool
    ingest: Ingest
    partitions: int
    retention_days: int
    created_at: datetime


class Channel(Answer, frozen=True, kw_only=True):
    """A channel of an app: the project id of a Sentry DSN, and where OTLP traffic is filed."""

    id: int
    app_id: str
    slug: str
    name: str
    created_at: datetime


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


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """A part of a list, oldest first; `next` is the `after` of the part behind it, null at the end."""

    items: list[T]
    next: str | None


class CreateApp(Input, frozen=True, kw_only=True):
    """Body of POST /apps; the slug comes from the name if it is not given."""

    name: Name
    slug: Slug | None = None


class CreateEnvironment(Input, frozen=True, kw_only=True):
    """Body of POST /apps/{id}/environments; what is not given follows from what the environment is for."""

    slug: Slug
    name: Name | None = None
    color: Color | None = None
    is_production: bool = False
    is_ephemeral: bool | None = None
    expires_at: Moment | None = None
    require_confirmation_for_destructive: bool | None = None
    partitions: Partitions | None = None
    retention_days: RetentionDays = 30


class CreateChannel(Input, frozen=True, kw_only=True):
    """Body of POST /apps/{id}/channels; the slug comes from the name if it is not given."""

    name: Name
    slug: Slug | None = None


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

    channel_id: Annotated[int, Meta(ge=1, le=2**63 - 1)]
    environment_id: Id
    name: Name = "default"
    origins: Origins = []
    expires_at: Moment | None = None


class PageQuery(Input, frozen=True, kw_only=True):
    """Query of every list."""

    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100


class ApiKeyQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /api-keys."""

    app_id: Id | None = None
    environment_id: Id | None = None


class PublicTokenQuery(PageQuery, frozen=True, kw_only=True):
    """Query of GET /public-tokens."""

    app_id: Id | None = None
    environment_id: Id | None = None
    channel_id: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None
