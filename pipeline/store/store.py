"""The store: every version of every entity, dead letters, and the read offset of each source.

The tables are a pure function of the set of events: order, batching and repetition do not change any result. The rows,
identities, dead letters and offsets of a batch are one transaction, so a crash neither loses nor duplicates an event.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.clock import refuse_earlier
from pipeline.database import Progress, connect, frame, log_progress, query, transaction, unordered
from pipeline.errors import StaleOffsetsError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record, TopicPartition
from pipeline.events.columns import DEAD_LETTER, IDENTITY, UTC_TIME
from pipeline.events.version_sql import arrival_sql, hashed_sql, keep_sql, stage_sql
from pipeline.messages.outbox import OutboxMessage, as_rows
from pipeline.privacy.access_log import AccessLog, LogMark
from pipeline.privacy.keys import Key
from pipeline.privacy.pii_scan import redact_words, refuse_mentions
from pipeline.sources import mapped_files
from pipeline.sources.mapping import Mapping, check_offence_codes
from pipeline.sources.registry import recreated_topic
from pipeline.store.dedup_index import DedupIndex
from pipeline.store.human_events import HumanEvent, events_of
from pipeline.store.store_file import attach_store

Tell = Callable[[duckdb.DuckDBPyConnection], Sequence[OutboxMessage]]

# Replaces the raw id of an erased person in the identity table.
TOMBSTONE = "erased"

# Batches under a fixed clock are one microsecond apart; a larger step means that the clock went back.
_CLOCK_STEP = timedelta(seconds=1)
_REPLAY_PAGE = 1000  # dead letters replayed in one transaction; each may have 1 MiB


class _Batch(NamedTuple):
    """Values shared by the rows of one transaction."""

    batch_id: int
    ingested_at: datetime

    @property
    def parameters(self) -> dict[str, Any]:
        return {"batch_id": self.batch_id, "ingested_at": self.ingested_at}


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Health of the store for operators: backlogs, read offsets and throughput."""

    dead_letters: dict[str, int]  # by reason
    undelivered: dict[str, tuple[int, datetime]]  # by topic: number of messages, time of the oldest
    offsets: dict[TopicPartition, int]
    topic_ids: dict[str, str]
    last_ingested_at: datetime | None
    rows_per_s: float | None


