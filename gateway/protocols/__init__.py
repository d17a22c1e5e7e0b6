"""OTLP and Sentry: bytes to values and values to bytes, without a socket or a clock."""
