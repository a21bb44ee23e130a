"""Decode Kafka record batches into topic, partition, offset and value only.

kafka-python creates two objects with thirteen attributes for every record (key, headers, sizes, times), which takes
more time than the rest of reading. `ValuesOnly` replaces its `Fetcher.PartitionRecords`; like the original it checks
batches (CRC-32C) and skips those of aborted transactions.

Format: record batch, magic 2, https://kafka.apache.org/documentation/#recordbatch.
"""

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords
from kafka.record.util import decode_varint

from pipeline.events.batch import Record


class ValuesOnly(Fetcher.PartitionRecords):
    """Yield `Record`s; assumes read_committed, which all harmspot consumers set."""

    def _unpack_records(self, tp: TopicPartition, records: MemoryRecords, *_: Any) -> Iterator[Record]:
        while (batch := records.next_batch()) is not None:
            if not batch.validate_crc():
                raise CorruptRecordError(f"{tp.topic}[{tp.partition}]: a batch failed its check")
            self.bytes_read += batch.size_in_bytes
            if batch.magic < 2:
                yield from self._decode_old_format(tp, batch)
                continue
            self.leader_epoch = batch.leader_epoch
            if not self._is_skipped(batch):
                yield from self._decode_batch(tp, batch)
            # The batch keeps its last offset even if compaction removed the record.
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _is_skipped(self, batch: DefaultRecordBatch) -> bool:
        """Return whether the batch is skipped: it belongs to an aborted transaction or holds only markers."""
        if batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return batch.is_control_batch

    def _decode_batch(self, tp: TopicPartition, batch: DefaultRecordBatch) -> Iterator[Record]:
        batch._maybe_uncompress()
        buffer, at, base_offset = bytes(batch._buffer), batch._pos, batch.base_offset
        topic, partition = tp
        try:
            for _ in range(batch.records_count):
                length, at = decode_varint(buffer, at)
                end = at + length
                _, at = decode_varint(buffer, at + 1)  # the timestamp, after one byte of attributes
                offset_delta, at = decode_varint(buffer, at)
                key_length, at = decode_varint(buffer, at)
                value_length, at = decode_varint(buffer, at + max(0, key_length))
                value = buffer[at : at + value_length] if value_length >= 0 else None
                if not at + max(0, value_length) < end <= len(buffer):  # at least the header count follows
                    raise ValueError(f"a record ends at {at + max(0, value_length)}, not before {end}")
                at = end
                offset = base_offset + offset_delta
                self.next_fetch_offset = offset + 1
                yield Record(topic, partition, offset, value)
            if at != len(buffer):
                raise ValueError(f"{len(buffer) - at} bytes are left over")
        except (ValueError, IndexError) as error:
            raise CorruptRecordError(f"{topic}[{partition}]: its records cannot be decoded: {error}") from None

    def _decode_old_format(self, tp: TopicPartition, batch: Any) -> Iterator[Record]:
        for record in batch:
            if not record.validate_crc():
                raise CorruptRecordError(f"{tp.topic}[{tp.partition}]: a record failed its check")
            self.next_fetch_offset = record.offset + 1
            yield Record(tp.topic, tp.partition, record.offset, record.value)


def read_values_only(consumer: KafkaConsumer) -> None:
    """Make `consumer.poll` return `Record`s instead of kafka-python's records."""
    consumer._fetcher.PartitionRecords = ValuesOnly
