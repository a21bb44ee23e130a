"""The rows of a batch: versions of entities, identities and dead letters, each stored once, and their counts.

The tables are a pure function of the set of events: order, batching and repetition do not change any result.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, frame, log_progress, query, transaction, unordered
from pipeline.events.batch import BatchCounts, DecodedBatch
from pipeline.events.columns import DEAD_LETTER, IDENTITY
from pipeline.events.version_sql import arrival_sql, content_hash_sql, keep_sql, stage_sql
from pipeline.loading.dedup_index import DedupIndex
from pipeline.local_time import local_text
from pipeline.privacy.short_ids import KEYED

# Batches under a fixed clock are one microsecond apart; a larger step means that the clock went back.
_CLOCK_STEP = timedelta(seconds=1)

_KEPT_COUNTS = ("rows_in", "stored", "duplicates", "merged", "cancelled", "dead", "conflicts")


class BatchNumber(NamedTuple):
    """Values shared by the rows of one transaction."""

    batch_id: int
    ingested_at: datetime


class Rows:
    """The part of the store that keeps rows, on a connection with the store attached for writing as `store`."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        progress: Progress = log_progress,
        dedup_index: DedupIndex | None = None,
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._dedup_index = dedup_index

    def dead_letters(self) -> pd.DataFrame:
        """Return the waiting dead letters in order of arrival: batch_id, ingested_at, topic … mapping."""
        return frame(self._connection, query("store/dead_letters#all"))

    def batches(self) -> pd.DataFrame:
        """Return every batch with its counts: rows_in == stored + duplicates + merged + dead."""
        return frame(self._connection, query("store/batches#all"))

    def key_ids(self, event_source: str | None = None, since: int = 0) -> int:
        """Replace the ids of incidents and warrants of a source, or of all, by short ids; return how many versions.

        Nothing is done where no batch after `since` has such an id.
        """
        return sum(self._key_ids_of(entity, column, event_source, since) for entity, column in KEYED.items())

    def key_new_ids(self) -> None:
        """Replace the ids of the batches since the last call; another call without a new batch reads no version."""
        [(until, last)] = self._rows("store/short_ids#keyed_until")
        if last > until:
            self.key_ids(since=until)
            self._connection.execute(query("store/short_ids#keep_keyed_until"), {"batch_id": last})

    def _key_ids_of(self, entity: str, column: str, event_source: str | None, since: int) -> int:
        with transaction(self._connection):
            keyed = self._scalar(query(f"store/short_ids#{entity}"), {"event_source": event_source, "since": since})
            if keyed:  # the hash of the content, by which an event that comes again is known, covers the id
                hashed = f"SET content_hash = {content_hash_sql(entity)} WHERE starts_with({column}, 'k_')"
                self._connection.execute(f"UPDATE store.{entity}_version {hashed}")
        return keyed

    def _new_batch(self, ingested_at: datetime) -> BatchNumber:
        [row] = self._rows("store/batches#new", {"ingested_at": ingested_at})
        return self._said_if_late(BatchNumber(*row), ingested_at)

    def _said_if_late(self, batch: BatchNumber, ingested_at: datetime) -> BatchNumber:
        """Return the batch; say so if the clock is behind the store."""
        if batch.ingested_at > ingested_at + _CLOCK_STEP:
            self._progress(
                f"the clock reads {local_text(ingested_at)}, earlier than the store's last batch; "
                f"{local_text(batch.ingested_at)} is used as ingested_at. Set the clock right."
            )
        return batch

    def _keep_decoded(self, batch: DecodedBatch, number: BatchNumber) -> BatchCounts:
        counts = BatchCounts()
        for entity, table in batch.tables.items():
            if table.num_rows:
                self._execute_on("arrived_rows", table, stage_sql(entity))
                counts += self._keep_staged(entity, number)
        self._execute_on("identity_arrived", batch.identity.cast(IDENTITY), query("store/identities#add"))
        return counts + self._keep_dead(batch.dead_letters, number)

    def _keep_staged(self, entity: str, number: BatchNumber) -> BatchCounts:
        """Move the new rows of `staged` into the entity's versions and drop `staged`."""
        self._connection.execute(arrival_sql(entity))
        rows_in = self._scalar("SELECT count(*) FROM staged")
        if self._dedup_index is not None:
            suspects = self._dedup_index.suspects(self._connection, entity)
            self._execute_on("suspect", suspects, query("load/held_suspect"))
        self._connection.execute(query("load/shared_event"))
        self._connection.execute(query("load/duplicate"))
        stored = self._scalar("SELECT count(*) FROM staged")
        conflicts = self._scalar(query("load/conflict"))
        with unordered(self._connection):
            self._connection.execute(keep_sql(entity), number._asdict())
        self._connection.execute("DROP TABLE staged")
        if conflicts:
            self._progress(
                f"{conflicts:,} of the new {entity} rows contradict another row of the same version or event; "
                f"all are stored and the row with the greater content hash is used"
            )
        return BatchCounts(rows_in=rows_in, stored=stored, duplicates=rows_in - stored, conflicts=conflicts)

    def _keep_dead(self, dead_letters: pa.Table, number: BatchNumber) -> BatchCounts:
        if dead_letters.num_rows:
            rows = dead_letters.cast(DEAD_LETTER)
            self._execute_on("dead_arrived", rows, query("store/dead_letters#add"), number._asdict())
        return dead_counts(dead_letters)

    def _keep_counts(self, number: BatchNumber, source: str, counts: BatchCounts) -> None:
        if counts.rows_in:
            row = {name: getattr(counts, name) for name in _KEPT_COUNTS}
            self._connection.execute(query("store/batches#add"), {**number._asdict(), "source": source, **row})

    def _execute_on(self, name: str, rows: pa.Table, sql: str, parameters: dict[str, Any] | None = None) -> None:
        self._connection.register(name, rows)
        self._connection.execute(sql, parameters or {})
        self._connection.unregister(name)

    def _rows(self, name: str, parameters: dict[str, Any] | None = None) -> list[tuple]:
        """Return the rows of the query of that name."""
        return self._connection.execute(query(name), parameters).fetchall()

    def _scalar(self, sql: str, parameters: dict[str, Any] | None = None) -> int:
        row = self._connection.execute(sql, parameters).fetchone()
        return int(row[0]) if row else 0


def dead_counts(dead_letters: pa.Table) -> BatchCounts:
    """Return the counts of a batch of dead letters alone."""
    reasons = pd.Series(dead_letters["reason"].to_pylist(), dtype="str").value_counts().sort_index()
    dead = dead_letters.num_rows
    return BatchCounts(rows_in=dead, dead=dead, dead_by_reason={str(r): int(n) for r, n in reasons.items()})
