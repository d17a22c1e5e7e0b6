"""What the calls about limits and usage take and answer."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from gateway.control.types import Answer, Input, Moment
from schemas.environment import CategoryLimit, MonthlyQuota, OverQuota, Rate

_PerSecond = Annotated[float, Meta(gt=0, le=1e9)]
_Bytes = Annotated[int, Meta(ge=1, le=2**53)]
_Requests = Annotated[int, Meta(ge=1, le=2**53)]


class Step(StrEnum):
    """How much time one row of usage covers."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class SetRate(Input, frozen=True, kw_only=True):
    """How fast requests and their bytes, as sent, may come; what is not given has no limit.

    A burst is what may come at once after a pause: what a second brings where none is given, and at least one request.
    """

    requests_per_second: _PerSecond | None = None
    burst: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    bytes_per_second: _Bytes | None = None
    burst_bytes: _Bytes | None = None


class SetMonthlyQuota(Input, frozen=True, kw_only=True):
    """How many requests and bytes, as sent, a month of UTC may bring; what is not given has no limit."""

    requests: _Requests | None = None
    bytes: _Bytes | None = None


class SetCategoryLimit(Input, frozen=True, kw_only=True):
    """How many items of a category a minute may bring, and as many at once; 0 tells SDKs to send none."""

    per_minute: Annotated[int, Meta(ge=0, le=2**53)]


class Policy(Answer, frozen=True, kw_only=True):
    """The limits of an environment, for all its keys together; null sets none. `categories` are those of Sentry."""

    environment_id: str
    rate: Rate | None
    monthly_quota: MonthlyQuota | None
    over_quota: OverQuota
    categories: dict[str, CategoryLimit] | None


class UpdatePolicy(Input, frozen=True, kw_only=True):
    """Body of PATCH /environments/{id}/policy; what is not given stays as it is, null removes a limit.

    `categories` names Sentry's data categories, and takes the place of all that were limited before.
    """

    rate: SetRate | UnsetType | None = UNSET
    monthly_quota: SetMonthlyQuota | UnsetType | None = UNSET
    over_quota: OverQuota | UnsetType = UNSET
    categories: dict[str, SetCategoryLimit] | UnsetType | None = UNSET


class UsageQuery(Input, frozen=True, kw_only=True):
    """Query of GET /environments/{id}/usage: the last day where nothing is said."""

    since: Moment | None = field(default=None, name="from")
    until: Moment | None = field(default=None, name="to")
    step: Step = Step.HOUR


class Used(Answer, frozen=True, kw_only=True):
    """What one key or token sent within one step that begins `at`; `rejected` counts requests by reason."""

    at: datetime
    credential_id: str
    requests: int
    items: int
    bytes: int
    rejected: dict[str, int]


class Outcome(Answer, frozen=True, kw_only=True):
    """What became of items of Sentry's SDKs within one step that begins `at`, by data category.

    `outcome` is `accepted`, `ignored` (parts of envelopes that cannot be read), or what an SDK reports that it did not
    send: `client_discard`, `rate_limited`, `filtered` or `filtered_sampling`, with its `reason`.
    """

    at: datetime
    outcome: str
    reason: str
    category: str
    quantity: int


class Usage(Answer, frozen=True, kw_only=True):
    """What was sent to an environment, oldest first, by whole steps of UTC; those without anything are left out.

    `items` counts what keys and tokens sent; `sentry` what of Sentry's is stored, and what was not sent.
    """

    environment_id: str
    since: datetime = field(name="from")
    until: datetime = field(name="to")
    step: Step
    items: list[Used]
    sentry: list[Outcome]
