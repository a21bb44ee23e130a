"""Third-party files loaded through a mapping, and dead letters tried again once their cause is mended."""

from collections.abc import Callable, Collection
from collections.abc import Mapping as MappingOf
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, frame, query, transaction
from pipeline.errors import SourceError, StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record
from pipeline.events.columns import DEAD_LETTER
from pipeline.events.decoder import Decoder
from pipeline.events.version_sql import keep_sql, stage_sql
from pipeline.files.parsed import UnreadableError
from pipeline.files.parts import Part, PassedOver, find_parts
from pipeline.loading.rows import BatchNumber, dead_counts
from pipeline.loading.settling import Settling
from pipeline.mapped import mapped_files
from pipeline.mapped.mapping import Mapping, check_offence_codes
from pipeline.records.involvements import involve
from pipeline.records.records import RecordRows, decode_rows, kept_identities, present_columns, refuse_same

_REPLAY_PAGE = 1000  # dead letters replayed in one transaction; each may have 1 MiB

# Called with the name of a file and the places of its incidents (lon, lat, area_id, incidents); raises to refuse it.
CheckPlaces = Callable[[str, pd.DataFrame], None]

# Keeps the rows of a file within a transaction; returns their counts, and the other rows as dead letters.
Keep = Callable[[], tuple[BatchCounts, pa.Table]]


