"""What an adapter of one of Sentry's endpoints is given: a request, without a socket."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from gateway.protocols.text import plain

# What a client says goes into the header of an item, which is a bounded line.
TEXT_MAX_CHARACTERS = 1024
_NONE: Mapping[str, str] = MappingProxyType({})


class Posted(Struct, frozen=True, kw_only=True):
    """A request, its body decompressed; each adapter makes an envelope of it, in its `to_envelope`.

    `content_type` is "" where there is none; `query` and `path` hold what they say by name. `fresh_id` (32 hexadecimal
    digits) is for an event that brings no id, `max_bytes` what a payload may have that is compressed once more.
    """

    body: bytes
    content_type: str = ""
    query: Mapping[str, str] = _NONE
    path: Mapping[str, str] = _NONE
    fresh_id: str
    max_bytes: int

    @property
    def media_type(self) -> str:
        """The content type in lower case, without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    def said(self, name: str) -> str:
        """Answer what the query says by a name, cut where it is too long; "" where it says nothing."""
        return plain(self.query.get(name, ""))[:TEXT_MAX_CHARACTERS]
