"""Taking record batches apart, held against kafka-python's own reading of the same bytes."""

from collections import namedtuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from pipeline.events.batch import Record
from pipeline.sources.kafka_records import ValuesOnly

PLACE = TopicPartition("incidents", 2)
Aborted = namedtuple("Aborted", "producer_id first_offset")

texts = st.none() | st.binary(max_size=300)
headers = st.lists(st.tuples(st.text(max_size=10), texts), max_size=2)
rows = st.lists(st.tuples(st.integers(0, 2**40), texts, texts, headers), min_size=1, max_size=8)
batches = st.lists(st.tuples(st.sampled_from([0, 1]), rows), min_size=1, max_size=4)


def build(found: list[tuple[int, list]], first: int = 0, magic: int = 2, **producer: Any) -> bytes:
    """Bytes of a fetch: batches of (compression, rows), offsets from `first` on."""
    data = b""
    for compression, records in found:
        builder = MemoryRecordsBuilder(magic, compression, 1 << 20, offset=first, **producer)
        for time, key, value, heads in records:
            builder.append(time, key, value, heads)
        builder.close()
        data += bytes(builder.buffer())
        first += len(records)
    return data


def read(
    kind: type[Fetcher.PartitionRecords], data: bytes, first: int = 0, at_a_time: int = 3, aborted: Any = ()
) -> list:
    """What (offset, value) is read, and where reading goes on after each turn."""
    taken = kind(
        first, PLACE, MemoryRecords(data), isolation_level=IsolationLevel.READ_COMMITTED, aborted_transactions=aborted
    )
    turns = []
    while taken:
        turns.append(([(r.offset, r.value) for r in taken.take(at_a_time)], taken.next_fetch_offset))
    return turns


@given(batches, st.integers(0, 30), st.integers(1, 9), st.integers(0, 2**31 - 100))
def test_the_same_values_and_positions_as_the_client_reads_itself(
    found: list, beginning: int, at_a_time: int, base: int
) -> None:
    data = build(found, base)
    expected = read(Fetcher.PartitionRecords, data, base + beginning, at_a_time)
    assert read(ValuesOnly, data, base + beginning, at_a_time) == expected


@pytest.mark.parametrize("magic", [0, 1])
def test_messages_of_the_old_formats_are_read_too(magic: int) -> None:
    data = build([(0, [(1, b"k", b"one", []), (2, None, None, []), (3, b"", b"three", [])])], magic=magic)
    assert read(ValuesOnly, data) == read(Fetcher.PartitionRecords, data)


def test_a_record_has_its_topic_partition_offset_and_value() -> None:
    data = build([(1, [(5, b"key", b"value", [("h", b"x")])])], first=70)
    taken = ValuesOnly(70, PLACE, MemoryRecords(data), isolation_level=IsolationLevel.READ_COMMITTED)
    assert taken.take(1) == [Record("incidents", 2, 70, b"value")]


def test_what_was_aborted_is_passed_over_and_so_are_markers() -> None:
    producer = {"transactional": True, "producer_id": 9, "producer_epoch": 0, "base_sequence": 0}
    row = [(1, b"k", b"v", [])]
    fetch = build([(0, row * 2)], 0, **producer)
    fetch += marker(build([(0, [(1, b"\0\0\0\0", b"\0" * 6, [])])], 2, **producer))  # version 0, type 0: abort
    fetch += build([(0, row)], 3, **producer)
    fetch += marker(build([(0, [(1, b"\0\0\0\1", b"\0" * 6, [])])], 4, **producer))  # commit
    turns = read(ValuesOnly, fetch, aborted=[Aborted(9, 0)])
    assert [taken for records, _ in turns for taken in records] == [(3, b"v")]
    assert turns[-1][1] == 5
    assert turns == read(Fetcher.PartitionRecords, fetch, aborted=[Aborted(9, 0)])


def marker(batch: bytes) -> bytes:
    """Return the batch as a control batch."""
    changed = bytearray(batch)
    changed[DefaultRecordBatch.ATTRIBUTES_OFFSET + 1] |= DefaultRecordBatch.CONTROL_MASK
    return checked(changed)


def checked(batch: bytearray) -> bytes:
    """Return the batch with its checksum made right."""
    checksum = calc_crc32c(memoryview(batch)[DefaultRecordBatch.ATTRIBUTES_OFFSET :])
    batch[DefaultRecordBatch.CRC_OFFSET : DefaultRecordBatch.ATTRIBUTES_OFFSET] = checksum.to_bytes(4, "big")
    return bytes(batch)


@given(rows, st.data())
def test_a_changed_byte_is_noticed(found: list, data: st.DataObject) -> None:
    batch = bytearray(build([(0, found)]))
    batch[data.draw(st.integers(DefaultRecordBatch.ATTRIBUTES_OFFSET, len(batch) - 1))] ^= 0x55
    with pytest.raises(CorruptRecordError):
        read(ValuesOnly, bytes(batch))


@given(rows, st.data())
def test_nonsense_with_a_right_checksum_is_refused_or_read_and_raises_nothing_else(
    found: list, data: st.DataObject
) -> None:
    batch = bytearray(build([(0, found)]))
    batch[data.draw(st.integers(DefaultRecordBatch.HEADER_STRUCT.size, len(batch) - 1))] ^= 0x55
    try:
        turns = read(ValuesOnly, checked(batch))
    except CorruptRecordError:
        return
    assert len([taken for records, _ in turns for taken in records]) <= len(found)