class Loading(Settling):
    """The part of the store that loads files and replays dead letters; `pipeline.store.interface` describes it."""

    def load_mapped(
        self,
        path: Path,
        mapping: Mapping,
        *,
        decoder: Decoder,
        harm_days: MappingOf[str, float],
        ingested_at: datetime,
        progress: Progress | None = None,
        check: CheckPlaces | None = None,
    ) -> BatchCounts:
        """Load a file, or the files of a folder or zip one after the other, through a mapping; each is a batch.

        `check` sees each of them before any is stored.
        """
        check_offence_codes(mapping, harm_days)
        self._key_held(mapping)
        self._weigh(harm_days)
        say = progress or self._progress
        parts, passed_over = find_parts(path, mapping.files)
        _say_passed_over(path, passed_over, say)
        for note in mapping.notes:
            say(f"mapping {mapping.name}: {note}")
        if check and mapping.kind == "incidents" and len(parts) > 1:  # read twice, so that none is stored if one fails
            self._check_parts(parts, mapping, decoder.horizon, check)
            check = None
        counts, unreadable = BatchCounts(), []
        for part in parts:
            try:
                counts += self._load_part(part, mapping, decoder, ingested_at, say, check)
            except UnreadableError as error:
                unreadable.append(PassedOver(part.name, str(error)))
        if len(unreadable) == len(parts):
            raise SourceError("; ".join(file.why for file in unreadable))
        _say_passed_over(path, unreadable, say)
        return counts

    def batch_number(self) -> int:
        """Return the number of the last batch."""
        return self._scalar("SELECT coalesce(max(batch_id), 0) FROM store.ingest_batch")

    def points_since(self, batch_id: int) -> pd.DataFrame:
        """Return the distinct points of the batches after one: lon, lat, incidents."""
        return frame(self._connection, query("load/settle#last_points"), {"batch_id": batch_id})

    def letters_since(self, batch_id: int) -> pd.DataFrame:
        """Return the waiting dead letters of the files of the batches after one; columns as `dead_letters`."""
        return frame(self._connection, query("load/settle#last_letters"), {"batch_id": batch_id})

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
        self, mapping: Mapping, *, decoder: Decoder, harm_days: MappingOf[str, float], ingested_at: datetime
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it, by file."""
        check_offence_codes(mapping, harm_days)
        self._key_held(mapping)
        self._weigh(harm_days)
        counts = BatchCounts()
        for topic, digest in self._rows("store/dead_letters#files", {"mapping": mapping.name}):
            counts += self._replay_file(topic, digest, mapping, decoder, ingested_at)
        return counts

    def _key_held(self, mapping: Mapping) -> None:
        """Give what was loaded before the mapping said `source_ids: keyed` the short ids that its rows have now."""
        if mapping.source_ids == "keyed" and mapping.kind != "involvements":
            self.key_ids(mapping.source)

    def _check_parts(self, parts: list[Part], mapping: Mapping, horizon: datetime, check: CheckPlaces) -> None:
        """Call `check` with the places of each file that can be read; nothing is stored."""
        for part in parts:
            with suppress(UnreadableError):
                file = mapped_files.read_part(self._connection, part, mapping)
                mapped_files.map_incidents(self._connection, mapping, horizon, file.crs)
                mapped_files.stage_incidents(self._connection)
                check(file.name, frame(self._connection, query("load/settle#staged_places")))

    def _load_part(
        self,
        part: Part,
        mapping: Mapping,
        decoder: Decoder,
        ingested_at: datetime,
        say: Progress,
        check: CheckPlaces | None,
    ) -> BatchCounts:
        """Load one file in one transaction."""
        # Temporary tables need no transaction, and DuckDB reads only committed tables on several threads.
        number = self._new_batch(ingested_at)
        file = mapped_files.read_part(self._connection, part, mapping)
        for note in file.notes:
            say(f"{file.name}: {note}")
        say(f"{file.name}: {file.rows:,} rows read")
        self._know_file(file.digest, mapping)
        keep = self._prepare(number, mapping, decoder, file.crs)
        if check and mapping.kind == "incidents":
            check(file.name, frame(self._connection, query("load/settle#staged_places")))
        with transaction(self._connection):
            counts, dead = keep()
            dead = pa.concat_tables([dead, mapped_files.unread_lines(self._connection, mapping.name)])
            self._connection.execute(query("store/dead_letters#loaded_again"), {"mapping": mapping.name})
            self._mark_tried(dead, mapping.name, number)
            counts += self._keep_dead(dead, number)
            if counts.rows_in != file.rows:
                text = f"{file.rows:,} rows were read, {counts.rows_in:,} kept or refused; nothing is stored"
                raise StoreError(f"{file.name}: {text}")
            self._keep_counts(number, file.name, counts)
            self._remember_file(number, file.name, file.digest, mapping)
        if mapping.kind == "incidents":
            for warning in mapped_files.warnings_of(self._connection, mapping):
                say(f"{file.name}: {warning}")
        return counts

    def _replay_file(
        self, topic: str, digest: str | None, mapping: Mapping, decoder: Decoder, ingested_at: datetime
    ) -> BatchCounts:
        """Try the waiting dead letters of one file again, in one transaction."""
        number = self._new_batch(ingested_at)
        mapped_files.read_waiting(self._connection, mapping, topic, digest)
        self._know_file(digest, mapping)
        crs = mapped_files.waiting_crs(self._connection)
        keep = self._prepare(number, mapping, decoder, crs, again=True)
        with transaction(self._connection):
            counts, dead = keep()
            self._mark_tried(dead, mapping.name, number)
            counts += dead_counts(dead)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
            if digest:
                self._remember_file(number, topic, digest, mapping)
        return counts

    def _prepare(
        self, number: BatchNumber, mapping: Mapping, decoder: Decoder, file_crs: str | None, *, again: bool = False
    ) -> Keep:
        """Turn the rows of `raw` into records, without writing to the store; `again` is for waiting dead letters."""
        if mapping.kind == "incidents":
            return self._prepare_incidents(number, mapping, decoder.horizon, file_crs, again=again)
        if mapping.kind == "involvements":
            return partial(self._involve, number, mapping, decoder, again=again)
        rows = decode_rows(self._connection, mapping, decoder, again=again)
        return partial(self._keep_records, rows, number, mapping, again=again)

    def _prepare_incidents(
        self, number: BatchNumber, mapping: Mapping, horizon: datetime, file_crs: str | None, *, again: bool
    ) -> Keep:
        mapped_files.map_incidents(self._connection, mapping, horizon, file_crs)
        mapped_files.stage_incidents(self._connection)
        return partial(self._keep_incidents, number, mapping, again=again)

    def _keep_incidents(self, number: BatchNumber, mapping: Mapping, *, again: bool) -> tuple[BatchCounts, pa.Table]:
        """Settle the incidents of `staged`; withdraw those that the file no longer gives."""
        refuse = partial(mapped_files.refuse, self._connection, mapping, again=again)
        counts, dead = self._settle("incident", number, mapped_files.STAGED, mapping.same_id, refuse)
        return (counts if again else self._less_gone("incident", counts, number, mapped_files.STAGED)), dead

    def _less_gone(
        self, entity: str, counts: BatchCounts, number: BatchNumber, present: Collection[str]
    ) -> BatchCounts:
        return replace(counts, cancelled=self._withdraw_gone(entity, number, present))

    def _keep_records(
        self, rows: RecordRows, number: BatchNumber, mapping: Mapping, *, again: bool
    ) -> tuple[BatchCounts, pa.Table]:
        """Settle the records of a file and store the identities of the people in those that are kept."""
        staged = "CREATE OR REPLACE TEMP TABLE staged AS SELECT *, NULL::VARCHAR AS rule FROM arrived_rows"
        self._execute_on("arrived_rows", rows.table, staged)
        refuse = partial(refuse_same, self._connection, mapping, rows.entity, again=again)
        present = present_columns(mapping)
        counts, clashes = self._settle(rows.entity, number, present, mapping.same_id, refuse)
        if not again:
            counts = self._less_gone(rows.entity, counts, number, present)
        self._execute_on("identity_arrived", kept_identities(self._connection, rows), query("store/identities#add"))
        return counts, pa.concat_tables([rows.dead_letters, clashes])

    def _involve(
        self, number: BatchNumber, mapping: Mapping, decoder: Decoder, *, again: bool
    ) -> tuple[BatchCounts, pa.Table]:
        """Give the incidents of the store the roles of people that the file states, as new versions."""
        involved = involve(self._connection, mapping, decoder, again=again)
        self._execute_on("arrived_rows", involved.table, stage_sql("incident"))
        self._connection.execute(keep_sql("incident"), number._asdict())
        self._execute_on("identity_arrived", involved.identity, query("store/identities#add"))
        return involved.counts, involved.dead_letters

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


def _say_passed_over(path: Path, files: list[PassedOver], say: Progress) -> None:
    if files:
        named = ", ".join(f"{file.name} ({file.why})" for file in files)
        say(f"{path.name}: {len(files):,} files passed over: {named}")
