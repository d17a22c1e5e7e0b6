"""What a request says besides its path and body, and what its rule notes for the audit log."""

import hashlib
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from schemas.errors import PreconditionFailed

_ETAG_BYTES = 12
# What use alone changes, and what it is in an entity tag.
_USES = {"last_used_at": None, "mismatches": UNSET}
T = TypeVar("T", Struct, Struct | None)


class Note(Struct, frozen=True):
    """What a call changed: the id of the object, its environment if it has one, and how it was before and is now."""

    target: str
    environment_id: str | None = None
    before: Struct | None = None
    after: Struct | None = None


class Journal(Struct):
    """Where a rule notes what it changed; a call changes one thing, or nothing where all is so already."""

    note: Note | None = None


class Request(Struct, frozen=True):
    """What stands in the headers of a request that changes something.

    `fingerprint` tells it from others: SHA-256 over method, path and body.
    """

    fingerprint: bytes = b""
    if_match: str | None = None
    confirm: str | None = None
    challenge: str | None = None
    approval: str | None = None
    journal: Journal | None = None

    def note(
        self,
        target: str,
        *,
        environment_id: str | None = None,
        before: Struct | None = None,
        after: Struct | None = None,
    ) -> None:
        """Note for the audit log what was changed."""
        if self.journal is not None:
            self.journal.note = Note(target, environment_id, _unused(before), _unused(after))

    def check_match(self, current: Struct) -> None:
        """Check that the object is the one that the caller has seen; its row must be locked.

        Raises:
            PreconditionFailed: it is another by now (RFC 9110, section 13.1.1).
        """
        if self.if_match is None or self.if_match.strip() == "*":
            return
        wanted = {each.strip() for each in self.if_match.split(",")}
        if etag_of(current) not in wanted:
            raise PreconditionFailed("This was changed by somebody else meanwhile. Read it again, then change it.")


def fingerprint_of(method: str, path: str, body: bytes) -> bytes:
    """Digest a request; 32 bytes."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).digest()


def etag_of(entity: Struct) -> str:
    """Make the entity tag of an answer."""
    return f'"{hashlib.sha256(msgspec.json.encode(_unused(entity))).hexdigest()[: 2 * _ETAG_BYTES]}"'


def is_known(etag: str, known: str) -> bool:
    """Tell whether `If-None-Match` names an object; whether a tag is weak does not matter (RFC 9110 13.1.2)."""
    tags = {each.strip().removeprefix("W/") for each in known.split(",")}
    return not tags.isdisjoint({"*", etag})


def _unused(entity: T) -> T:
    """Leave out what use alone changes, such as when a credential was last used: a use is no change of the object."""
    if entity is None:
        return entity
    return replace(entity, **{name: value for name, value in _USES.items() if name in entity.__struct_fields__})
