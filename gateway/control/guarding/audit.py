"""The audit log: one chain an organization, written in the transaction of the change itself."""

from datetime import datetime

from msgspec import Raw, Struct

from gateway.control.calling.requests import Note
from gateway.control.guarding.chain import START, diff_of, sealed
from gateway.control.roles import access
from gateway.control.roles.access_types import AuditEntry, AuditHead, AuditQuery
from gateway.control.roles.permissions import Permission
from gateway.control.service import Principal, Service
from gateway.control.types import Page, PageQuery
from schemas.errors import Forbidden, Unprocessable

_SEQ_MAX_DIGITS = 18


class _Stored(Struct, frozen=True):
    """An entry as it is stored."""

    seq: int
    at: datetime
    actor: str
    action: str
    target: str
    environment: str | None
    diff: str
    prev_hash: bytes
    hash: bytes

    def entry(self) -> AuditEntry:
        """Answer the entry as it was hashed."""
        return AuditEntry(
            seq=self.seq,
            at=self.at,
            actor=self.actor,
            action=self.action,
            target=self.target,
            environment_id=self.environment,
            diff=Raw(self.diff.encode()),
            prev_hash=self.prev_hash.hex(),
            hash=self.hash.hex(),
        )


async def append(service: Service, principal: Principal, action: str, note: Note) -> None:
    """Write an entry, as the last thing in a transaction: from here on others of the organization wait for its end."""
    await service.store.run("start_audit", principal.org_id)
    head = await service.store.one(AuditHead, "audit_head_to_change", principal.org_id)
    assert head is not None
    entry = AuditEntry(
        seq=0,
        at=service.now(),
        actor=principal.actor,
        action=action,
        target=note.target,
        environment_id=note.environment_id,
        diff=diff_of(note.before, note.after),
        prev_hash="",
        hash="",
    )
    entry = sealed(entry, head)
    await service.store.run(
        "append_audit",
        principal.org_id,
        entry.seq,
        bytes.fromhex(entry.prev_hash),
        bytes.fromhex(entry.hash),
        entry.at,
        entry.actor,
        entry.action,
        entry.target,
        entry.environment_id,
        bytes(entry.diff).decode(),
    )


async def listing(service: Service, principal: Principal, query: AuditQuery) -> Page[AuditEntry]:
    """List what was done, oldest first: everything, or what concerns the environments that the principal reaches.

    What one did oneself is always among it.

    Raises:
        Unprocessable: `after` is no cursor of ours.
    """
    access.require_somewhere(principal, Permission.AUDIT)
    rows = await service.store.many(
        _Stored,
        "audit_page",
        principal.org_id,
        _after(query),
        query.limit + 1,
        principal.actor,
        *access.reach(principal, Permission.AUDIT),
        query.environment_id,
        query.actor,
    )
    items = [row.entry() for row in rows[: query.limit]]
    return Page(items=items, next=str(items[-1].seq) if len(rows) > query.limit else None)


async def head(service: Service, principal: Principal) -> AuditHead:
    """Answer where the organization's log ends.

    Raises:
        Forbidden: the principal does not see the whole log.
    """
    if not access.reach(principal, Permission.AUDIT)[0]:
        raise Forbidden("Only who sees the whole audit log may check it: ask an administrator of your organization.")
    return await service.store.one(AuditHead, "audit_head", principal.org_id) or START


def _after(query: PageQuery) -> int:
    if not query.after:
        return 0
    if not (query.after.isascii() and query.after.isdigit() and len(query.after) <= _SEQ_MAX_DIGITS):
        raise Unprocessable("Field `after`: must be the `next` of an earlier page of this list.")
    return int(query.after)
