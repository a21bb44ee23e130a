"""Event files: one CloudEvents JSON object per line, plain or gzipped."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import SourceError
from pipeline.events.batch import Record, RecordBatch, TopicPartition

_SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_BOM = b"\xef\xbb\xbf"


class JsonLinesSource:
    """Read a file, or every event file of a folder sorted by name.

    A record's topic is the file name without its suffix, its partition 0, its offset the line number from 0.
    Blank lines are skipped; a byte-order mark is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.name = f"jsonl:{path.resolve()}"
        self._paths = _event_files(path)

    def batches(self, start: Mapping[TopicPartition, int], size: int) -> Iterator[RecordBatch]:
        """Yield batches of at most `size` records, each file from its line in `start`.

        Raises
        ------
        SourceError
            When a file cannot be read; every record before the damage is yielded first.
        """
        batch: list[Record] = []
        damage: SourceError | None = None
        try:
            for record in self._records(start):
                batch.append(record)
                if len(batch) == size:
                    yield _batch(batch)
                    batch = []
        except SourceError as error:
            damage = error
        if batch:
            yield _batch(batch)
        if damage:
            raise damage

    def _records(self, start: Mapping[TopicPartition, int]) -> Iterator[Record]:
        for path in self._paths:
            yield from _read(path, start.get((_topic(path), 0), 0))


def _batch(records: list[Record]) -> RecordBatch:
    return RecordBatch(records, {(record.topic, record.partition): record.offset + 1 for record in records})


def _event_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"{path}: no such file or folder of events")
    paths = sorted(found for found in path.iterdir() if found.is_file() and found.name.endswith(_SUFFIXES))
    if not paths:
        raise SourceError(f"{path}: no event files in this folder; expected names ending in {', '.join(_SUFFIXES)}")
    _refuse_duplicate_topics(paths)
    return paths


def _refuse_duplicate_topics(paths: list[Path]) -> None:
    by_topic: dict[str, Path] = {}
    for path in paths:
        other = by_topic.setdefault(_topic(path), path)
        if other is not path:
            raise SourceError(f"{path} and {other.name} would both be topic {_topic(path)!r}; rename or remove one")


def _topic(path: Path) -> str:
    suffix = next((suffix for suffix in _SUFFIXES if path.name.endswith(suffix)), path.suffix)
    return path.name.removesuffix(suffix)


def _read(path: Path, first: int) -> Iterator[Record]:
    line_number = -1
    try:
        with _open(path) as file:
            for line_number, line in enumerate(file):
                value = line.removeprefix(_BOM).strip() if line_number == 0 else line.strip()
                if line_number >= first and value:
                    yield Record(_topic(path), 0, line_number, value)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"{path}, after line {line_number + 1}: cannot be read ({error}); the lines before it are loaded. Get a "
            "complete copy of the file and load it again: stored events are recognised by source and id."
        ) from error
    if line_number + 1 < first:
        raise SourceError(
            f"{path} has {line_number + 1} lines, but {first} were read before: a shorter file replaced it. "
            "Give the new file another name; stored events are recognised by source and id."
        )


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")
