"""In-memory deduplication index over stored events and versions, for a process that writes to a store repeatedly.

Few rows of a stream repeat an event or a version, and a lookup in the store scans all of it for every batch. The index
holds two 64-bit hashes of each stored row, of its event and of its version, in sorted runs; the last runs are merged as
they grow (a log-structured merge). The index has false positives but no false negatives; each positive is checked in
the store.
"""

from datetime import datetime
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.database import query

_CHUNK = 200_000  # rows hashed at a time


class _Extent(NamedTuple):
    """Number of stored rows of an entity, and the id and time of the last batch that added rows."""

    rows: int = 0
    last_batch: int = 0
    last_ingested_at: datetime | None = None


class DedupIndex:
    """Hashes of the stored versions of each entity, 16 bytes a row; initially empty."""

    def __init__(self) -> None:
        self._extents: dict[str, _Extent] = {}
        self._runs: dict[str, list[np.ndarray]] = {}

    def suspects(self, connection: duckdb.DuckDBPyConnection, entity: str) -> pa.Table:
        """Return `staged_row` of each row of view `arrival` whose event or version may be in view `held`.

        First add the rows of the entity that any process has stored since the last call.
        """
        self._add_new_rows(connection, entity)
        arrival = connection.execute(query("load/arrival_hash")).to_arrow_table()
        is_suspect = np.zeros(len(arrival), dtype=bool)
        for name in ("event_hash", "version_hash"):
            hashes = arrival[name].to_numpy()
            for run in self._runs[entity]:
                is_suspect |= run[np.searchsorted(run, hashes).clip(max=len(run) - 1)] == hashes
        return arrival.select(["staged_row"]).filter(pa.array(is_suspect))

    def _add_new_rows(self, connection: duckdb.DuckDBPyConnection, entity: str) -> None:
        [row] = connection.execute(query("load/held_extent")).fetchall()
        indexed, extent = self._extents.get(entity, _Extent()), _Extent(*row)
        runs = self._runs.setdefault(entity, [])
        if extent == indexed:
            return
        hashes = _sorted_hashes(connection, indexed.last_batch)
        if extent.rows == indexed.rows or indexed.rows + len(hashes) // 2 != extent.rows:
            runs.clear()  # a different store, such as one restored from a backup
            hashes = _sorted_hashes(connection, 0)
        if len(hashes):
            runs.append(hashes)
        while len(runs) > 1 and 2 * len(runs[-1]) > len(runs[-2]):
            runs[-2:] = [np.sort(np.concatenate(runs[-2:]))]
        self._extents[entity] = extent


def _sorted_hashes(connection: duckdb.DuckDBPyConnection, after: int) -> np.ndarray:
    """Return both hashes of every row of `held` that was added by a batch after batch `after`."""
    chunks = connection.execute(query("load/held_hash"), {"after": after}).to_arrow_reader(_CHUNK)
    hashes = np.concatenate([np.empty(0, np.uint64), *(column.to_numpy() for chunk in chunks for column in chunk)])
    hashes.sort()
    return hashes
