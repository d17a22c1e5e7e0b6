"""A program that sends OpenTelemetry's spans by Sentry's Python SDK; in a process of its own, for it changes both SDKs.

The DSN stands in SENTRY_DSN.
"""

import json
import sys

import sentry_sdk
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.integrations.otlp import OTLPIntegration


def main() -> None:
    """Record an exception in a span of a span, and print the ids of the trace and of both."""
    sentry_sdk.init(environment="from-sdk", integrations=[OTLPIntegration(capture_exceptions=True)])
    tracer = trace.get_tracer("shop", "1.2.3")
    with tracer.start_as_current_span("GET /cart") as root, tracer.start_as_current_span("charge") as child:
        child.record_exception(OverflowError("order 42 cannot be charged"))
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    assert provider.force_flush()
    sentry_sdk.flush(10)
    ids = [child.get_span_context().trace_id, root.get_span_context().span_id, child.get_span_context().span_id]
    sys.stdout.write(json.dumps(ids))


main()
