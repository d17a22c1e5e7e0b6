"""The directory's values: apps, environments, channels and credentials as the edge resolves requests with them."""

from enum import StrEnum

from msgspec import Struct

from schemas.signals import Signal


class Kind(StrEnum):
    """The kinds of credential; the value is the prefix of the key."""

    API_KEY = "ak"
    PUBLIC_TOKEN = "pt"  # noqa: S105 (a prefix, not a secret)
    MANAGEMENT_KEY = "mk"


class Ingest(StrEnum):
    """Whether an environment takes events."""

    OPEN = "open"
    PAUSED = "paused"
    ARCHIVED = "archived"


class Via(StrEnum):
    """Why a request belongs to its environment: the value of `x-axonpush-resolved-via`."""

    KEY_DEFAULT = "key-default"
    HEADER_OVERRIDE = "header-override"
    PUBLIC_TOKEN = "public-token"  # noqa: S105 (a header's value, not a secret)


class OverQuota(StrEnum):
    """What becomes of requests over a monthly quota: they are refused, or taken and counted."""

    REJECT = "reject"
    ACCEPT = "accept"


class Rate(Struct, frozen=True, rename="camel"):
    """How fast requests, and their bytes as sent, may come; None sets no limit.

    A burst is what may come at once after a pause; where none is set, what a second brings, and one request at least.
    """

    requests_per_second: float | None = None
    burst: int | None = None
    bytes_per_second: int | None = None
    burst_bytes: int | None = None


class MonthlyQuota(Struct, frozen=True, rename="camel"):
    """How many requests, and of their bytes as sent, a month of UTC may bring; None sets no limit."""

    requests: int | None = None
    bytes: int | None = None


class CategoryLimit(Struct, frozen=True, rename="camel"):
    """How many items of one of Sentry's categories a minute may bring, and as many at once; 0: they are not wanted."""

    per_minute: int


class App(Struct, frozen=True):
    """An app: what environments, channels and keys belong to."""

    id: str
    default_environment_id: str | None
    default_channel_id: int | None


class Environment(Struct, frozen=True):
    """One environment of one app; a deleted one stays as a tombstone, with its expiry if it came to that.

    Where they are set, an accepted request lets it live `ttl_seconds` from then on, until `max_expires_at_ns` at most.
    """

    id: str
    app_id: str
    slug: str
    ingest: Ingest = Ingest.OPEN
    expires_at_ns: int | None = None
    ttl_seconds: int | None = None
    max_expires_at_ns: int | None = None
    is_deleted: bool = False
    source_ref: str | None = None
    rate: Rate | None = None
    monthly_quota: MonthlyQuota | None = None
    over_quota: OverQuota = OverQuota.REJECT
    categories: dict[str, CategoryLimit] | None = None


class Channel(Struct, frozen=True):
    """One channel of one app: a Sentry project id, and where OTLP traffic is filed."""

    id: int
    app_id: str
    is_deleted: bool = False


class Credential(Struct, frozen=True):
    """A key or token as it is stored: its digest, and what it may do.

    `digest` is HMAC-SHA-256 of the whole key under the pepper `pepper_version`. `channel_id` is set for public tokens
    only. `scopes` are the signals that it may send. `override_environments` holds slugs; None means every live
    environment of the app. `origins` (lower-case) and `networks` (CIDR) are allow-lists; empty means any.
    `expires_at_ns` is the earlier of its expiry and of the end of its rotation.
    """

    id: str
    kind: Kind
    org_id: str
    digest: bytes
    pepper_version: int
    app_id: str | None = None
    environment_id: str | None = None
    channel_id: int | None = None
    scopes: tuple[Signal, ...] = tuple(Signal)
    allow_environment_override: bool = False
    override_environments: tuple[str, ...] | None = None
    origins: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    expires_at_ns: int | None = None
    is_revoked: bool = False
    rate: Rate | None = None
    monthly_quota: MonthlyQuota | None = None
    over_quota: OverQuota = OverQuota.REJECT


class Resolution(Struct, frozen=True):
    """Where a request belongs, and why.

    `is_override_ignored` asks for `x-axonpush-override: ignored` in the answer.
    """

    environment_id: str
    environment_slug: str
    via: Via
    is_override_ignored: bool
    channel_id: int
    credential_id: str
