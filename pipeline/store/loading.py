"""Third-party files loaded through a mapping, and dead letters tried again once their cause is mended."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from pipeline.database import Progress, query, transaction, unordered
from pipeline.events.batch import BatchCounts, DecodedBatch, Record
from pipeline.events.columns import DEAD_LETTER
from pipeline.events.version_sql import hashed_sql, keep_sql
from pipeline.mapped import mapped_files
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.store.rows import BatchNumber, Rows, dead_counts

_REPLAY_PAGE = 1000  # dead letters replayed in one transaction; each may have 1 MiB


class Loading(Rows):
    """The part of the store that loads files and replays dead letters; `pipeline.store.interface` describes it."""

    def load_mapped(
        self,
        path: Path,
        mapping: Mapping,
        *,
        offence_codes: frozenset[str],
        ingested_at: datetime,
        future_tolerance: timedelta,
        progress: Progress | None = None,
    ) -> BatchCounts:
        """Load a file, or a folder of files, through a mapping, in one transaction."""
        progress = progress or self._progress
        check_offence_codes(mapping, offence_codes)
        # Temporary tables need no transaction, and DuckDB reads only committed tables on several threads.
        number = self._new_batch(ingested_at)
        files, passed_over = mapped_files.read_raw(self._connection, path, mapping)
        if passed_over:
            named = ", ".join(f"{file.name} ({file.why})" for file in passed_over)
            progress(f"{path.name}: {len(passed_over):,} files passed over: {named}")
        for file in files:
            for note in file.notes:
                progress(f"{file.name}: {note}")
        rows_read = self._scalar("SELECT count(*) FROM raw")
        progress(f"{path.name}: {rows_read:,} rows read")
        mapped_files.map_incidents(self._connection, mapping, number.ingested_at + future_tolerance)
        # A file without repeats, as nearly all are, is inserted directly; otherwise its rows are staged and compared.
        is_all_new = mapped_files.is_all_new(self._connection)
        if not is_all_new:
            mapped_files.stage_incidents(self._connection)
        with transaction(self._connection):
            counts = self._keep_mapped(number, mapping, rows_read) if is_all_new else self._compare(number, mapping)
            counts += self._keep_dead(mapped_files.unread_lines(self._connection, mapping.name), number)
            self._keep_counts(number, path.name, counts)
        return counts

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
        self, mapping: Mapping, *, offence_codes: frozenset[str], ingested_at: datetime, future_tolerance: timedelta
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""
        check_offence_codes(mapping, offence_codes)
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            mapped_files.read_waiting(self._connection, mapping)
            mapped_files.map_incidents(self._connection, mapping, number.ingested_at + future_tolerance)
            mapped_files.stage_incidents(self._connection)
            dead = mapped_files.refuse(self._connection, mapping.name, again=True)
            self._mark_tried(dead, mapping.name, number)
            counts = self._keep_staged("incident", number, mapped_files.STAGED) + dead_counts(dead)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
        return counts

    def _keep_mapped(self, number: BatchNumber, mapping: Mapping, rows_read: int) -> BatchCounts:
        """Insert the incidents of `mapped` directly from the file; the other rows become dead letters."""
        rows = hashed_sql("incident", "FROM mapped WHERE rule IS NULL", mapped_files.STAGED)
        with unordered(self._connection):
            stored = self._scalar(keep_sql("incident", mapped_files.STAGED, rows), number._asdict())
        counts = BatchCounts(rows_in=stored, stored=stored)
        if stored == rows_read:
            return counts
        mapped_files.stage_incidents(self._connection, refused_only=True)
        return counts + self._keep_dead(mapped_files.refuse(self._connection, mapping.name), number)

    def _compare(self, number: BatchNumber, mapping: Mapping) -> BatchCounts:
        """Move the new rows of `staged` into the versions; the others are duplicates or dead letters."""
        dead = mapped_files.refuse(self._connection, mapping.name)
        return self._keep_staged("incident", number, mapped_files.STAGED) + self._keep_dead(dead, number)

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
