"""Event files in Parquet: CloudEvents JSON in the column `value`, as in a dump of Kafka topics."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import SourceError
from pipeline.events.batch import Record, RecordBatch, TopicPartition

_TYPES = {"value": pa.binary(), "topic": pa.string(), "partition": pa.int32(), "offset": pa.int64()}


class ParquetSource:
    """Read a file whose column `value` (binary or text) holds events; `topic`, `partition`, `offset` are optional.

    The defaults are the file name without its suffix, partition 0, and the row number from 0. Offsets must increase
    within a partition, so that a later read can resume where this one stopped.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(f"{path}: no such Parquet file")
        self.name = f"parquet:{path.resolve()}"
        self._path = path

    def batches(self, start: Mapping[TopicPartition, int], size: int) -> Iterator[RecordBatch]:
        """Yield batches of at most `size` records, each partition from its offset in `start`.

        Raises
        ------
        SourceError
            When the file cannot be read, its offsets decrease, or it ends before an offset of `start`.
        """
        following: dict[TopicPartition, int] = {}
        row = 0
        for chunk in self._chunks(size):
            records = _records(chunk, self._path.stem, row)
            row += chunk.num_rows
            self._advance(records, following)
            fresh = [record for record in records if record.offset >= start.get((record.topic, record.partition), 0)]
            if fresh:
                yield RecordBatch(fresh, {(record.topic, record.partition): record.offset + 1 for record in fresh})
        self._refuse_shrunk(start, following)

    def _chunks(self, size: int) -> Iterator[pa.RecordBatch]:
        try:
            with pq.ParquetFile(self._path) as file:
                names = file.schema_arrow.names
                if "value" not in names:
                    raise SourceError(
                        f"{self._path} has no column `value` with events, only {', '.join(names)}; "
                        "load a file of another layout through a mapping"
                    )
                columns = [name for name in _TYPES if name in names]
                for chunk in file.iter_batches(batch_size=size, columns=columns):
                    yield pa.record_batch({name: chunk[name].cast(_TYPES[name]) for name in columns})
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self._path}: cannot be read as a Parquet file of events ({error})") from error

    def _advance(self, records: list[Record], following: dict[TopicPartition, int]) -> None:
        for topic, partition, offset, _ in records:
            if offset < following.get((topic, partition), 0):
                raise SourceError(
                    f"{self._path}: offsets of {topic}[{partition}] do not increase; sort the file by offset"
                )
            following[topic, partition] = offset + 1

    def _refuse_shrunk(self, start: Mapping[TopicPartition, int], following: Mapping[TopicPartition, int]) -> None:
        for (topic, partition), end in sorted(following.items()):
            if end < start.get((topic, partition), 0):
                raise SourceError(
                    f"{self._path} ends at offset {end} of {topic}[{partition}], but {start[topic, partition]} were "
                    "read before: a shorter file replaced it. Give the new file another name; stored events are "
                    "recognised by source and id."
                )


def _records(chunk: pa.RecordBatch, topic: str, first_row: int) -> list[Record]:
    rows = chunk.num_rows
    columns = {name: chunk[name].to_pylist() for name in chunk.schema.names}
    return list(
        map(
            Record,
            columns.get("topic", [topic] * rows),
            columns.get("partition", [0] * rows),
            columns.get("offset", range(first_row, first_row + rows)),
            columns["value"],
        )
    )
