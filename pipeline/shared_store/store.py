"""The store in PostgreSQL: every method of the store in the file runs on a copy of the rows that it needs.

A method copies rows to an empty DuckDB database named `store`, does there what it does in the file, and what it changed
goes back in the same transaction of the server. `commit`, the method of streams, copies only the stored rows that share
an event or a version with the batch, and runs beside other batches.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from pipeline.database import Progress, connect, copy_database, log_progress, name_sql
from pipeline.errors import HarmspotError, StaleOffsetsError, StoreError
from pipeline.events.batch import BatchCounts, DecodedBatch, Record, TopicPartition
from pipeline.events.columns import ENTITY_KEYS, SCHEMAS
from pipeline.events.decoder import Decoder
from pipeline.loading.file_loading import CheckPlaces
from pipeline.loading.rows import BatchNumber
from pipeline.mapped.mapping import Mapping as FileMapping
from pipeline.messages.outbox import OutboxMessage
from pipeline.privacy.access_log import AccessLog
from pipeline.privacy.keys import Key
from pipeline.privacy.short_ids import KEYED, know_short_ids
from pipeline.shared_store.column_cipher import ColumnCipher
from pipeline.shared_store.copies import Copies, forms
from pipeline.shared_store.schema import prepare
from pipeline.shared_store.server import CLOCK, DESK, Database, Server
from pipeline.store.human_events import HumanEvent
from pipeline.store.interface import StoreHealth, Tell
from pipeline.store.migrations import migrate
from pipeline.store.same_people import SamePeople
from pipeline.store.store import DuckDBStore

VERSIONS = tuple(f"{entity}_version" for entity in SCHEMAS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PEOPLE = ("identity", "erased_id")
# What each method reads, whole; methods that read less stand in the class.
READS: Mapping[str, tuple[str, ...]] = {
    "dead_letters": ("dead_letter",),
    "batches": ("ingest_batch",),
    "batch_number": ("ingest_batch",),
    "letters_since": ("loaded_file", "ingest_batch", "dead_letter"),
    "waiting_mappings": ("dead_letter",),
    "offsets": ("consumer_offset",),
    "topic_ids": ("topic_read",),
    "human_events": ("human_event",),
    "ledger": ("human_event",),
    "market_events": ("human_event",),
    "last_event_at": ("human_event",),
    "last_batch_at": ("ingest_batch",),
    "last_batch": ("ingest_batch",),
    "announced_state": ("live_standing",),
    "log_mark": ("log_mark",),
    "told_keys": ("outbox",),
    "resolve_pseudonym": ("identity",),
    "resolve_pseudonyms": ("identity",),
    "pseudonyms": ("identity",),
    "raw_ids": ("identity",),
    "is_named": ("dead_letter", "outbox"),
    "erased_ids_in": ("erased_id",),
    "refuse_mentions": _PEOPLE,
    "redact_words": _PEOPLE,
    "same_people": ("same_person_version",),
    "place_actions": ("action_version",),
}
# What each method may change, and what else it reads.
CHANGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "know_topics": (("topic_read",), ()),
    "forget_offsets": (("consumer_offset", "topic_read"), ()),
    "is_for_rehearsals": (("rehearsal",), ("ingest_batch", "human_event", "log_mark")),
    "keep_announced_state": (("live_standing",), ()),
    "withdraw_messages": (("outbox",), ()),
    "erase_person": (("dead_letter", "outbox", "identity", "erased_id", "human_event", "log_mark"), ()),
    "retain": ((*VERSIONS, "dead_letter", "outbox", "identity", "human_event", "log_mark"), ("erased_id",)),
}
_NEXT_MESSAGE = "WHERE message_id = ANY($1) OR sequence = (SELECT max(sequence) FROM store.outbox)"
_OF_PEOPLE = (
    "SELECT incident_id FROM store.incident_version, json_array_elements(involvements::json) AS part "
    "WHERE part ->> 'person_id' = ANY($1)"
)
# For this transaction: the rows of a batch are few, and to compile its queries takes longer than to answer them.
_BY_INDEX = "SELECT " + ", ".join(
    f"set_config('{name}', 'off', true)" for name in ("enable_hashjoin", "enable_mergejoin", "enable_seqscan", "jit")
)
_UNKEYED = "batch_id > $1 AND {0} !~ '^k_[0-9a-f]{{24}}$'"


class PostgresStore(DuckDBStore):
    """The open store; a context manager. Created by `open_shared_store`, or by a session of a stream.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Connection on which the copies are made, with no `store` attached.
    server : Server
        Connection to the database.
    cipher : ColumnCipher
        Of the home.
    progress : callable, optional
        Receives progress messages and warnings.
    log : AccessLog, optional
        As of `DuckDBStore`.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        server: Server,
        cipher: ColumnCipher,
        progress: Progress = log_progress,
        log: AccessLog | None = None,
    ) -> None:
        super().__init__(connection, progress, log=log)
        self._server = server
        self._copies = Copies(connection, server, cipher)
        # Tables of the operation in progress, and whether what changes of them goes back.
        self._copied: dict[str, bool] | None = None

    def close(self) -> None:
        """Mark what was read, and let go of the store."""
        try:
            with suppress(StoreError):
                self.mark_log()
        finally:
            self._server.close()
            self._connection.close()

    def mark_log(self) -> None:
        """Store the mark that the access log has reached, if it is not stored yet."""
        if self._copied is None and (self._log is None or self._log.mark() == self.log_mark()):
            return
        with self._writing("log_mark"):
            super().mark_log()

    # Events in

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
        """Store one decoded batch, its next offsets and its outbox messages in one transaction of the server."""
        with self._operation(), self._server.transaction():
            for place, next_offset in sorted(next_offsets.items()):
                self._claim(place, next_offset, first_offsets)
            # A batch that announces is alone, so that none is overlooked that commits with a lower number.
            shared = "" if tell or messages else "_shared"
            self._server.run(f"SELECT pg_advisory_xact_lock{shared}($1)", [CLOCK])
            number = self._new_batch(ingested_at)
            self._copy_rivals(batch)
            counts = self._put_rows(self._keep_decoded(batch, number), number)
            self._keep_counts(number, source, counts)
            self._copies.add("ingest_batch", "FROM store.ingest_batch")
            told = [*messages, *(tell(self) if tell else ())]
            self._ready_messages(told)
            self._keep_messages(told, number.ingested_at)
            self._copies.put_back()
        return counts

    def load_mapped(
        self,
        path: Path,
        mapping: FileMapping,
        *,
        decoder: Decoder,
        harm_days: Mapping[str, float],
        ingested_at: datetime,
        progress: Progress | None = None,
        check: CheckPlaces | None = None,
    ) -> BatchCounts:
        """Load a file, or the files of a folder or zip, through a mapping, in one transaction of the server."""
        with self._loading(is_keying=mapping.source_ids == "keyed"):
            return super().load_mapped(
                path,
                mapping,
                decoder=decoder,
                harm_days=harm_days,
                ingested_at=ingested_at,
                progress=progress,
                check=check,
            )

    def replay_events(self, decode: Callable[[list[Record]], DecodedBatch], *, ingested_at: datetime) -> BatchCounts:
        """Decode the waiting dead letters that are events again; store those that pass and mark them resolved."""
        with self._loading():
            return super().replay_events(decode, ingested_at=ingested_at)

    def replay_mapped(
        self, mapping: FileMapping, *, decoder: Decoder, harm_days: Mapping[str, float], ingested_at: datetime
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""
        with self._loading(is_keying=mapping.source_ids == "keyed"):
            return super().replay_mapped(mapping, decoder=decoder, harm_days=harm_days, ingested_at=ingested_at)

    def key_new_ids(self) -> None:
        """Replace the ids of incidents and warrants of the batches since the last call by short ids."""
        rows = self._server.rows(
            "SELECT batch_id, (SELECT max(batch_id) FROM store.ingest_batch) FROM store.keyed_until"
        )
        [(until, last)] = rows
        if (last or 0) <= until:
            return
        with self._writing("keyed_until"):
            self._copies.fill("ingest_batch", "ORDER BY batch_id DESC LIMIT 1")
            for entity, column in KEYED.items():
                new = f"SELECT {column} FROM store.{entity}_version WHERE {_UNKEYED.format(column)}"  # noqa: S608
                self._copies.fill(f"{entity}_version", f"WHERE {column} IN ({new})", until, is_changed=True)
            super().key_new_ids()
            self._copies.put_back(is_exact=False)  # an event that came again with its short id is that event now

    def points_since(self, batch_id: int) -> pd.DataFrame:
        """Return the distinct points of the batches after one: lon, lat, incidents."""
        with self._reading():
            self._copies.fill("incident_version", "WHERE batch_id > $1", batch_id)
            return super().points_since(batch_id)

    # Live figures

    def changed_incidents(self, seen: int) -> pa.Table:
        """Return the latest version of every incident that batches after `seen` brought, by id_hash."""
        with self._reading():
            self._copies.fill("incident_version", "WHERE batch_id > $1", seen)
            return super().changed_incidents(seen)

    # Decisions and messages

    def record_human_event(self, event: HumanEvent, messages: Sequence[OutboxMessage] = ()) -> str:
        """Append a human event and its outbox messages in one transaction, and return its event_id."""
        with self._writing("human_event", "log_mark", reads=_PEOPLE):
            self._ready_messages(messages)
            return super().record_human_event(event, messages)

    def add_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        """Write messages that come from no human event or batch, such as results of a run; each is written once."""
        with self._writing():
            self._ready_messages(messages)
            super().add_messages(messages, at)

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        """Return at most `at_most` undelivered messages (of `topic`, if given), oldest first."""
        with self._reading():
            self._copies.fill("outbox", "WHERE delivered_at IS NULL")
            return super().undelivered(at_most, topic)

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        """Mark messages as acknowledged; they are not sent again."""
        with self._writing():
            self._copies.fill("outbox", "WHERE message_id = ANY($1)", list(message_ids), is_changed=True)
            super().mark_delivered(message_ids, at)

    # People

    def held_about(self, person_ids: Sequence[str], raw_person_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Return what the store holds about the person of these ids by kind. Log the access before you call this."""
        whole = [name for name in VERSIONS if name != "incident_version"]
        with self._reading(*whole, "identity", "dead_letter", "outbox", "human_event"):
            self._copies.fill("incident_version", f"WHERE incident_id IN ({_OF_PEOPLE})", list(person_ids))
            return super().held_about(person_ids, raw_person_ids)

    # What is known now

    def latest_known_at(self, now: datetime) -> datetime:
        """Return `now`, or the time of the store's last change if that is later; no earlier change is on its way."""
        with self._server.still(), self._reading("ingest_batch"):
            return super().latest_known_at(now)

    def versions_about(self, people: Collection[str], also_since: datetime | None = None) -> dict[str, pa.Table]:
        """Return all versions about some people, by table: `pipeline.store.snapshot.snapshot_of` takes them."""
        with self._reading("same_person_version"):
            same = SamePeople.of(self._rows("store/same_people#ever_joined"))
            everyone = sorted(same.everyone(people))
            also = " OR occurred_at >= $2" if also_since else ""
            since = [also_since] if also_since else []
            self._copies.fill("incident_version", f"WHERE incident_id IN ({_OF_PEOPLE}){also}", everyone, *since)
            for table in ("person_version", "custody_version", "identity"):
                self._copies.fill(table, "WHERE person_id = ANY($1)", everyone)
            against = "SELECT warrant_id FROM store.warrant_version WHERE person_id = ANY($1)"
            self._copies.fill("warrant_version", f"WHERE warrant_id IN ({against})", everyone)
            self._copies.make("action_version")
            return super().versions_about(people, also_since)

    def corrected_evidence(self, evidence: pd.DataFrame, known_at: datetime) -> pd.DataFrame:
        """Return the evidence records of notices that were corrected after the notice was drafted."""
        cited = pa.table({"incident_id": pa.array(evidence["incident_id"], pa.string(), from_pandas=True)})
        with self._reading("same_person_version"):
            self._connection.register("cited", cited)
            both = self._connection.execute(
                "SELECT DISTINCT unnest([incident_id, short_id(incident_id)]) AS held_id FROM cited ORDER BY held_id"
            ).fetchall()
            self._connection.unregister("cited")
            ids = [held_id for (held_id,) in both if held_id is not None]
            self._copies.fill("incident_version", "WHERE incident_id = ANY($1)", ids)
            return super().corrected_evidence(evidence, known_at)

    def health(self) -> StoreHealth:
        """Return the backlogs of the store, its read offsets and its throughput."""
        with self._reading("consumer_offset", "topic_read", "ingest_batch"):
            self._copies.fill("dead_letter", "WHERE resolved_at IS NULL", blank=["payload"])
            self._copies.fill("outbox", "WHERE delivered_at IS NULL", blank=["payload"])
            self._copies.fill("incident_version", "ORDER BY occurred_at DESC LIMIT 1")
            return super().health()

    # The whole

    def copy_to(self, path: Path, key: Key) -> None:
        """Write all that the store holds to a new file at `path`, compact and encrypted with the same key."""
        with self._reading(*forms()):
            self._connection.execute("CREATE TABLE store.migration (name VARCHAR PRIMARY KEY, applied_by VARCHAR)")
            with connect(is_encrypting=False) as made:
                made.execute("ATTACH ':memory:' AS store")
                migrate(made)
                applied = made.execute("FROM store.migration ORDER BY name").to_arrow_table()
            self._connection.register("applied", applied)
            self._connection.execute("INSERT INTO store.migration BY NAME FROM applied")
            self._connection.unregister("applied")
            copy_database(self._connection, "store", path, key.encryption)

    def rewrite(self, path: Path, key: Key, *, wait_s: float) -> None:
        """Write every table anew, so that none holds what was deleted; `path` and `wait_s` are those of a file."""
        [(others,)] = self._server.rows(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'store' AND NOT pg_has_role(tableowner, 'USAGE')"
        )
        if others:  # PostgreSQL would only warn, and keep what was deleted
            raise StoreError(
                f"what was deleted stays in {self._server.database} until the owner of its tables writes them anew: "
                "do it with the owner's role (harmspot compact)"
            )
        for table in forms():
            self._server.run(f"VACUUM (FULL, ANALYZE) store.{table}")

    # Operations

    @contextmanager
    def _operation(self) -> Iterator[None]:
        """Begin with an empty copy, and forget it after the block; within another operation, that one goes on."""
        if self._copied is not None:
            yield
            return
        self._copies.begin()
        self._copied = {}
        try:
            yield
        finally:
            self._copied = None
            self._copies.end()

    @contextmanager
    def _reading(self, *tables: str) -> Iterator[None]:
        """Copy tables as they are at one moment for the block; within another operation, those that it lacks."""
        if self._copied is not None:
            self._fill(tables)
            yield
            return
        with self._operation(), self._server.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            self._fill(tables)
            yield

    @contextmanager
    def _writing(self, *tables: str, reads: Collection[str] = ()) -> Iterator[None]:
        """Copy tables for the block while nobody else writes, and put back what it changes unless it fails."""
        if self._copied is not None:
            self._fill(tables, is_changed=True)
            self._fill(reads)
            yield
            return
        with self._operation(), self._server.transaction():
            self._server.run("SELECT pg_advisory_xact_lock($1)", [CLOCK])
            self._fill(tables, is_changed=True)
            self._fill(reads)
            yield
            self._copies.put_back()

    @contextmanager
    def _loading(self, *, is_keying: bool = False) -> Iterator[None]:
        """Copy what loads and replays read, and put back the rows that they add and the dead letters that they try.

        What was whole before the block raised an error of a user is kept, as in the file.
        """
        failed: HarmspotError | None = None
        with self._writing("dead_letter", "identity", reads=("loaded_file", "ingest_batch")):
            self._fill(VERSIONS, is_changed=is_keying)
            [(last,)] = self._server.rows(
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM store.batch_number"
            )
            try:
                yield
            except HarmspotError as error:
                failed = error
            for table in (*(() if is_keying else VERSIONS), "loaded_file", "ingest_batch"):
                self._copies.add(table, f"FROM store.{table} WHERE batch_id > {int(last)}")
        if failed:
            raise failed

    def _fill(self, tables: Collection[str], *, is_changed: bool = False) -> None:
        assert self._copied is not None
        for table in tables:
            if table not in self._copied or (is_changed and not self._copied[table]):
                self._copies.fill(table, is_changed=is_changed)
                self._copied[table] = is_changed

    # Parts of a batch

    def _new_batch(self, ingested_at: datetime) -> BatchNumber:
        now_us = (ingested_at - _EPOCH) // timedelta(microseconds=1)
        [(batch_id, stamped_at)] = self._server.rows("SELECT * FROM store.stamp($1)", [now_us])
        return self._said_if_late(BatchNumber(batch_id, stamped_at), ingested_at)

    def _claim(
        self, place: TopicPartition, next_offset: int, first_offsets: Mapping[TopicPartition, int | None] | None
    ) -> None:
        """Move the offset of a partition on, if it is where the batch begins; who claims it second waits, and fails."""
        topic, partition = place
        if first_offsets is None:
            sql = (
                "INSERT INTO store.consumer_offset VALUES ($1, $2, $3) "
                "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset RETURNING 1"
            )
            values = [topic, partition, next_offset]
        elif (first := first_offsets.get(place)) is None:
            sql = "INSERT INTO store.consumer_offset VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1"
            values = [topic, partition, next_offset]
        else:
            sql = (
                "UPDATE store.consumer_offset SET next_offset = $3 "
                "WHERE topic = $1 AND partition = $2 AND next_offset = $4 RETURNING 1"
            )
            values = [topic, partition, next_offset, first]
        if not self._server.rows(sql, values):
            raise StaleOffsetsError(
                f"the stored offset of {topic}[{partition}] changed since this batch was read; read it again"
            )

    def _copy_rivals(self, batch: DecodedBatch) -> None:
        """Copy the stored rows that share an event or a version with a row of the batch."""
        for table in (*VERSIONS, "identity", "dead_letter", "ingest_batch"):
            self._copies.make(table)
        self._server.run(_BY_INDEX)
        for entity, rows in batch.tables.items():
            if rows.num_rows:
                self._copy_rivals_of(entity, rows)

    def _copy_rivals_of(self, entity: str, rows: pa.Table) -> None:
        table, keys = f"{entity}_version", [*ENTITY_KEYS[entity], "version"]
        columns = ["event_source", "event_id", *keys]
        asked = self._copies.send(f"asked_{table}", rows.select(columns), ", ".join(map(name_sql, columns)), table)
        by_event, by_key = (
            f"SELECT held.row_id FROM (SELECT DISTINCT {', '.join(names)} FROM {asked}) AS asked "  # noqa: S608
            f"JOIN store.{table} AS held USING ({', '.join(names)})"
            for names in (["event_source", "event_id"], keys)
        )
        found = [row_id for (row_id,) in self._server.rows(f"{by_event} UNION {by_key}")]
        self._server.run(f"DELETE FROM {asked}")  # noqa: S608
        if found:
            self._copies.fill(table, f"WHERE row_id IN ({', '.join(map(str, found))})")

    def _put_rows(self, counts: BatchCounts, number: BatchNumber) -> BatchCounts:
        """Send the new rows of the batch; what another batch stored meanwhile counts as a duplicate."""
        late = 0
        for table in VERSIONS:
            new = f"FROM store.{table} WHERE batch_id = {int(number.batch_id)}"
            sent = self._scalar(f"SELECT count(*) {new}")
            late += sent - self._copies.add(table, new, is_exact=False)
        self._copies.add("identity", "FROM store.identity", is_exact=False)
        self._copies.add("dead_letter", "FROM store.dead_letter", is_exact=False)
        return replace(counts, stored=counts.stored - late, duplicates=counts.duplicates + late)

    def _ready_messages(self, messages: Sequence[OutboxMessage]) -> None:
        if messages:
            ids = [message.message_id for message in messages]
            self._copies.fill("outbox", _NEXT_MESSAGE, ids, is_changed=True)


def _on_copy(name: str, changes: tuple[str, ...], reads: tuple[str, ...]) -> Callable[..., Any]:
    """Return the method of that name of the store in the file, as it runs on a copy of tables."""
    whole = getattr(DuckDBStore, name)

    def method(self: PostgresStore, *arguments: Any, **options: Any) -> Any:
        with self._writing(*changes, reads=reads) if changes else self._reading(*reads):
            return whole(self, *arguments, **options)

    method.__name__, method.__doc__ = name, whole.__doc__
    return method


for _name, _reads in READS.items():
    setattr(PostgresStore, _name, _on_copy(_name, (), _reads))
for _name, (_changes, _reads) in CHANGES.items():
    setattr(PostgresStore, _name, _on_copy(_name, _changes, _reads))


def open_shared_store(
    database: Database, key: Key, *, wait_s: float, progress: Progress = log_progress, log: AccessLog | None = None
) -> PostgresStore:
    """Open the store in a database for everything but a stream: one process at a time, beside the streams.

    Raises
    ------
    StoreBusyError
        The server does not answer, or another process holds the store, for longer than `wait_s`.
    KeyFileError
        The database holds the store of another home.
    StoreError
        It cannot be opened, or a newer harmspot wrote it.
    """
    server = Server(database, wait_s=wait_s, progress=progress)
    connection = connect(database.folder / "spill")
    try:
        cipher = prepare(server, key)
        server.lock(DESK)
        know_short_ids(connection, key.ids)
    except BaseException:
        server.close()
        connection.close()
        raise
    return PostgresStore(connection, server, cipher, progress, log)
