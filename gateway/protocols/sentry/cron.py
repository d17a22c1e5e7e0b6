"""Check-ins of monitors over plain HTTP: what a query or a JSON body says becomes an item.

Source: docs.sentry.io, Crons over HTTP; getsentry/relay where that is silent.
"""

import math
import re
from typing import Any, cast

from gateway.protocols.sentry.envelope import Envelope, Item
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.text import plain, read_json, write_json
from schemas.errors import Malformed

_STATUSES = ("ok", "error", "in_progress", "missed")
_TEXTS = ("status", "check_in_id", "environment", "duration")
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of a check-in: what the body says is taken before the query, the path's slug before both.

    A check-in without an id stays without one: it is about the monitor's latest.

    Raises:
        Malformed: the status is missing or unknown, or a field is not what it should be.
    """
    fields: dict[str, Any] = {name: text for name in _TEXTS if (text := posted.said(name))}
    if config := posted.query.get("monitor_config"):
        fields["monitor_config"] = read_json(plain(config).encode())
    fields |= _body(posted)
    fields["monitor_slug"] = posted.path["slug"]
    _check(fields)
    headers = {"type": "check_in", "content_type": "application/json"}
    return Envelope({}, [Item("check_in", headers, write_json(fields))])


def _body(posted: Posted) -> dict[str, Any]:
    if not posted.body.strip() or not posted.media_type.endswith("json"):
        return {}  # a job may post whatever: curl -d '' names a form
    body = read_json(posted.body)
    if not isinstance(body, dict):
        raise Malformed("A check-in is a JSON object.")
    return cast("dict[str, Any]", body)


def _check(fields: dict[str, Any]) -> None:
    """Check what a monitor goes by, and turn a duration (seconds) of the query into a number."""
    if fields.get("status") not in _STATUSES:
        raise Malformed(f"The check-in's status must be one of {', '.join(_STATUSES)}.")
    check_in_id = fields.get("check_in_id")
    if check_in_id is not None and not (isinstance(check_in_id, str) and _ID.fullmatch(check_in_id)):
        raise Malformed("The check_in_id is no UUID.")
    if not isinstance(fields.get("monitor_config", {}), dict | None):
        raise Malformed("The monitor_config is no JSON object.")
    if fields.get("duration") is not None:
        fields["duration"] = _seconds(fields["duration"])


def _seconds(duration: Any) -> float:  # noqa: ANN401 (any JSON)
    try:
        seconds = math.nan if isinstance(duration, bool) else float(duration)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Malformed("The duration is no number of seconds.")
    return seconds
