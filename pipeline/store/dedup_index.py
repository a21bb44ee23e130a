"""What a store holds, as hashes in memory: for a process that writes to it again and again.

Of a stream's batches hardly any row repeats an event or a version, and to find that out in the store means to look
through all of it, each time. Here each stored row leaves two 64-bit hashes, of its event and of its version, in sorted
runs of which the last ones are merged while they grow (a log-structured merge). They may suspect a row too many, never
one too few; what they suspect is looked for in the store itself.
"""

from datetime import datetime
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.database import query

_CHUNK = 200_000  # rows hashed at a time


class _Extent(NamedTuple):
    """How much of an entity a store holds, and the last batch that brought any, with its time."""

    rows: int = 0
    last_batch: int = 0
    last_ingested_at: datetime | None = None


class DedupIndex:
    """Hashes of the versions of each entity that a store holds; 16 bytes a row. Begins with nothing."""

    def __init__(self) -> None:
        self._extents: dict[str, _Extent] = {}
        self._runs: dict[str, list[np.ndarray]] = {}

    def suspects(self, connection: duckdb.DuckDBPyConnection, entity: str) -> pa.Table:
        """Return `staged_row` of each row of view `arrival` whose event or version view `held` may have.

        Takes up first what any process has stored of the entity since the last call.
        """
        self._take_up(connection, entity)
        arrival = connection.execute(query("load/arrival_hash")).to_arrow_table()
        is_suspect = np.zeros(len(arrival), dtype=bool)
        for name in ("event_hash", "version_hash"):
            hashes = arrival[name].to_numpy()
            for run in self._runs[entity]:
                is_suspect |= run[np.searchsorted(run, hashes).clip(max=len(run) - 1)] == hashes
        return arrival.select(["staged_row"]).filter(pa.array(is_suspect))

    def _take_up(self, connection: duckdb.DuckDBPyConnection, entity: str) -> None:
        [row] = connection.execute(query("load/held_extent")).fetchall()
        known, extent = self._extents.get(entity, _Extent()), _Extent(*row)
        runs = self._runs.setdefault(entity, [])
        if extent == known:
            return
        hashes = _sorted_hashes(connection, known.last_batch)
        if extent.rows == known.rows or known.rows + len(hashes) // 2 != extent.rows:
            runs.clear()  # not the store it was, such as one restored from a backup
            hashes = _sorted_hashes(connection, 0)
        if len(hashes):
            runs.append(hashes)
        while len(runs) > 1 and 2 * len(runs[-1]) > len(runs[-2]):
            runs[-2:] = [np.sort(np.concatenate(runs[-2:]))]
        self._extents[entity] = extent


def _sorted_hashes(connection: duckdb.DuckDBPyConnection, after: int) -> np.ndarray:
    """Return both hashes of every row of `held` that a batch after this one brought."""
    chunks = connection.execute(query("load/held_hash"), {"after": after}).to_arrow_reader(_CHUNK)
    hashes = np.concatenate([np.empty(0, np.uint64), *(column.to_numpy() for chunk in chunks for column in chunk)])
    hashes.sort()
    return hashes
