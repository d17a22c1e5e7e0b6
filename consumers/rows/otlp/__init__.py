"""OTLP's spans, logs and metric points to rows."""
