"""The chain of the audit log: a whole one has no fault, and any change to an entry, a gap or a cut-off end is one."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct, structs

from gateway.control.guarding.chain import START, diff_of, fault_of, sealed
from gateway.control.roles.access_types import AuditEntry, AuditHead

MOMENTS = st.integers(0, 2**52).map(lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us))
ENTRIES = st.builds(
    AuditEntry,
    seq=st.just(0),
    at=MOMENTS,
    actor=st.text(max_size=8),
    action=st.text(max_size=8),
    target=st.text(max_size=8),
    environment_id=st.none() | st.text(max_size=8),
    diff=st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4)).map(
        lambda fields: Raw(msgspec.json.encode(fields))
    ),
    prev_hash=st.just(""),
    hash=st.just(""),
)


def chain(entries: list[AuditEntry]) -> tuple[list[AuditEntry], AuditHead]:
    log: list[AuditEntry] = []
    head = START
    for entry in entries:
        log.append(sealed(entry, head))
        head = AuditHead(seq=log[-1].seq, hash=log[-1].hash)
    return log, head


@given(st.lists(ENTRIES, max_size=5))
def test_a_whole_log_has_no_fault_also_after_its_way_through_json(entries: list[AuditEntry]) -> None:
    log, head = chain(entries)
    assert fault_of(log, head) is None
    sent = msgspec.json.decode(msgspec.json.encode(log), type=list[AuditEntry])
    assert fault_of(sent, head) is None


@given(st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_any_change_is_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    log, head = chain(entries)
    place = data.draw(st.integers(0, len(log) - 1))
    field = data.draw(
        st.sampled_from(["seq", "at", "actor", "action", "target", "environment_id", "diff", "prev_hash"])
    )
    other = {
        "seq": log[place].seq + 1,
        "at": log[place].at + timedelta(microseconds=1),
        "environment_id": f"{log[place].environment_id}x",
        "diff": Raw(b'{"x":"y", "z":1}'),
        "prev_hash": "ab" * 32,
    }.get(field, f"{getattr(log[place], field)}x")
    log[place] = structs.replace(log[place], **{field: other})
    assert fault_of(log, head) is not None


@given(st.lists(ENTRIES, min_size=1, max_size=5), st.data())
def test_a_gap_and_a_cut_off_end_are_found(entries: list[AuditEntry], data: st.DataObject) -> None:
    log, head = chain(entries)
    del log[data.draw(st.integers(0, len(log) - 1))]
    assert fault_of(log, head) is not None


class Thing(Struct, rename="camel"):
    """Something that is changed."""

    name: str
    size_bytes: int | None = None


def test_a_difference_names_what_changed() -> None:
    one, two = Thing("a", 1), Thing("a", 2)
    assert bytes(diff_of(one, two)) == b'{"sizeBytes":[1,2]}'
    assert bytes(diff_of(one, one)) == b"{}"
    assert bytes(diff_of(None, one)) == b'{"name":[null,"a"],"sizeBytes":[null,1]}'
    assert bytes(diff_of(one, None)) == b'{"name":["a",null],"sizeBytes":[1,null]}'
    assert bytes(diff_of(None, Thing("a"))) == b'{"name":[null,"a"],"sizeBytes":[null,null]}'
