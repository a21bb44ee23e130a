"""Data passed from a source to the store: raw records, decoded tables, and the counts of their outcomes."""

from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa

TopicPartition = tuple[str, int]


class Record(NamedTuple):
    """One raw record; `offset` is the Kafka offset, or the line or row number from 0."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Consecutive records of one source, possibly none, and the offsets to read from after they are committed."""

    records: list[Record]
    next_offsets: dict[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """Tables by entity (schemas in `pipeline.events.columns.SCHEMAS`), identities and dead letters of one batch."""

    tables: dict[str, pa.Table]
    identity: pa.Table
    dead_letters: pa.Table


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Counts of a batch's rows by outcome: `rows_in == stored + duplicates + merged + dead`.

    `stored` includes `corrected`, new versions of what was known, and `conflicts`; `merged` are rows of a file that the
    mapping makes one with another row. Beside them, `cancelled` counts incidents that a file gave before and, under its
    mended mapping, no longer gives.
    """

    rows_in: int = 0
    stored: int = 0
    duplicates: int = 0
    dead: int = 0
    conflicts: int = 0
    dead_by_reason: dict[str, int] = field(default_factory=dict)
    merged: int = 0
    corrected: int = 0
    cancelled: int = 0

    def text(self) -> str:
        """Return one line of text."""
        merged = f"+ merged {self.merged:,} " if self.merged else ""
        return (
            f"rows in {self.rows_in:,} = versions stored {self.stored:,} + duplicates {self.duplicates:,} "
            f"{merged}+ dead letters {self.dead:,}"
        )

    def __add__(self, other: "BatchCounts") -> "BatchCounts":
        reasons = sorted(self.dead_by_reason.keys() | other.dead_by_reason.keys())
        by_reason = {r: self.dead_by_reason.get(r, 0) + other.dead_by_reason.get(r, 0) for r in reasons}
        names = ("rows_in", "stored", "duplicates", "merged", "dead", "corrected", "cancelled", "conflicts")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return BatchCounts(**sums, dead_by_reason=by_reason)
