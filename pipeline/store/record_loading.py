"""Third-party files of records that are no incidents, loaded through a mapping and tried again."""

from collections.abc import Mapping as MappingOf
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa

from pipeline.database import Progress, query, transaction
from pipeline.events.batch import BatchCounts
from pipeline.events.columns import SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.events.version_sql import keep_sql, stage_sql
from pipeline.mapped import mapped_files
from pipeline.mapped.involvements import Involved, involve
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.mapped.records import RecordRows, decode_rows, kept_identities, refuse_same
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
        harm_days: MappingOf[str, float],
        ingested_at: datetime,
        progress: Progress | None = None,
    ) -> BatchCounts:
        """Load a file, or a folder of files, through a mapping of another kind than incidents, in one transaction."""
        check_offence_codes(mapping, harm_days)
        number = self._new_batch(ingested_at)
        rows_in = self._read_files(path, mapping, progress or self._progress)
        rows = self._decode_records(mapping, decoder)
        with transaction(self._connection):
            counts, dead = self._keep_records(rows, number, mapping)
            counts = self._keep_refused(counts, dead, number, mapping, path, rows_in)
            self._keep_counts(number, path.name, counts)
            self._remember_files(number, mapping.kind)
        return counts

    def replay_records(
        self, mapping: Mapping, *, decoder: Decoder, harm_days: MappingOf[str, float], ingested_at: datetime
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""
        check_offence_codes(mapping, harm_days)
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            mapped_files.read_waiting(self._connection, mapping)
            self._know_files_of_letters(mapping.kind)
            rows = self._decode_records(mapping, decoder, again=True)
            counts, dead = self._keep_records(rows, number, mapping, again=True)
            self._mark_tried(dead, mapping.name, number)
            counts += dead_counts(dead)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
            self._remember_files(number, mapping.kind)
        return counts

    def _decode_records(self, mapping: Mapping, decoder: Decoder, *, again: bool = False) -> RecordRows | Involved:
        decode = involve if mapping.kind == "involvements" else decode_rows
        return decode(self._connection, mapping, decoder, again=again)

    def _keep_records(
        self, rows: RecordRows | Involved, number: BatchNumber, mapping: Mapping, *, again: bool = False
    ) -> tuple[BatchCounts, pa.Table]:
        """Store the records and the people in them; return the counts of their rows, and all dead letters."""
        if isinstance(rows, Involved):
            self._execute_on("arrived_rows", rows.table, stage_sql("incident"))
            self._connection.execute(keep_sql("incident"), number._asdict())
            self._execute_on("identity_arrived", rows.identity, query("store/identities#add"))
            rows_in = rows.new_rows + rows.repeated_rows
            counts = BatchCounts(rows_in, rows.new_rows, rows.repeated_rows, cancelled=rows.gone_roles)
            return counts, rows.dead_letters
        staged = "CREATE OR REPLACE TEMP TABLE staged AS SELECT *, NULL::VARCHAR AS rule FROM arrived_rows"
        self._execute_on("arrived_rows", rows.table, staged)
        refuse = partial(refuse_same, self._connection, mapping, rows.entity, again=again)
        counts, clashes = self._settle(rows.entity, number, SCHEMAS[rows.entity].names, mapping.same_id, refuse)
        identity = kept_identities(self._connection, rows)
        self._execute_on("identity_arrived", identity, query("store/identities#add"))
        return counts, pa.concat_tables([rows.dead_letters, clashes])
