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
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a time zone.")]
Ref = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", description="acme/shop#42, for example."),
]
TraceId = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{32}$(?!\n)", description="32 hexadecimal digits.")]
ChannelId = Annotated[int, Meta(ge=1, le=2**63 - 1)]
TtlSeconds = Annotated[int, Meta(ge=1, le=10 * 365 * 86_400)]
MaxTtlSeconds = Annotated[
    int,
    Meta(
        ge=1,
        le=10 * 365 * 86_400,
        description="Traffic extends its life, so long from now on at most; null where traffic does not.",
    ),
]
Partitions = Annotated[int, Meta(ge=1, le=1000)]
RetentionDays = Annotated[int, Meta(ge=1, le=3650)]


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
    tier: str
    slug: str
    name: str
    color: str
    is_production: bool
    is_ephemeral: bool
    expires_at: datetime | None
    ttl_seconds: Annotated[
        int | None, Meta(description="Accepted traffic lets it live so long from then on; null where it does not.")
    ]
    max_expires_at: Annotated[datetime | None, Meta(description="Until when traffic can extend its life.")]
    require_confirmation_for_destructive: bool
    delete_protected: bool
    ingest: Ingest
    partitions: int
    retention_days: int
    source_ref: str | None
    version: int
    created_by: str | None
    created_at: datetime


class Channel(Answer, frozen=True, kw_only=True):
    """A channel of an app: the project id of a Sentry DSN, and where OTLP traffic is filed."""

    id: int
    app_id: str
    slug: str
    name: str
    created_at: datetime


class Page(Answer, Generic[T], frozen=True, kw_only=True):
    """A part of a list, oldest first unless its call says otherwise.

    `next` is the `after` of the part behind it, null at the end.
    """

    items: list[T]
    next: str | None


class CreateApp(Input, frozen=True, kw_only=True):
    """Body of POST /apps; the slug comes from the name if it is not given."""

    name: Name
    slug: Slug | None = None


class UpdateApp(Input, frozen=True, kw_only=True):
    """Body of PATCH /apps/{id}; what is not given stays as it is. The default environment has a call of its own."""

    name: Name | UnsetType = UNSET
    default_channel_id: ChannelId | UnsetType = UNSET


class CreateEnvironment(Input, frozen=True, kw_only=True):
    """Body of POST /apps/{id}/environments; what is not given follows from what the environment is for."""

    slug: Slug
    name: Name | None = None
    tier: Slug | None = None
    color: Color | None = None
    is_production: bool = False
    is_ephemeral: bool | None = None
    expires_at: Moment | None = None
    max_ttl_seconds: MaxTtlSeconds | None = None
    require_confirmation_for_destructive: bool | None = None
    delete_protected: bool = False
    ingest: Ingest = Ingest.OPEN
    partitions: Partitions | None = None
    retention_days: RetentionDays = 30
    source_ref: Ref | None = None


class UpdateEnvironment(Input, frozen=True, kw_only=True):
    """Body of PATCH /environments/{id}; what is not given stays as it is. The slug never changes.

    An expiry that is given holds: traffic extends it no more, unless `maxTtlSeconds` is given with it.
    """

    name: Name | UnsetType = UNSET
    tier: Slug | UnsetType = UNSET
    color: Color | UnsetType = UNSET
    is_production: bool | UnsetType = UNSET
    is_ephemeral: bool | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    max_ttl_seconds: MaxTtlSeconds | UnsetType | None = UNSET
    require_confirmation_for_destructive: bool | UnsetType = UNSET
    delete_protected: bool | UnsetType = UNSET
    ingest: Ingest | UnsetType = UNSET
    partitions: Partitions | UnsetType = UNSET
    retention_days: RetentionDays | UnsetType = UNSET
    source_ref: Ref | UnsetType | None = UNSET


class CloneEnvironment(Input, frozen=True, kw_only=True):
    """Body of POST /environments/{id}/clone: settings are copied; events, keys, isProduction, maxTtlSeconds are not."""

    slug: Slug
    name: Name | None = None


class ExtendEnvironment(Input, frozen=True, kw_only=True):
    """Body of POST /environments/{id}/extend: it lives at least so long from now on."""

    ttl_seconds: TtlSeconds


class UpsertPreview(Input, frozen=True, kw_only=True):
    """Body of PUT /apps/{id}/environments/by-ref/{ref}; the channel is the app's default one if none is named.

    Where `maxTtlSeconds` is not given, traffic extends a preview that exists as it did, and a new one not at all.
    """

    ttl_seconds: TtlSeconds
    max_ttl_seconds: MaxTtlSeconds | UnsetType | None = UNSET
    name: Name | None = None
    channel_id: ChannelId | None = None


class Preview(Answer, frozen=True, kw_only=True):
    """The environment of a branch or pull request, and, when it was just made, a public token (pt_) for it."""

    environment: Environment
    token: str | None


class CreateChannel(Input, frozen=True, kw_only=True):
    """Body of POST /apps/{id}/channels; the slug comes from the name if it is not given."""

    name: Name
    slug: Slug | None = None


class UpdateChannel(Input, frozen=True, kw_only=True):
    """Body of PATCH /channels/{id}; what is not given stays as it is. The slug never changes."""

    name: Name | UnsetType = UNSET


class NoQuery(Input, frozen=True, kw_only=True):
    """Query of every call that takes none."""


class PageQuery(Input, frozen=True, kw_only=True):
    """Query of every list."""

    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
