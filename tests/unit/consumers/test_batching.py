"""Queues and batches: bounded, fair, contiguous; and the limit on dead letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers import batching
from consumers.batching import Claim, DeadLetterLimit, Entry, Partition, Queues, Slice, entry_of, halves
from schemas.errors import StorePermanent
from schemas.record import Record, headers_of
from schemas.signals import Encoding, Format, Signal

A, B = Partition("a", 0), Partition("b", 0)


def entry(offset: int, size_bytes: int = 1) -> Entry:
    return Entry(offset=offset, headers=(), value=b"x" * size_bytes)


def queues_of(*partitions: Partition, partition_max_bytes: int = 1_000, batch_max_bytes: int = 1_000) -> Queues:
    queues = Queues(partition_max_bytes=partition_max_bytes, batch_max_bytes=batch_max_bytes)
    for partition in partitions:
        queues.open(Claim(partition, epoch=1, stored_offset=0, next_offset=0))
    return queues


def test_what_is_not_claimed_is_dropped() -> None:
    queues = queues_of()
    assert not queues.put(A, [entry(0)])
    assert queues.take() == []


def test_what_was_fetched_before_the_claim_is_dropped() -> None:
    queues = queues_of()
    queues.open(Claim(A, epoch=1, stored_offset=5, next_offset=5))
    queues.put(A, [entry(3), entry(5), entry(9)])
    queues.put(A, [entry(9), entry(10)])
    (taken,) = queues.take()
    assert [e.offset for e in taken.entries] == [5, 9, 10]
    assert (taken.start, taken.next_offset) == (5, 11)


def test_a_full_partition_is_paused_and_a_drained_one_resumed_once() -> None:
    queues = queues_of(A, B, partition_max_bytes=10, batch_max_bytes=6)
    assert not queues.put(B, [entry(0)])
    assert queues.put(A, [entry(offset, 5) for offset in range(2)])
    assert queues.drained() == []
    queues.take()
    queues.take()
    assert queues.drained() == [A]
    assert queues.drained() == []


def test_partitions_that_have_something_waiting_share_what_a_worker_may_hold() -> None:
    busy, idle = [Partition("a", part) for part in range(8)], [Partition("b", part) for part in range(8)]
    queues = queues_of(*busy, *idle, partition_max_bytes=1_000, batch_max_bytes=10)
    assert not queues.put(busy[0], [entry(0, 79)])
    assert not queues.put(busy[1], [entry(0, 39)])
    assert queues.put(busy[1], [entry(1, 1)])
    queues.drop(busy[0])
    assert not queues.put(busy[1], [entry(2, 39)])
    while queues.take():
        pass
    assert not queues.put(busy[2], [entry(0, 79)])


def test_a_noisy_partition_does_not_keep_others_out_of_a_batch() -> None:
    queues = queues_of(A, B, batch_max_bytes=10)
    queues.put(A, [entry(offset) for offset in range(100)])
    queues.put(B, [entry(0), entry(1)])
    assert queues.has_batch()
    taken = {s.claim.partition: len(s.entries) for s in queues.take()}
    assert taken == {A: 8, B: 2}


def test_an_entry_larger_than_a_batch_is_a_batch() -> None:
    queues = queues_of(A, batch_max_bytes=10)
    queues.put(A, [entry(0, 50), entry(1, 50)])
    assert [len(s.entries) for s in queues.take()] == [1]


def test_a_batch_of_small_records_is_bounded_by_their_number() -> None:
    queues = queues_of(A, batch_max_bytes=10**9, partition_max_bytes=10**9)
    queues.put(A, [entry(offset) for offset in range(batching.BATCH_MAX_RECORDS + 1)])
    assert queues.has_batch()
    assert len(queues.take()[0].entries) == batching.BATCH_MAX_RECORDS
    assert not queues.has_batch()


def test_dropping_marks_the_claim_that_a_batch_was_taken_under() -> None:
    queues = queues_of(A, B)
    queues.put(A, [entry(0)])
    (taken,) = queues.take()
    queues.drop_all()
    assert taken.claim.is_lost
    assert queues.claims() == []


@given(
    st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 5), st.integers(0, 40)), max_size=60),
    st.integers(1, 60),
)
def test_batches_are_contiguous_and_hold_every_entry_once_and_in_order(
    arrivals: list[tuple[Partition, int, int]], batch_max_bytes: int
) -> None:
    """Each arrival is a partition, a gap in its offsets, and a size."""
    queues = queues_of(A, B, partition_max_bytes=10**6, batch_max_bytes=batch_max_bytes)
    offsets = dict.fromkeys((A, B), -1)
    expected: dict[Partition, list[int]] = {A: [], B: []}
    for partition, gap, size_bytes in arrivals:
        offsets[partition] += gap
        queues.put(partition, [entry(offsets[partition], size_bytes)])
        expected[partition].append(offsets[partition])
    taken: dict[Partition, list[int]] = {A: [], B: []}
    stands = dict.fromkeys((A, B), 0)
    while batch := queues.take():
        for part in batch:
            partition = part.claim.partition
            assert part.start == stands[partition]
            assert part.next_offset == part.entries[-1].offset + 1
            stands[partition] = part.next_offset
            taken[partition] += [e.offset for e in part.entries]
    assert taken == expected


def test_halves_are_split_by_partition_first_and_leave_no_position_out() -> None:
    claim = Claim(A, epoch=1, stored_offset=0, next_offset=0)
    one = Slice(claim, 3, 20, [entry(4), entry(9), entry(19)])
    other = Slice(Claim(B, epoch=1, stored_offset=0, next_offset=0), 0, 1, [entry(0)])
    assert halves([one, other]) == ([one], [other])
    ((first,), (second,)) = halves([one])
    assert (first.start, first.next_offset, [e.offset for e in first.entries]) == (3, 9, [4])
    assert (second.start, second.next_offset, [e.offset for e in second.entries]) == (9, 20, [9, 19])


def test_an_entry_counts_the_decompressed_bytes_of_its_record() -> None:
    record = Record(Signal.TRACES, Format.PROTOBUF, Encoding.GZIP, 5_000, 1, "k", b"i" * 16, 0, 1, b"small")
    assert entry_of(0, headers_of(record), record.value).size_bytes == 5_000
    poison = entry_of(0, [("v", b"9")], b"small")
    assert poison.record is None
    assert poison.poison is not None
    assert poison.size_bytes == 5


def test_a_few_dead_letters_stop_nobody_and_many_do() -> None:
    limit = DeadLetterLimit(max_ratio_percent=50)
    limit.check(records=100, dead=100)
    limit.note(records=100, dead=100)
    with pytest.raises(StorePermanent, match=r"101 of the last 101 .* \(50\)"):
        limit.check(records=1, dead=1)
    limit.note(records=1_000, dead=0)
    limit.check(records=1, dead=1)
