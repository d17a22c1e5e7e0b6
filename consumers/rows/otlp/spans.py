"""OTLP spans to rows."""

import struct

import orjson

from consumers.rows.binary import EPOCH_2000_US, INT8_MAX, NULL, jsonb, sized
from consumers.rows.encoder import Encoder
from consumers.rows.otlp import gen_ai
from consumers.rows.otlp.common import INT2_MAX, SPAN_ID_BYTES, TRACE_ID_BYTES, Prefix, clamped, ids
from consumers.rows.otlp.wire import Event, Link, Span, TracesRequest
from consumers.rows.tables import Rows
from schemas.errors import PoisonRecord
from schemas.record import Record

INTERNAL = 1
_SPAN_ID_LENGTH = b"\0\0\0\x08"
_TRACE_ID_LENGTH = b"\0\0\0\x10"
# kind, start_ns, start_ts, duration_ns, status_code, flags and three dropped counts, each after its length.
_NUMBERS = struct.Struct(">ih iq iq iq ih iq iq iq iq").pack


def pack(request: TracesRequest, record: Record, encoder: Encoder, into: Rows) -> None:
    """Pack every span of a request.

    Raises:
        PoisonRecord: a span has ids of a wrong length; the edge rejects those.
    """
    prefix = Prefix("spans", record, encoder, into)
    packer = _Packer(encoder)
    tuples: list[bytes] = []
    for resource_spans in request.resource_spans:
        resource, notes = prefix.resource(resource_spans)
        before = len(tuples)
        for scope_spans in resource_spans.scope_spans:
            head, scope_notes = prefix.scope(resource, notes, scope_spans)
            for span in scope_spans.spans:
                encoder.notes.extend(scope_notes)
                tuples.append(head + packer.fields(span))
        prefix.end(len(tuples) - before)
    into.add("spans", b"".join(tuples), len(tuples))


class _Packer:
    """Writes the columns of a span that follow those of its scope."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._parent = ids("parent_span_id", SPAN_ID_BYTES, encoder)
        self._names = encoder.texts("name", empty=sized(b""))
        self._states = encoder.texts("trace_state")
        self._messages = encoder.texts("status_message")

    def fields(self, span: Span) -> bytes:
        """Write one span."""
        encoder = self._encoder
        attributes, dropped = encoder.attributes(span.attributes, span.dropped_attributes_count)
        status = span.status
        events = span.events
        links = span.links
        columns = (
            _ids(span),
            _numbers(span, status.code, dropped, encoder),
            self._parent(span.parent_span_id),
            self._states[span.trace_state],
            self._names[span.name],
            self._messages[status.message],
            jsonb(attributes),
            jsonb(b"[%b]" % b",".join([self._event(event) for event in events])) if events else NULL,
            jsonb(b"[%b]" % b",".join([self._link(link) for link in links])) if links else NULL,
        )
        has_gen_ai = gen_ai.may_be_in(attributes)
        last = gen_ai.joined(orjson.loads(attributes), encoder) if has_gen_ai else gen_ai.ABSENT
        # Last, for all of the others may leave notes.
        return b"".join(columns) + encoder.truncated() + last

    def _event(self, event: Event) -> bytes:
        """Write one event as JSON."""
        encoder = self._encoder
        before = len(encoder.notes)
        attributes, dropped = encoder.attributes(event.attributes, event.dropped_attributes_count)
        text = b'{"time_ns":%d,"name":%b,"attributes":%b,"dropped_attributes_count":%d}' % (
            event.time_unix_nano,
            encoder.strings[event.name],
            attributes,
            dropped,
        )
        encoder.notes[before:] = [f"events.{note}" for note in encoder.notes[before:]]
        return text

    def _link(self, link: Link) -> bytes:
        """Write one link as JSON."""
        encoder = self._encoder
        before = len(encoder.notes)
        attributes, dropped = encoder.attributes(link.attributes, link.dropped_attributes_count)
        text = (
            b'{"trace_id":"%b","span_id":"%b","trace_state":%b,"flags":%d,"attributes":%b,"dropped_attributes_count":%d}'
            % (
                link.trace_id.hex().encode(),
                link.span_id.hex().encode(),
                encoder.strings[link.trace_state],
                link.flags,
                attributes,
                dropped,
            )
        )
        encoder.notes[before:] = [f"links.{note}" for note in encoder.notes[before:]]
        return text


def _ids(span: Span) -> bytes:
    """Write trace_id and span_id.

    Raises:
        PoisonRecord: one has a wrong length.
    """
    trace_id = span.trace_id
    span_id = span.span_id
    if len(trace_id) != TRACE_ID_BYTES or len(span_id) != SPAN_ID_BYTES:
        msg = f"A span has a trace id of {len(trace_id)} and a span id of {len(span_id)} bytes, not of 16 and 8."
        raise PoisonRecord(msg, reason="span_ids")
    return _TRACE_ID_LENGTH + trace_id + _SPAN_ID_LENGTH + span_id


def _numbers(span: Span, status_code: int, dropped: int, encoder: Encoder) -> bytes:
    """Write the numbers, which follow the ids."""
    kind = span.kind or INTERNAL
    start_ns = span.start_time_unix_nano
    duration_ns = span.end_time_unix_nano - start_ns
    # Out of bounds are times past the year 2262, and an enumeration's number that no specification knows.
    if start_ns > INT8_MAX or not (
        0 <= duration_ns <= INT8_MAX and 0 <= status_code <= INT2_MAX and INTERNAL <= kind <= INT2_MAX
    ):
        start_ns = clamped("start_ns", start_ns, encoder)
        duration_ns = clamped("duration_ns", duration_ns, encoder)
        status_code = clamped("status_code", status_code, encoder, high=INT2_MAX)
        kind = clamped("kind", kind, encoder, low=INTERNAL, high=INT2_MAX)
    start_us = start_ns // 1000 - EPOCH_2000_US
    flags, events, links = span.flags, span.dropped_events_count, span.dropped_links_count
    return _NUMBERS(
        *(2, kind, 8, start_ns, 8, start_us, 8, duration_ns, 2, status_code, 8, flags, 8, dropped, 8, events, 8, links)
    )
