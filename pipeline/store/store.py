"""The store in DuckDB: every version of every entity, dead letters, offsets, decisions of people, and messages.

Rows, identities, dead letters, offsets and messages of a batch are one transaction, so a crash neither loses nor
duplicates an event. `pipeline.store.interface` describes the methods.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.clock import refuse_earlier
from pipeline.database import (
    Progress,
    connect,
    copy_database,
    frame,
    log_progress,
    queries,
    query,
    roll_back,
    transaction,
)
from pipeline.errors import StaleOffsetsError
from pipeline.events.batch import BatchCounts, DecodedBatch, TopicPartition
from pipeline.events.columns import UTC_TIME
from pipeline.loading.dedup_index import DedupIndex
from pipeline.loading.file_loading import Loading
from pipeline.local_time import LATEST
from pipeline.messages.outbox import OutboxMessage, as_rows
from pipeline.privacy.access_log import AccessLog, LogMark
from pipeline.privacy.erased_ids import remember_erased
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import know_short_ids
from pipeline.sources.registry import recreated_topic
from pipeline.store.announced_state import Announced
from pipeline.store.human_events import HumanEvent, events_of
from pipeline.store.identities import Identities
from pipeline.store.interface import TOMBSTONE, StoreHealth, Tell
from pipeline.store.retention import Edges, Kept, drop_past, oldest_left
from pipeline.store.same_people import SamePeople, same_people_at
from pipeline.store.store_file import attach_store, rewrite

_EVIDENCE = {"notice_id": pa.string(), "incident_id": pa.string(), "person_id": pa.string(), "known_then": UTC_TIME}
_IDS = pa.list_(pa.string())


class DuckDBStore(Loading, Identities, Announced):
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
        Log of reads; every human event stores the mark that it had reached, and so does whoever closes the store.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        progress: Progress = log_progress,
        dedup_index: DedupIndex | None = None,
        log: AccessLog | None = None,
    ) -> None:
        super().__init__(connection, progress, dedup_index)
        self._log = log

    def __enter__(self) -> "DuckDBStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Mark what was read, write everything to the file and release it."""
        try:
            with suppress(duckdb.Error):  # of a store that cannot be written; the next one to close it marks
                self.mark_log()
        finally:
            self._connection.close()

    def mark_log(self) -> None:
        """Store the mark that the access log has reached, if it is not stored yet.

        If the log lacks the last mark, it was truncated: the old mark stays as the evidence.
        """
        if self._log is None or (reached := self._log.mark()) == (held := self.log_mark()):
            return
        if self._log.holds(held):
            self._connection.execute(query("store/human_events#keep_log_mark"), reached._asdict())

    def commit(
        self,
        batch: DecodedBatch,
        *,
        source: str,
        ingested_at: datetime,
        next_offsets: Mapping[TopicPartition, int],
        first_offsets: Mapping[TopicPartition, int | None] | None = None,
        messages: Sequence[OutboxMessage] = (),
        tell: Tell | None = None,
    ) -> BatchCounts:
        """Store one decoded batch, its next offsets and its outbox messages in one transaction."""
        with transaction(self._connection):
            self._check_offsets(first_offsets or {})
            number = self._new_batch(ingested_at)
            counts = self._keep_decoded(batch, number)
            self._keep_offsets(next_offsets)
            self._keep_counts(number, source, counts)
            more_messages = tell(self) if tell else ()
            self._keep_messages([*messages, *more_messages], number.ingested_at)
        return counts

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset to read, by topic (or file) and partition."""
        return {(topic, partition): next_offset for topic, partition, next_offset in self._rows("store/offsets#all")}

    def topic_ids(self) -> dict[str, str]:
        """Return the id of each topic that has stored offsets, if its broker has topic ids."""
        return dict(self._rows("store/offsets#topic_ids"))

    def know_topics(self, topic_ids: Mapping[str, str]) -> None:
        """Record the ids of the topics about to be read; raise SourceError if one was recreated since it was read."""
        held = self.topic_ids()
        if others := [topic for topic, topic_id in topic_ids.items() if held.get(topic, topic_id) != topic_id]:
            raise recreated_topic(others[0])
        with transaction(self._connection):
            for topic in topic_ids.keys() - held.keys():
                row = {"topic": topic, "topic_id": topic_ids[topic]}
                self._connection.execute(query("store/offsets#add_topic"), row)

    def forget_offsets(self, topic: str, partition: int | None = None) -> dict[TopicPartition, int]:
        """Delete and return the offsets of a topic or one partition; with the last offset, also the topic's id."""
        with transaction(self._connection):
            held = {place: n for place, n in self.offsets().items() if place[0] == topic}
            gone = {place: n for place, n in held.items() if partition in (None, place[1])}
            for place in gone:
                row = {"topic": topic, "partition": place[1]}
                self._connection.execute(query("store/offsets#forget"), row)
            if gone == held:
                self._connection.execute(query("store/offsets#forget_topic"), {"topic": topic})
        return gone

    def record_human_event(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> str:
        """Append a human event and its outbox messages in one transaction, and return its event_id."""
        columns = self._columns_of(event)
        with transaction(self._connection):
            self._add_event(columns)
            self._keep_messages(messages, event.at)
        return str(columns["event_id"])

    def erase_person(self, event: HumanEvent, raw_person_id: str | None = None) -> int:
        """Replace the identity of the event's subject with a tombstone and record the event, in one transaction."""
        columns, buried = self._columns_of(event), {"person_id": event.subject, "tombstone": TOMBSTONE}
        with transaction(self._connection):
            held = self.resolve_pseudonym(event.subject)
            raw_ids = sorted({raw_id for raw_id in (held, raw_person_id) if raw_id not in (None, TOMBSTONE)}, key=str)
            emptied = self._delete_payloads("store.dead_letter", "store/dead_letters#empty", raw_ids, {})
            told = self._messages_about(event.subject, [*raw_ids, event.subject])
            self._connection.execute(query("store/outbox#empty"), {"rows": told, "at": event.at})
            for raw_id in raw_ids:
                remember_erased(self._connection, str(raw_id))
            self._connection.execute(query("store/identities#bury"), buried)
            self._connection.execute(query("store/identities#add_tombstone"), buried)
            self._add_event(columns)
        return emptied

    def retain(
        self, edges: Edges, kept: Kept, now: datetime, event_of: Callable[["pd.Series[int]"], HumanEvent] | None = None
    ) -> pd.DataFrame:
        """Drop what is wholly before the edges and record the event of the counts; without event, only count."""
        self._connection.execute("BEGIN TRANSACTION")
        try:
            gone = drop_past(self._connection, edges, kept, now)
            oldest = oldest_left(self._connection)
            if event_of:
                self._add_event(self._columns_of(event_of(gone)))
                self._connection.execute("COMMIT")
        finally:
            roll_back(self._connection)
        return pd.DataFrame({"gone": gone, "oldest_left": oldest.reindex(gone.index)})

    def rewrite(self, path: Path, key: Key, *, wait_s: float) -> None:
        """Replace the store's file by a compact copy, which holds nothing that was deleted."""
        rewrite(self._connection, path, key, wait_s=wait_s, progress=self._progress)

    def copy_to(self, path: Path, key: Key) -> None:
        """Write all that the store holds to a new file, compact and encrypted with the same key."""
        copy_database(self._connection, "store", path, key.encryption)

    def human_events(self) -> pd.DataFrame:
        """Return the human events in recording order: sequence, event_id, kind, actor, subject_kind, … detail."""
        return frame(self._connection, query("store/human_events#all"))

    def ledger(self) -> tuple[HumanEvent, ...]:
        """Return the human events in recording order, their details typed."""
        return events_of(self.human_events())

    def last_event_at(self) -> datetime | None:
        """Return the clock time of the latest human event; None if there is none."""
        [(last,)] = self._rows("store/human_events#last_at")
        return last

    def last_batch_at(self) -> datetime | None:
        """Return the time of the latest batch; None if there is none."""
        [(last,)] = self._rows("store/batches#last_at")
        return last

    def log_mark(self) -> LogMark:
        """Return the mark that the access log had reached when the store was last closed."""
        [row] = self._rows("store/human_events#log_mark")
        return LogMark(*row)

    def is_for_rehearsals(self) -> bool:
        """Return whether the store is one for rehearsals; an empty one is marked as one, which it then stays."""
        if not self._rows("store/rehearsal#is_one"):
            self._connection.execute(query("store/rehearsal#mark"))
        return bool(self._rows("store/rehearsal#is_one"))

    def add_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        """Write messages that come from no human event or batch, such as results of a run; each is written once."""
        with transaction(self._connection):
            self._keep_messages(messages, at)

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        """Return at most `at_most` undelivered messages (of `topic`, if given), oldest first."""
        rows = self._rows("store/outbox#undelivered", {"at_most": at_most, "topic": topic})
        return [OutboxMessage(*row) for row in rows]

    def told_keys(self, topic: str) -> set[str]:
        """Return the keys of the entities of which something on a topic was delivered."""
        return {key for (key,) in self._rows("store/outbox#told_keys", {"topic": topic})}

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        """Mark messages as acknowledged; they are not sent again."""
        with transaction(self._connection):
            marked = {"message_ids": list(message_ids), "at": at}
            self._connection.execute(query("store/outbox#mark_delivered"), marked)

    def withdraw_messages(self, message_ids: Sequence[str], at: datetime) -> None:
        """Delete the payload of messages that were not delivered; they are never sent."""
        with transaction(self._connection):
            withdrawn = {"message_ids": list(message_ids), "at": at}
            self._connection.execute(query("store/outbox#withdraw"), withdrawn)

    def latest_known_at(self, now: datetime) -> datetime:
        """Return `now`, or the time of the store's last change if that is later (the writer's clock was ahead)."""
        [(known_until,)] = self._rows("store/batches#known_until")
        return max(now, known_until or now)

    def versions_about(self, people: Collection[str], also_since: datetime | None = None) -> dict[str, pa.Table]:
        """Return all versions about some people, by table: `pipeline.store.snapshot.snapshot_of` takes them."""
        everyone = SamePeople.of(self._rows("store/same_people#ever_joined")).everyone(people)
        self._connection.register("person_asked", pa.table({"person_id": pa.array(sorted(everyone), pa.string())}))
        try:
            return {
                name: self._connection.execute(
                    sql, {"also_since": also_since} if "$also_since" in sql else None
                ).to_arrow_table()
                for name, sql in queries("store/about").items()
            }
        finally:
            self._connection.unregister("person_asked")

    def place_actions(self, at: datetime) -> pd.DataFrame:
        """Return the actions before `at`, as known at `at` regardless of any run, that name an area."""
        return self._known_now("action", "store/known_now#actions", at)

    def corrected_evidence(self, evidence: pd.DataFrame, known_at: datetime) -> pd.DataFrame:
        """Return the evidence records of notices that were corrected after the notice was drafted."""
        columns = {name: pa.array(evidence[name], kind, from_pandas=True) for name, kind in _EVIDENCE.items()}
        same = self.same_people(known_at)
        ids = [person_id and same.ids(person_id) for person_id in columns["person_id"].to_pylist()]
        rows = pa.table({**columns, "person_ids": pa.array(ids, _IDS)})
        self._connection.register("evidence", rows)
        found = frame(self._connection, query("store/corrected_evidence"), {"known_at": known_at})
        self._connection.unregister("evidence")
        return found

    def same_people(self, known_at: datetime = LATEST) -> SamePeople:
        """Return the people with several ids, as known now or at a moment."""
        try:
            return same_people_at(self._connection, known_at)
        finally:
            self._connection.execute("DROP TABLE IF EXISTS same_person_snapshot")

    def health(self) -> StoreHealth:
        """Return the backlogs of the store, its read offsets and its throughput."""
        [(last_ingested_at, rows_per_s)] = self._rows("store/batches#throughput")
        [(newest_incident_at,)] = self._rows("store/batches#newest_incident")
        [(daily_share,)] = self._rows("store/batches#daily_share")
        return StoreHealth(
            dead_letters=dict(self._rows("store/dead_letters#reasons")),
            offence_words=dict(self._rows("store/dead_letters#words")),
            undelivered={topic: (count, oldest) for topic, count, oldest in self._rows("store/outbox#waiting")},
            offsets=self.offsets(),
            topic_ids=self.topic_ids(),
            last_ingested_at=last_ingested_at,
            rows_per_s=rows_per_s,
            rows=dict(self._rows("store/batches#rows")),
            newest_incident_at=newest_incident_at,
            daily_share=daily_share,
        )

    def _columns_of(self, event: HumanEvent) -> dict[str, Any]:
        """Return the row of an event after checking that it may be recorded."""
        columns = event.columns()
        self.refuse_mentions(event.words)
        if not (self._log and self._log.is_any_time):
            refuse_earlier(event.at, self.last_event_at(), "the last recorded event")
        return columns

    def _add_event(self, columns: dict[str, Any]) -> None:
        self._connection.execute(query("store/human_events#add"), columns)
        self.mark_log()

    def _check_offsets(self, first_offsets: Mapping[TopicPartition, int | None]) -> None:
        held = self.offsets() if first_offsets else {}
        stale = sorted(place for place, first in first_offsets.items() if held.get(place) != first)
        if stale:
            places = ", ".join(f"{topic}[{partition}]" for topic, partition in stale)
            raise StaleOffsetsError(f"stored offsets of {places} changed since this batch was read; read it again")

    def _keep_offsets(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        for (topic, partition), next_offset in sorted(next_offsets.items()):
            row = {"topic": topic, "partition": partition, "next_offset": next_offset}
            self._connection.execute(query("store/offsets#add"), row)

    def _keep_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        if messages:
            self._execute_on("message_arrived", as_rows(messages), query("store/outbox#add"), {"created_at": at})

    def _known_now(self, entity: str, sql_name: str, at: datetime) -> pd.DataFrame:
        """Return the rows of a query on `<entity>_snapshot` with both clocks at `at`."""
        try:
            self._connection.execute(query(f"snapshot/{entity}_snapshot"), {"known_at": at, "as_of": at})
            return frame(self._connection, query(sql_name))
        finally:
            self._connection.execute(f"DROP TABLE IF EXISTS {entity}_snapshot")


def open_store(
    path: Path, key: Key, *, wait_s: float, progress: Progress = log_progress, log: AccessLog | None = None
) -> DuckDBStore:
    """Open the store at `path` as its only writer; raises the errors of `attach_store`."""
    connection = connect(path.parent / "spill")
    try:
        know_short_ids(connection, key.ids)
        attach_store(connection, path, key, wait_s=wait_s, progress=progress)
    except BaseException:
        connection.close()
        raise
    return DuckDBStore(connection, progress, log=log)
