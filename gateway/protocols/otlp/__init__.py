"""OTLP requests: `validate` what arrives, `decode` what was stored; protobuf and JSON, traces, logs and metrics."""

from gateway.protocols.otlp.decode import decode
from gateway.protocols.otlp.messages import Request
from gateway.protocols.otlp.validate import validate
from gateway.protocols.otlp.verdict import Verdict

__all__ = ["Request", "Verdict", "decode", "validate"]
