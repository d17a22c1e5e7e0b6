"""The signals, formats and content encodings that a record can carry."""

from enum import StrEnum


class Signal(StrEnum):
    """What a record's payload holds."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"
    SENTRY = "sentry"


class Format(StrEnum):
    """How a record's payload is written."""

    PROTOBUF = "protobuf"
    JSON = "json"
    ENVELOPE = "envelope"


class Encoding(StrEnum):
    """How a record's payload is compressed; only what the worker can inflate again."""

    IDENTITY = "identity"
    GZIP = "gzip"
