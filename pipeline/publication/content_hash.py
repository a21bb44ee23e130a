"""Hashes of published rows: the same for the same values, whatever version of DuckDB or Arrow or machine wrote them.

They find what changed or damaged a file after it was published. They are no signature: who can write the file can
write a hash.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import PublicationError

HASHES = "content_hash"
OF_NO_RUN = ""  # run_id of the hash of a table that belongs to no run


@dataclass(frozen=True, slots=True)
class Hashes:
    """The hashes that a file holds: by run, and then by table, the number of rows and their hash.

    `hashed` are the runs that were published with hashes, whether the file still holds them or not.
    """

    path: Path
    kept: Mapping[str, Mapping[str, tuple[int, str]]]
    hashed: frozenset[str] = frozenset()

    def check(self, table_name: str, run_id: str, rows: pa.Table) -> None:
        """Raise PublicationError unless the rows are those that were published.

        Runs of a harmspot that wrote no hashes are not checked. A table without a hash was not there yet when the run
        was published, and so must be empty. A run that has lost its hashes is none that was published.
        """
        if not self.is_as_published(table_name, run_id, rows):
            whose = f" of run {run_id}" if run_id else ""
            raise PublicationError(
                f"{self.path}: table {table_name}{whose} is not what was published: something else wrote to the file, "
                "or the disk damaged it. Restore published.duckdb and restricted.duckdb from a backup, or move both "
                "away and run again (`harmspot run --as-of DAY`, `harmspot backfill` for earlier days); "
                "`harmspot doctor` lists every such table"
            )

    def knows(self, run_id: str) -> bool:
        """Return whether the run has hashes; one that an older harmspot published has none."""
        return run_id in self.kept

    def is_as_published(self, table_name: str, run_id: str, rows: pa.Table) -> bool:
        """Return whether the rows are those that were published, as far as that is known."""
        if not self.knows(run_id):
            return not self.hashed if run_id == OF_NO_RUN else run_id not in self.hashed
        count, published = self.kept[run_id].get(table_name, (0, ""))
        return count == len(rows) and (count == 0 or published == content_hash(rows))


def content_hash(rows: pa.Table) -> str:
    """Return the SHA-256 of the values of ordered rows, in hexadecimal.

    A column counts by its name, not its place, and one without any value as absent: a column that a later version
    adds is empty in the runs before, and leaves their hashes as they were. Whole numbers of any width count alike, and
    so do -0.0 and 0.0.
    """
    digest = hashlib.sha256(_whole_numbers([len(rows)]))
    for name in sorted(rows.column_names):
        values = rows[name].combine_chunks()
        if values.null_count < len(values):
            digest.update(_whole_numbers([len(name.encode())]) + name.encode())
            _add_values(digest, values)
    return digest.hexdigest()


def _add_values(digest: Any, values: Any) -> None:
    """Add an Arrow array: which of its values are null, then those that are not."""
    digest.update(np.packbits(values.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    values = values.drop_null()
    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        digest.update(_whole_numbers(pc.list_value_length(values)))
        _add_values(digest, values.flatten())
    elif pa.types.is_floating(kind):
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        digest.update(np.where(np.isnan(numbers), np.nan, numbers + 0.0).astype("<f8").tobytes())
    elif pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        digest.update(_whole_numbers(values.cast(pa.int64())))
    elif pa.types.is_date(kind):
        digest.update(_whole_numbers(values.cast(pa.date32()).cast(pa.int32())))
    elif pa.types.is_timestamp(kind):
        digest.update(_whole_numbers(values.cast(pa.timestamp("us", kind.tz)).cast(pa.int64())))
    else:
        digest.update(_whole_numbers(pc.binary_length(values)))
        digest.update(b"".join(values.cast(pa.large_binary()).to_pylist()))


def _whole_numbers(values: Any) -> bytes:
    return np.asarray(values, dtype="<i8").tobytes()
