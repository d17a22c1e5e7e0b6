"""The chain of the audit log: each hash covers the one before, so that no entry changes unnoticed; pure."""

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import Raw, Struct, structs

from gateway.control.roles.access_types import AuditEntry, AuditHead

START = AuditHead(seq=0, hash="0" * 64)


def sealed(entry: AuditEntry, before: AuditHead) -> AuditEntry:
    """Answer the entry as the next one behind a head: numbered, and with its hashes."""
    numbered = structs.replace(entry, seq=before.seq + 1, prev_hash=before.hash, hash="")
    return structs.replace(numbered, hash=hash_of(numbered))


def hash_of(entry: AuditEntry) -> str:
    """Hash an entry: SHA-256, in hex, over `prevHash` and the JSON of the entry without its own hash."""
    content = msgspec.json.encode(structs.replace(entry, hash=""))
    return hashlib.sha256(bytes.fromhex(entry.prev_hash) + content).hexdigest()


def fault_of(entries: Iterable[AuditEntry], head: AuditHead) -> str | None:
    """Answer a sentence about the first thing that is wrong with a whole log, None where it is whole."""
    last = START
    for entry in entries:
        if entry.seq != last.seq + 1:
            return f"Entry {last.seq + 1} is missing: entry {entry.seq} follows on {last.seq}."
        if entry.prev_hash != last.hash or hash_of(entry) != entry.hash:
            return f"Entry {entry.seq} ({entry.action} of {entry.target} at {entry.at.isoformat()}) was changed."
        last = AuditHead(seq=entry.seq, hash=entry.hash)
    if last != head:
        return (
            f"The log ends with entry {last.seq}, but it was {head.seq} entries long: its end was cut off or changed."
        )
    return None


def diff_of(before: Struct | None, after: Struct | None) -> Raw:
    """Write what changed as JSON: `[before, after]` by field."""
    old, new = _fields(before), _fields(after)
    changed = {
        name: [old.get(name), new.get(name)] for name in {**old, **new} if name not in old or old[name] != new.get(name)
    }
    return Raw(msgspec.json.encode(changed))


def _fields(value: Struct | None) -> dict[str, object]:
    return {} if value is None else msgspec.to_builtins(value)