class Store:
    """The open store with its only writer; a context manager. Created by `open_store`.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection with the store attached for writing as `store`.
    progress : callable, optional
        Receives progress messages and warnings.
    dedup_index : DedupIndex, optional
        Index that outlives this object, for a process that opens the store repeatedly.
    log : AccessLog, optional
        Log of reads; every human event stores the mark that the log had reached.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        progress: Progress = log_progress,
        dedup_index: DedupIndex | None = None,
        log: AccessLog | None = None,
    ) -> None:
        self._connection = connection
        self._log = log
        self._progress = progress
        self._dedup_index = dedup_index

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write everything to the file and release it."""
        self._connection.close()

    def commit(
        self,
        batch: DecodedBatch,
        *,
        source: str,
        ingested_at: datetime,
        next_offsets: MappingOf[TopicPartition, int],
        first_offsets: MappingOf[TopicPartition, int | None] | None = None,
        messages: Sequence[OutboxMessage] = (),
        tell: Tell | None = None,
    ) -> BatchCounts:
        """Store one decoded batch, its next offsets and its outbox messages in one transaction.

        A row is a duplicate if the store (or an earlier row of the batch) has the same content under the same
        `event_source`, `event_id` and `event_time`. An `ingested_at` before the store's latest is raised to it.

        Parameters
        ----------
        batch : DecodedBatch
            The rows to store.
        source : str
            Name of the source.
        ingested_at : datetime
            Time of ingestion.
        next_offsets : mapping
            Offset of the next record to read, by topic and partition.
        first_offsets : mapping, optional
            Stored offset from which the reader started each partition (None: the store had none), for readers that
            share partitions. None skips the check.
        messages : sequence of OutboxMessage
            Messages to put into the outbox.
        tell : callable, optional
            Called with the connection after the rows are inserted, within the transaction; returns more messages.

        Returns
        -------
        BatchCounts
            Counts of the rows by outcome.

        Raises
        ------
        StaleOffsetsError
            The stored offsets differ from `first_offsets`. Nothing is stored.
        """
        with transaction(self._connection):
            self._check_offsets(first_offsets or {})
            number = self._new_batch(ingested_at)
            counts = self._keep_decoded(batch, number)
            self._keep_offsets(next_offsets)
            self._keep_counts(number, source, counts)
            more_messages = tell(self._connection) if tell else ()
            self._keep_messages([*messages, *more_messages], number.ingested_at)
        return counts

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
        """Load a file, or a folder of files, through a mapping, in one transaction.

        Raises
        ------
        SourceError
            The file is missing or unreadable.
        MappingError
            A column is missing, or the mapping gives an offence code that the codebook lacks.
        """
        check_offence_codes(mapping, offence_codes)
        # Temporary tables need no transaction, and DuckDB reads only committed tables on several threads.
        number = self._new_batch(ingested_at)
        passed_over = mapped_files.read_raw(self._connection, path, mapping)
        if passed_over:
            (progress or self._progress)(
                f"{path.name}: {len(passed_over):,} files passed over, such as {passed_over[0].name}: "
                f"mapping {mapping.name!r} reads only {mapping.files}"
            )
        rows_read = self._count("raw")
        (progress or self._progress)(f"{path.name}: {rows_read:,} rows read")
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

    def replay_events(self, decode: Callable[[list[Record]], DecodedBatch], *, ingested_at: datetime) -> BatchCounts:
        """Decode the waiting dead letters that are events again; store those that pass and mark them resolved.

        `decode` is the method of a decoder with the current codebook. `dead` counts the letters that still fail. Each
        page of dead letters is one transaction, so that any number of them fits into memory.
        """
        counts, after = BatchCounts(), -1
        while rows := self._waiting_events(after):
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
            dead = mapped_files.refuse_again(self._connection, mapping.name)
            self._mark_tried(dead, mapping.name, number)
            counts = self._keep_staged("incident", number, mapped_files.STAGED) + _dead_counts(dead)
            self._keep_counts(number, f"replay of {mapping.name}", counts)
        return counts

    def waiting_mappings(self) -> list[str]:
        """Return the sorted names of the mappings through which waiting dead letters came."""
        return [row[0] for row in self._connection.execute(query("store/waiting_mapping")).fetchall()]

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset to read, by topic (or file) and partition."""
        rows = self._connection.execute("SELECT topic, partition, next_offset FROM store.consumer_offset").fetchall()
        return {(topic, partition): next_offset for topic, partition, next_offset in sorted(rows)}

    def topic_ids(self) -> dict[str, str]:
        """Return the id of each topic that has stored offsets, if its broker has topic ids."""
        return dict(self._connection.execute("SELECT topic, topic_id FROM store.topic_read ORDER BY topic").fetchall())

    def know_topics(self, topic_ids: MappingOf[str, str]) -> None:
        """Record the ids of the topics that are about to be read.

        Raises
        ------
        SourceError
            A topic was recreated since its offsets were stored; the message names it and the way out.
        """
        held = self.topic_ids()
        if others := [topic for topic, topic_id in topic_ids.items() if held.get(topic, topic_id) != topic_id]:
            raise recreated_topic(others[0])
        fresh = {topic: topic_id for topic, topic_id in topic_ids.items() if topic not in held}
        if fresh:
            with transaction(self._connection):
                self._connection.executemany("INSERT INTO store.topic_read VALUES ($1, $2)", [*fresh.items()])

    def forget_offsets(self, topic: str, partition: int | None = None) -> dict[TopicPartition, int]:
        """Delete and return the offsets of a topic or one partition; with the last offset, also the topic's id."""
        with transaction(self._connection):
            held = {place: n for place, n in self.offsets().items() if place[0] == topic}
            gone = {place: n for place, n in held.items() if partition in (None, place[1])}
            for place in gone:
                self._connection.execute("DELETE FROM store.consumer_offset WHERE topic = $1 AND partition = $2", place)
            if gone == held:
                self._connection.execute("DELETE FROM store.topic_read WHERE topic = $1", [topic])
        return gone

    def health(self) -> StoreHealth:
        """Return the backlogs of the store, its read offsets and its throughput."""
        rows = self._connection.execute
        [(rows_per_s,)] = rows(query("store/throughput")).fetchall()
        messages = rows(query("store/waiting_message")).fetchall()
        return StoreHealth(
            dict(rows(query("store/waiting_reason")).fetchall()),
            {topic: (count, oldest_at) for topic, count, oldest_at in messages},
            self.offsets(),
            self.topic_ids(),
            rows("SELECT max(ingested_at) FROM store.ingest_batch").fetchall()[0][0],
            rows_per_s,
        )

    def dead_letters(self) -> pd.DataFrame:
        """Return the waiting dead letters in order of arrival: batch_id, ingested_at, topic … mapping."""
        return frame(self._connection, query("store/dead_letters"))

    def batches(self) -> pd.DataFrame:
        """Return every batch with its counts: rows_in == stored + duplicates + dead."""
        return frame(self._connection, query("store/batches"))

    def record_human_event(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> str:
        """Append a human event and its outbox messages in one transaction, and return its event_id.

        The same event is recorded once, and so is the same message.

        Raises
        ------
        PersonMentionedError
            The text of the event names a person. Nothing is recorded.
        ClockError
            The event is dated before the last one. Nothing is recorded.
        """
        columns = self._columns_of(event)
        with transaction(self._connection):
            self._add_event(columns)
            self._keep_messages(messages, event.at)
        return str(columns["event_id"])

    def last_event_at(self) -> datetime | None:
        """Return the clock time of the latest human event; None if there is none."""
        [(last,)] = self._connection.execute('SELECT max("at") FROM store.human_event').fetchall()
        return last

    def log_mark(self) -> LogMark:
        """Return the mark that the access log had reached at the last human event."""
        [row] = self._connection.execute("SELECT size_bytes, entry_hash FROM store.log_mark").fetchall()
        return LogMark(*row)

    def _columns_of(self, event: HumanEvent) -> dict[str, Any]:
        """Return the row of an event after checking that it may be recorded."""
        columns = event.columns()
        self.refuse_mentions(event.words)
        refuse_earlier(event.at, self.last_event_at(), "the last recorded event")
        return columns

    def _add_event(self, columns: dict[str, Any]) -> None:
        self._connection.execute(query("store/add_human_event"), columns)
        # If the log lacks the last mark, the log was truncated: the old mark stays as the evidence.
        if self._log and self._log.holds(self.log_mark()):
            self._connection.execute(query("store/keep_log_mark"), self._log.mark()._asdict())

    def refuse_mentions(self, words: MappingOf[str, str | None]) -> None:
        """Raise PersonMentionedError for a field of `words` that names a person by pseudonym or raw id."""
        refuse_mentions(self._connection, words)

    def redact_words(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with pseudonyms and raw ids redacted in its text columns."""
        return redact_words(self._connection, frame)

    def human_events(self) -> pd.DataFrame:
        """Return the human events in recording order: sequence, event_id, kind, actor, subject_kind, … detail."""
        return frame(self._connection, query("store/human_events"))

    def ledger(self) -> tuple[HumanEvent, ...]:
        """Return the human events in recording order, their details typed."""
        return events_of(self.human_events())

    def add_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        """Write messages that come from no human event or batch, such as results of a run; each is written once."""
        with transaction(self._connection):
            self._keep_messages(messages, at)

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        """Return at most `at_most` undelivered messages (of `topic`, if given), oldest first."""
        parameters = {"at_most": at_most, "topic": topic}
        rows = self._connection.execute(query("store/undelivered"), parameters).fetchall()
        return [OutboxMessage(*row) for row in rows]

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        """Mark messages as acknowledged; they are not sent again."""
        with transaction(self._connection):
            marked = {"message_ids": list(message_ids), "at": at}
            self._connection.execute(query("store/mark_delivered"), marked)

    def corrected_evidence(self, evidence: pd.DataFrame, known_at: datetime) -> pd.DataFrame:
        """Return the evidence records of notices that were corrected after the notice was drafted.

        Parameters
        ----------
        evidence : pandas.DataFrame
            notice_id, incident_id, person_id (null for a notice to a place), known_then.
        known_at : datetime
            Time at which the evidence is compared with what was known at known_then.

        Returns
        -------
        pandas.DataFrame
            notice_id, incident_id, what (cancelled, amended, or cleared: the person no longer has such a role).
        """
        types = {"notice_id": pa.string(), "incident_id": pa.string(), "person_id": pa.string(), "known_then": UTC_TIME}
        rows = pa.table({name: pa.array(evidence[name], kind, from_pandas=True) for name, kind in types.items()})
        self._connection.register("evidence", rows)
        found = frame(self._connection, query("store/corrected_evidence"), {"known_at": known_at})
        self._connection.unregister("evidence")
        return found

    def latest_known_at(self, now: datetime) -> datetime:
        """Return `now`, or the time of the store's last change if that is later (the writer's clock was ahead)."""
        [(known_until,)] = self._connection.execute(query("store/known_until")).fetchall()
        return max(now, known_until or now)

    def people_now(self, at: datetime) -> pd.DataFrame:
        """Return everybody not erased, as known at `at` regardless of any run: person_id and status columns."""
        return self._known_now("person", "store/person_now", at)

    def live_warrants(self, at: datetime) -> set[str]:
        """Return the ids of the warrants outstanding as known at `at`, regardless of any run."""
        return set(self._known_now("warrant", "store/live_warrant", at)["warrant_id"])

    def _known_now(self, entity: str, sql_name: str, at: datetime) -> pd.DataFrame:
        """Return the rows of a query on `<entity>_snapshot` with both clocks at `at`."""
        try:
            self._connection.execute(query(f"snapshot/{entity}_snapshot"), {"known_at": at, "as_of": at})
            return frame(self._connection, query(sql_name))
        finally:
            self._connection.execute(f"DROP TABLE IF EXISTS {entity}_snapshot")

    def resolve_pseudonym(self, person_id: str) -> str | None:
        """Return the raw id behind a pseudonym, or None. Log the access before you call this."""
        row = self._connection.execute(
            "SELECT raw_person_id FROM store.identity WHERE person_id = $person_id", {"person_id": person_id}
        ).fetchone()
        return row[0] if row else None

    def _waiting_events(self, after: int) -> list[tuple]:
        parameters = {"after": after, "page": _REPLAY_PAGE}
        return self._connection.execute(query("store/waiting_event"), parameters).fetchall()

    def resolve_pseudonyms(self, person_ids: Sequence[str]) -> dict[str, str]:
        """Return the raw ids of those pseudonyms that have one. Log the access before you call this."""
        rows = self._connection.execute(query("store/resolved"), {"person_ids": list(person_ids)}).fetchall()
        return dict(rows)

    def is_named(self, raw_person_id: str) -> bool:
        """Return whether a dead letter or a message contains a raw id, even one without an ingested event."""
        return any(self._rows_containing(table, [raw_person_id]) for table in ("store.dead_letter", "store.outbox"))

    def erase_person(self, event: HumanEvent, raw_person_id: str | None = None) -> int:
        """Replace the identity of the event's subject with a tombstone and record the event, in one transaction.

        The pseudonym stays, so that hashes and chains over it still verify, and is never assigned again. The payload
        of dead letters that contain the raw id is deleted, as is that of messages that contain either id; such
        messages are never sent. The raw id is the one of the identity and, if given, `raw_person_id`: dead letters
        were never decoded, so they may name a person without an identity.

        Returns
        -------
        int
            Number of dead letters whose payload was deleted.
        """
        columns = self._columns_of(event)
        with transaction(self._connection):
            held = self.resolve_pseudonym(event.subject)
            raw_ids = sorted({raw_id for raw_id in (held, raw_person_id) if raw_id not in (None, TOMBSTONE)}, key=str)
            emptied = self._delete_payloads("store.dead_letter", "store/empty_dead_letter", raw_ids, {})
            self._delete_payloads("store.outbox", "store/empty_message", [*raw_ids, event.subject], {"at": event.at})
            self._connection.execute(query("store/bury_identity"), {"person_id": event.subject, "tombstone": TOMBSTONE})
            self._connection.execute(
                query("store/add_identity_tombstone"), {"person_id": event.subject, "tombstone": TOMBSTONE}
            )
            self._add_event(columns)
        self._connection.execute("CHECKPOINT store")
        return emptied

    def _delete_payloads(self, table: str, sql_name: str, ids: Sequence[str], parameters: dict[str, Any]) -> int:
        """Delete the payloads that contain one of the ids, and return their number."""
        held = self._rows_containing(table, ids)
        self._connection.execute(query(sql_name), {"rows": held, **parameters})
        return len(held)

    def _rows_containing(self, table: str, ids: Sequence[str]) -> list[int]:
        """Return the rows whose payload contains one of the ids; it is searched as bytes, as it may not be text.

        An id is found in plain or JSON-escaped form, not preceded or followed by a letter or digit: P1 is not in P12.
        """
        if not ids:
            return []
        forms = {form for i in ids for form in (i, json.dumps(i)[1:-1], json.dumps(i, ensure_ascii=False)[1:-1])}
        any_form = b"|".join(re.escape(form.encode()) for form in sorted(forms, key=len, reverse=True))
        held_id = re.compile(rb"(?<![0-9A-Za-z])(" + any_form + rb")(?![0-9A-Za-z])")
        rows = self._connection.execute(f"SELECT rowid, payload FROM {table}").fetchall()  # noqa: S608 - our tables
        return [number for number, payload in rows if held_id.search(bytes(payload))]

    def _new_batch(self, ingested_at: datetime) -> _Batch:
        [row] = self._connection.execute(query("store/new_batch"), {"ingested_at": ingested_at}).fetchall()
        batch = _Batch(*row)
        if batch.ingested_at > ingested_at + _CLOCK_STEP:
            self._progress(
                f"the clock reads {ingested_at.isoformat()}, earlier than the store's last batch; "
                f"{batch.ingested_at.isoformat()} is used as ingested_at. Set the clock right."
            )
        return batch

    def _keep_decoded(self, batch: DecodedBatch, number: _Batch) -> BatchCounts:
        counts = BatchCounts()
        for entity, table in batch.tables.items():
            if table.num_rows:
                self._connection.register("arrived_rows", table)
                self._connection.execute(stage_sql(entity))
                self._connection.unregister("arrived_rows")
                counts += self._keep_staged(entity, number)
        self._execute_on("identity_arrived", batch.identity.cast(IDENTITY), "store/add_identity", {})
        return counts + self._keep_dead(batch.dead_letters, number)

    def _keep_staged(self, entity: str, number: _Batch, present: Collection[str] | None = None) -> BatchCounts:
        """Move the new rows of `staged` into the entity's versions and drop `staged`."""
        self._connection.execute(arrival_sql(entity, "row_number" if present else "rowid"))
        rows_in = self._count("staged")
        if self._dedup_index is not None:
            self._execute_on("suspect", self._dedup_index.suspects(self._connection, entity), "load/held_suspect", {})
        self._connection.execute(query("load/shared_event"))
        self._connection.execute(query("load/duplicate"))
        stored = self._count("staged")
        conflicts = self._scalar(query("load/conflict"))
        with unordered(self._connection):
            self._connection.execute(keep_sql(entity, present), number.parameters)
        self._connection.execute("DROP TABLE staged")
        if conflicts:
            self._progress(
                f"{conflicts:,} of the new {entity} rows contradict another row of the same version or event; "
                f"all are stored and the row with the greater content hash is used"
            )
        return BatchCounts(rows_in=rows_in, stored=stored, duplicates=rows_in - stored, conflicts=conflicts)

    def _keep_mapped(self, number: _Batch, mapping: Mapping, rows_read: int) -> BatchCounts:
        """Insert the incidents of `mapped` directly from the file; the other rows become dead letters."""
        rows = hashed_sql("incident", "FROM mapped WHERE rule IS NULL", mapped_files.STAGED)
        with unordered(self._connection):
            stored = self._scalar(keep_sql("incident", mapped_files.STAGED, rows), number.parameters)
        counts = BatchCounts(rows_in=stored, stored=stored)
        if stored == rows_read:
            return counts
        mapped_files.stage_incidents(self._connection, refused_only=True)
        return counts + self._keep_dead(mapped_files.refuse(self._connection, mapping.name), number)

    def _compare(self, number: _Batch, mapping: Mapping) -> BatchCounts:
        """Move the new rows of `staged` into the versions; the others are duplicates or dead letters."""
        dead = mapped_files.refuse(self._connection, mapping.name)
        return self._keep_staged("incident", number, mapped_files.STAGED) + self._keep_dead(dead, number)

    def _keep_dead(self, dead_letters: pa.Table, number: _Batch) -> BatchCounts:
        if dead_letters.num_rows:
            self._execute_on("dead_arrived", dead_letters.cast(DEAD_LETTER), "store/add_dead_letter", number.parameters)
        return _dead_counts(dead_letters)

    def _check_offsets(self, first_offsets: MappingOf[TopicPartition, int | None]) -> None:
        held = self.offsets() if first_offsets else {}
        stale = sorted(place for place, first in first_offsets.items() if held.get(place) != first)
        if stale:
            places = ", ".join(f"{topic}[{partition}]" for topic, partition in stale)
            raise StaleOffsetsError(f"stored offsets of {places} changed since this batch was read; read it again")

    def _keep_offsets(self, next_offsets: MappingOf[TopicPartition, int]) -> None:
        for (topic, partition), next_offset in sorted(next_offsets.items()):
            row = {"topic": topic, "partition": partition, "next_offset": next_offset}
            self._connection.execute(query("store/add_offset"), row)

    def _keep_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        if messages:
            self._execute_on("message_arrived", as_rows(messages), "store/add_message", {"created_at": at})

    def _keep_counts(self, number: _Batch, source: str, counts: BatchCounts) -> None:
        if counts.rows_in:
            row = {name: getattr(counts, name) for name in ("rows_in", "stored", "duplicates", "dead", "conflicts")}
            self._connection.execute(query("store/add_batch"), {**number.parameters, "source": source, **row})

    def _replay(
        self, records: list[Record], decode: Callable[[list[Record]], DecodedBatch], ingested_at: datetime
    ) -> BatchCounts:
        batch = decode(records)
        tried = pa.table(
            {"topic": [r.topic for r in records], "payload": pa.array([r.value for r in records], pa.binary())}
        )
        with transaction(self._connection):
            number = self._new_batch(ingested_at)
            self._fill_tried(tried)
            self._mark_tried(batch.dead_letters, None, number)
            still = DecodedBatch(batch.tables, batch.identity, DEAD_LETTER.empty_table())
            counts = self._keep_decoded(still, number) + _dead_counts(batch.dead_letters)
            self._keep_counts(number, "replay of events", counts)
        return counts

    def _fill_tried(self, tried: pa.Table) -> None:
        self._execute_on("letters", tried, "store/tried_event", {})

    def _mark_tried(self, dead_letters: pa.Table, mapping: str | None, number: _Batch) -> None:
        parameters = {"mapping": mapping, "ingested_at": number.ingested_at}
        self._execute_on("dead_arrived", dead_letters.cast(DEAD_LETTER), "store/mark_tried", parameters)

    def _execute_on(self, name: str, rows: pa.Table, sql_name: str, parameters: dict[str, Any]) -> None:
        self._connection.register(name, rows)
        self._connection.execute(query(sql_name), parameters)
        self._connection.unregister(name)

    def _count(self, table: str) -> int:
        return self._scalar(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own temporary tables

    def _scalar(self, sql: str, parameters: dict[str, Any] | None = None) -> int:
        row = self._connection.execute(sql, parameters).fetchone()
        return int(row[0]) if row else 0


def open_store(
    path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress, log: AccessLog | None = None
) -> Store:
    """Open the store at `path` as its only writer; raises the errors of `attach_store`."""
    connection = connect(path.parent / "spill")
    try:
        attach_store(connection, path, key, wait_s=wait_s, progress=progress)
    except BaseException:
        connection.close()
        raise
    return Store(connection, progress, log=log)


def _dead_counts(dead_letters: pa.Table) -> BatchCounts:
    reasons = pd.Series(dead_letters["reason"].to_pylist(), dtype="str").value_counts().sort_index()
    dead = dead_letters.num_rows
    return BatchCounts(rows_in=dead, dead=dead, dead_by_reason={str(r): int(n) for r, n in reasons.items()})
