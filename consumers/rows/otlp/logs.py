"""OTLP log records to rows."""

import struct

from consumers.rows.binary import EPOCH_2000_US, INT8_MAX, NULL, int8, jsonb
from consumers.rows.encoder import Encoder
from consumers.rows.otlp.common import INT2_MAX, SPAN_ID_BYTES, TRACE_ID_BYTES, Prefix, clamped, ids
from consumers.rows.otlp.wire import LogRecord, LogsRequest
from consumers.rows.tables import Rows
from schemas.record import Record

# ts, severity_number, flags and dropped_attributes_count, each after its length.
_FIXED = struct.Struct(">iq ih iq iq").pack


def pack(request: LogsRequest, record: Record, encoder: Encoder, into: Rows) -> None:
    """Pack every log record of a request."""
    prefix = Prefix("logs", record, encoder, into)
    packer = _Packer(encoder, record.received_ns)
    tuples: list[bytes] = []
    for resource_logs in request.resource_logs:
        resource, notes = prefix.resource(resource_logs)
        before = len(tuples)
        for scope_logs in resource_logs.scope_logs:
            head, scope_notes = prefix.scope(resource, notes, scope_logs)
            for log in scope_logs.log_records:
                encoder.notes.extend(scope_notes)
                tuples.append(head + packer.fields(log))
        prefix.end(len(tuples) - before)
    into.add("logs", b"".join(tuples), len(tuples))


class _Packer:
    """Writes the columns of a log record that follow those of its scope."""

    def __init__(self, encoder: Encoder, received_ns: int) -> None:
        self._encoder = encoder
        self._received_ns = received_ns
        self._trace_id = ids("trace_id", TRACE_ID_BYTES, encoder)
        self._span_id = ids("span_id", SPAN_ID_BYTES, encoder)
        self._severities = encoder.texts("severity_text")
        self._event_names = encoder.texts("event_name")

    def fields(self, log: LogRecord) -> bytes:
        """Write one log record."""
        encoder = self._encoder
        attributes, dropped = encoder.attributes(log.attributes, log.dropped_attributes_count)
        time_ns = log.time_unix_nano
        observed_ns = log.observed_time_unix_nano
        severity = log.severity_number
        if time_ns > INT8_MAX or observed_ns > INT8_MAX or not 0 <= severity <= INT2_MAX:
            time_ns = clamped("time_ns", time_ns, encoder)
            observed_ns = clamped("observed_ns", observed_ns, encoder)
            severity = clamped("severity_number", severity, encoder, high=INT2_MAX)
        ts_us = (time_ns or observed_ns or self._received_ns) // 1000 - EPOCH_2000_US
        return b"".join(
            (
                _FIXED(8, ts_us, 2, severity, 8, log.flags, 8, dropped),
                int8(time_ns) if time_ns else NULL,
                int8(observed_ns) if observed_ns else NULL,
                self._trace_id(log.trace_id),
                self._span_id(log.span_id),
                self._severities[log.severity_text],
                self._event_names[log.event_name],
                encoder.bodies[log.body],
                jsonb(attributes),
                encoder.truncated(),
            )
        )
