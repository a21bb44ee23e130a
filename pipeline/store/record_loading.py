"""Third-party files of records that are no incidents, loaded through a mapping and tried again."""

from datetime import datetime
from pathlib import Path

from pipeline.database import Progress, query, transaction
from pipeline.events.batch import BatchCounts
from pipeline.events.columns import SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.events.version_sql import stage_sql
from pipeline.mapped import mapped_files
from pipeline.mapped.involvements import involve
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.mapped.records import RecordRows, decode_rows
from pipeline.store.loading import Loading
from pipeline.store.rows import BatchNumber, dead_counts


class RecordLoading(Loading):
    """The part of the store that loads people, warrants, stays, shifts, actions and involvements from files."""

    def load_records(
        self,
        path: Path,
        mapping: Mapping,
        *,
        decoder: Decoder,
        offence_codes: frozenset[str],
        ingested_at: datetime,
        progress: Progress | None = None,
    ) -> BatchCounts:
        """Load a file, or a folder of files, through a mapping of another kind than incidents, in one transaction."""
        check_offence_codes(mapping, offence_codes)
        number = self._new_batch(ingested_at)
        mapped_files.read_raw(self._connection, path, mapping)
        rows_read = self._scalar("SELECT count(*) FROM raw")
        (progress or self._progress)(f"{path.name}: {rows_read:,} rows read")
        rows = self._decode_records(mapping, decoder, again=False)
        with transaction(self._connection):
            counts = self._keep_records(rows, number) + self._keep_dead(rows.dead_letters, number)
            counts += self._keep_dead(mapped_files.unread_lines(self._connection, mapping.name), number)
            self._keep_counts(number, path.name, counts)
        return counts

    def replay_records(
        self, mapping: Mapping, *, decoder: Decoder, offence_codes: frozenset[str], ingested_at: datetime
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""
        check_offence_codes(mapping, offence_codes)
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            mapped_files.read_waiting(self._connection, mapping)
            rows = self._decode_records(mapping, decoder, again=True)
            self._mark_tried(rows.dead_letters, mapping.name, number)
            counts = self._keep_records(rows, number) + dead_counts(rows.dead_letters)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
        return counts

    def _decode_records(self, mapping: Mapping, decoder: Decoder, *, again: bool) -> RecordRows:
        decode = involve if mapping.kind == "involvements" else decode_rows
        return decode(self._connection, mapping, decoder, again=again)

    def _keep_records(self, rows: RecordRows, number: BatchNumber) -> BatchCounts:
        """Store the records and the people in them, and count the rows of the file."""
        self._execute_on("arrived_rows", rows.table, stage_sql(rows.entity))
        kept = self._keep_staged(rows.entity, number, SCHEMAS[rows.entity].names)
        self._execute_on("identity_arrived", rows.identity, query("store/identities#add"))
        if rows.new_rows is None:
            return kept
        rows_in = rows.new_rows + rows.repeated_rows
        return BatchCounts(rows_in=rows_in, stored=rows.new_rows, duplicates=rows.repeated_rows)
