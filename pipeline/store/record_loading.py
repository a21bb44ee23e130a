"""Third-party files of records that are no incidents, loaded through a mapping and tried again."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pipeline.database import Progress, query, transaction
from pipeline.events.batch import BatchCounts
from pipeline.events.decoder import Decoder
from pipeline.events.version_sql import stage_sql
from pipeline.mapped import mapped_files
from pipeline.mapped.involvements import involve
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.mapped.records import RecordRows, decode_rows
from pipeline.store.rows import BatchNumber, Rows, dead_counts


class RecordLoading(Rows):
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
        (progress or self._progress)(f"{path.name}: {self._scalar('SELECT count(*) FROM raw'):,} rows read")
        rows, repeated = self._decode(mapping, decoder, again=False)
        with transaction(self._connection):
            counts = self._keep_records(rows, number, repeated) + self._keep_dead(rows.dead_letters, number)
            counts += self._keep_dead(mapped_files.unread_lines(self._connection, mapping.name), number)
            self._keep_counts(number, path.name, counts)
        return counts
