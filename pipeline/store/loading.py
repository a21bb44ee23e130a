"""Third-party files loaded through a mapping, and dead letters tried again once their cause is mended."""

from collections.abc import Callable
from collections.abc import Mapping as MappingOf
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, frame, query, transaction, unordered
from pipeline.errors import StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record
from pipeline.events.columns import DEAD_LETTER
from pipeline.events.version_sql import hashed_sql, keep_sql
from pipeline.mapped import mapped_files
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.store.rows import BatchNumber, dead_counts
from pipeline.store.settling import Settling

_REPLAY_PAGE = 1000  # dead letters replayed in one transaction; each may have 1 MiB


class Loading(Settling):
    """The part of the store that loads files and replays dead letters; `pipeline.store.interface` describes it."""

    def load_mapped(
        self,
        path: Path,
        mapping: Mapping,
        *,
        harm_days: MappingOf[str, float],
        ingested_at: datetime,
        future_tolerance: timedelta,
        progress: Progress | None = None,
    ) -> BatchCounts:
        """Load a file, or a folder of files, through a mapping, in one transaction."""
        progress = progress or self._progress
        check_offence_codes(mapping, harm_days)
        # Temporary tables need no transaction, and DuckDB reads only committed tables on several threads.
        number = self._new_batch(ingested_at)
        rows_in = self._read_files(path, mapping, progress)
        mapped_files.map_incidents(self._connection, mapping, number.ingested_at + future_tolerance)
        self._connection.execute(query("load/settle#present_id"))
        # A file without repeats, as nearly all are, is inserted directly; otherwise its rows are staged and settled.
        is_all_new = mapped_files.is_all_new(self._connection)
        if not is_all_new:
            mapped_files.stage_incidents(self._connection)
        with transaction(self._connection):
            counts, dead = self._insert(number, mapping) if is_all_new else self._compare(number, mapping, harm_days)
            counts = self._keep_refused(counts, dead, number, mapping, path, rows_in)
            counts = replace(counts, cancelled=self._cancel_gone(number, mapping.source))
            self._keep_counts(number, path.name, counts)
            self._remember_files(number, mapping.kind)
        return counts

    def files_of_last_load(self) -> list[str]:
        """Return the names of the files of the last load through a mapping."""
        return [row[0] for row in self._rows("load/settle#last_files")]

    def points_of_last_load(self) -> pd.DataFrame:
        """Return the distinct points of the last load through a mapping: lon, lat, incidents."""
        return frame(self._connection, query("load/settle#last_points"))

    def waiting_mappings(self) -> list[str]:
        """Return the sorted names of the mappings through which waiting dead letters came."""
        return [row[0] for row in self._rows("store/dead_letters#mappings")]

    def replay_events(self, decode: Callable[[list[Record]], DecodedBatch], *, ingested_at: datetime) -> BatchCounts:
        """Decode the waiting dead letters that are events again; store those that pass and mark them resolved.

        `decode` is the method of a decoder with the current codebook. `dead` counts the letters that still fail. Each
        page of dead letters is one transaction, so that any number of them fits into memory.
        """
        counts, after = BatchCounts(), -1
        while rows := self._rows("store/dead_letters#next_events", {"after": after, "page": _REPLAY_PAGE}):
            after = rows[-1][0]
            counts += self._replay([Record(*row[1:]) for row in rows], decode, ingested_at)
        return counts

    def replay_mapped(
        self,
        mapping: Mapping,
        *,
        harm_days: MappingOf[str, float],
        ingested_at: datetime,
        future_tolerance: timedelta,
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""
        check_offence_codes(mapping, harm_days)
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            mapped_files.read_waiting(self._connection, mapping)
            self._know_files_of_letters(mapping.kind)
            mapped_files.map_incidents(self._connection, mapping, number.ingested_at + future_tolerance)
            mapped_files.stage_incidents(self._connection)
            counts, dead = self._compare(number, mapping, harm_days, again=True)
            self._mark_tried(dead, mapping.name, number)
            counts += dead_counts(dead)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
            self._remember_files(number, mapping.kind)
        return counts

    def _read_files(self, path: Path, mapping: Mapping, progress: Progress) -> int:
        """Read files into `raw`, say what was passed over or guessed, and return the number of rows that they hold."""
        files, passed_over = mapped_files.read_raw(self._connection, path, mapping)
        if passed_over:
            named = ", ".join(f"{file.name} ({file.why})" for file in passed_over)
            progress(f"{path.name}: {len(passed_over):,} files passed over: {named}")
        for file in files:
            for note in file.notes:
                progress(f"{file.name}: {note}")
        rows_in = sum(file.rows for file in files)
        progress(f"{path.name}: {rows_in:,} rows read")
        self._know_files(files, mapping.kind)
        return rows_in

    def _keep_refused(
        self, counts: BatchCounts, dead: pa.Table, number: BatchNumber, mapping: Mapping, path: Path, rows_in: int
    ) -> BatchCounts:
        """Store the dead letters of a load; return all counts, which must account for every row of the files."""
        dead = pa.concat_tables([dead, mapped_files.unread_lines(self._connection, mapping.name)])
        self._connection.execute(query("store/dead_letters#loaded_again"), {"mapping": mapping.name})
        self._mark_tried(dead, mapping.name, number)
        counts += self._keep_dead(dead, number)
        if counts.rows_in != rows_in:
            raise StoreError(
                f"{path}: {rows_in:,} rows were read, {counts.rows_in:,} kept or refused; nothing is stored"
            )
        return counts

    def _insert(self, number: BatchNumber, mapping: Mapping) -> tuple[BatchCounts, pa.Table]:
        """Insert the incidents of `mapped` directly from the file; return their counts and the other rows' letters."""
        rows = hashed_sql("incident", "FROM mapped WHERE rule IS NULL", mapped_files.STAGED)
        with unordered(self._connection):
            stored = self._scalar(keep_sql("incident", mapped_files.STAGED, rows), number._asdict())
        counts = BatchCounts(rows_in=stored, stored=stored)
        if stored == self._scalar("SELECT count(*) FROM raw"):
            return counts, DEAD_LETTER.empty_table()
        mapped_files.stage_incidents(self._connection, refused_only=True)
        return counts, mapped_files.refuse(self._connection, mapping)

    def _compare(
        self, number: BatchNumber, mapping: Mapping, harm_days: MappingOf[str, float], *, again: bool = False
    ) -> tuple[BatchCounts, pa.Table]:
        """Settle the rows of `staged` among themselves and with the store; what cannot be settled is a dead letter."""
        self._weigh(harm_days)
        refuse = partial(mapped_files.refuse, self._connection, mapping, again=again)
        return self._settle("incident", number, mapped_files.STAGED, mapping.same_id, refuse)

    def _replay(
        self, records: list[Record], decode: Callable[[list[Record]], DecodedBatch], ingested_at: datetime
    ) -> BatchCounts:
        batch = decode(records)
        payloads = pa.array([record.value for record in records], pa.binary())
        tried = pa.table({"topic": [record.topic for record in records], "payload": payloads})
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            self._execute_on("letters", tried, query("store/dead_letters#tried"))
            self._mark_tried(batch.dead_letters, None, number)
            still = DecodedBatch(batch.tables, batch.identity, DEAD_LETTER.empty_table())
            counts = self._keep_decoded(still, number) + dead_counts(batch.dead_letters)
            self._keep_counts(number, "replay of events", counts)
        return counts

    def _mark_tried(self, dead_letters: pa.Table, mapping: str | None, number: BatchNumber) -> None:
        parameters = {"mapping": mapping, "ingested_at": number.ingested_at}
        rows = dead_letters.cast(DEAD_LETTER)
        self._execute_on("dead_arrived", rows, query("store/dead_letters#mark_tried"), parameters)
