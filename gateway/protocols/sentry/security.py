"""Reports that browsers send by themselves: CSP, Expect-CT, Expect-Staple, the Reporting API, Network Error Logging.

Source: develop.sentry.dev, Security policy reporting; W3C Reporting API and Network Error Logging; getsentry/relay
where they are silent.
"""

import msgspec
from msgspec import Raw

from gateway.protocols.sentry.envelope import ITEMS_MAX_COUNT, Envelope, Item
from gateway.protocols.sentry.posted import Posted
from gateway.protocols.text import read_json
from schemas.errors import Malformed, PayloadTooLarge, UnsupportedMedia

_NEL_TYPES = frozenset({"application/json", "application/reports+json"})
_SECURITY_TYPES = _NEL_TYPES | {
    "application/csp-report",
    "application/expect-ct-report",
    "application/expect-ct-report+json",
    "application/expect-staple-report",
}
_KEPT_OF_QUERY = ("sentry_release", "sentry_environment")
_REPORTS = msgspec.json.Decoder(list[Raw])


def to_envelope(posted: Posted) -> Envelope:
    """Make an envelope of a report, or of a list of reports: an item each, as they came.

    Raises:
        UnsupportedMedia: the content type is none of a report.
        Malformed: there is no report, or it is no JSON.
        PayloadTooLarge: there are more than an envelope can have.
    """
    return _envelope(posted, "raw_security", _SECURITY_TYPES)


def nel_to_envelope(posted: Posted) -> Envelope:
    """Do as `to_envelope` with reports of Network Error Logging."""
    return _envelope(posted, "nel", _NEL_TYPES)


def _envelope(posted: Posted, item_type: str, media_types: frozenset[str]) -> Envelope:
    if posted.media_type not in media_types:
        raise UnsupportedMedia(f"Content-Type must be one of {', '.join(sorted(media_types))}.")
    said = {name: text for name in _KEPT_OF_QUERY if (text := posted.said(name))}
    headers = {"type": item_type, "content_type": "application/json", **said}
    return Envelope({}, [Item(item_type, headers, report) for report in _reports(posted.body)])


def _reports(body: bytes) -> list[bytes]:
    if not body.strip():
        raise Malformed("The body is empty; a report is a JSON object.")
    if not isinstance(read_json(body), dict | list):
        raise Malformed("A report is a JSON object, or a list of them.")
    if not body.lstrip().startswith(b"["):
        return [body]
    try:
        reports = [bytes(report) for report in _REPORTS.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [body]  # a list that only a lenient reader understands is kept in one piece
    if not reports:
        raise Malformed("The list of reports is empty.")
    if len(reports) > ITEMS_MAX_COUNT:
        raise PayloadTooLarge(f"The list has more than {ITEMS_MAX_COUNT} reports; send them in parts.")
    return reports
