"""OTLP requests, protobuf and JSON: `validate` what arrives, `split` what is large, `decode` what was stored."""

from gateway.protocols.otlp.checking.validate import validate
from gateway.protocols.otlp.decode import decode
from gateway.protocols.otlp.messages import Request
from gateway.protocols.otlp.splitting.split import split
from gateway.protocols.otlp.verdict import Verdict

__all__ = ["Request", "Verdict", "decode", "split", "validate"]
