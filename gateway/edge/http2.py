"""A client that begins with HTTP/2, as OTLP over gRPC does, is told so in its own form, and turned away; pure."""

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""The first bytes of such a connection (RFC 9113 3.4)."""
METHOD = b"PRI "
"""How they begin, and no request of HTTP/1.1 does."""

_HEADERS, _SETTINGS, _GOAWAY = 1, 4, 7
_END_STREAM_AND_HEADERS = 5
_FRAME_HEAD_BYTES = 9
_FRAME_MAX_BYTES = 16_384  # what a client may send that was allowed no more
_NO_ERROR = bytes(4)  # HTTP_1_1_REQUIRED would say it better, and makes gRPC's C core abort the process
_STATUS_200 = b"\x88"  # HPACK's static table (RFC 7541, Appendix A)
_UNIMPLEMENTED = "12"
_HPACK_PREFIX_MAX = 127


def advice(public_url: str) -> str:
    """Say where OTLP over HTTP goes; `public_url` may be empty."""
    where = f"{public_url}/v1/traces" if public_url else "/v1/traces of this host and port"
    return (
        f"OTLP over gRPC is not spoken here. Send OTLP over HTTP/1.1 to {where}, and likewise to /v1/logs and"
        " /v1/metrics: set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf."
    )


class Refusal:
    """One connection that is refused: every call is answered UNIMPLEMENTED, which no exporter tries again.

    A GOAWAY alone would do for the protocol, but gRPC connects anew after it without a pause, and tells nobody why.
    """

    def __init__(self, public_url: str) -> None:
        self._message = advice(public_url)
        self._unread = b""
        self._has_greeted = False

    def answer(self, data: bytes) -> bytes:
        """Take bytes as they come, from the first of the preface on, and answer those to send."""
        self._unread += data
        if not self._has_greeted:
            if len(self._unread) < len(PREFACE):
                return b""
            self._unread = self._unread[len(PREFACE) :]
            self._has_greeted = True
            return _frame(_SETTINGS, b"") + self._answers()
        return self._answers()

    def _answers(self) -> bytes:
        answers = b""
        while len(self._unread) >= _FRAME_HEAD_BYTES:
            size_bytes = int.from_bytes(self._unread[:3], "big")
            if size_bytes > _FRAME_MAX_BYTES:
                self._unread = b""
                break
            end = _FRAME_HEAD_BYTES + size_bytes
            if len(self._unread) < end:
                break
            kind, stream = self._unread[3], self._unread[5:_FRAME_HEAD_BYTES]
            self._unread = self._unread[end:]
            if kind == _HEADERS:
                answers += _frame(_HEADERS, self._trailers(), _END_STREAM_AND_HEADERS, stream)
                answers += _frame(_GOAWAY, stream + _NO_ERROR + self._message.encode())
        return answers

    def _trailers(self) -> bytes:
        """Write what answers a call that fails at once (gRPC over HTTP/2, "Trailers-Only")."""
        fields = {
            "content-type": "application/grpc",
            "grpc-status": _UNIMPLEMENTED,
            "grpc-message": self._message,
        }
        return _STATUS_200 + b"".join(b"\x00" + _literal(name) + _literal(text) for name, text in fields.items())


def _literal(text: str) -> bytes:
    """Write a string of HPACK, not in Huffman's code (RFC 7541 5.2)."""
    data = text.encode()
    size_bytes = len(data)
    if size_bytes < _HPACK_PREFIX_MAX:
        return bytes([size_bytes]) + data
    length = bytearray([_HPACK_PREFIX_MAX])
    size_bytes -= _HPACK_PREFIX_MAX
    while size_bytes > 0x7F:  # noqa: PLR2004 (seven bits a byte, RFC 7541 5.1)
        length.append(size_bytes & 0x7F | 0x80)
        size_bytes >>= 7
    return bytes([*length, size_bytes]) + data


def _frame(kind: int, payload: bytes, flags: int = 0, stream: bytes = bytes(4)) -> bytes:
    """Write a frame (RFC 9113 4.1)."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream + payload
