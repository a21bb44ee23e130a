"""What the rest of harmspot knows of the store; `pipeline.store.store` implements it in DuckDB.

Rows, identities, dead letters, offsets and messages of a batch commit together. What was known at two clocks is read
through `pipeline.store.snapshot`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pandas as pd
import pyarrow as pa

from pipeline.database import Progress
from pipeline.events.batch import BatchCounts, DecodedBatch, Record, TopicPartition
from pipeline.events.decoder import Decoder
from pipeline.loading.file_loading import CheckPlaces
from pipeline.local_time import LATEST
from pipeline.mapped.mapping import Mapping as FileMapping
from pipeline.messages.outbox import OutboxMessage
from pipeline.privacy.access_log import LogMark
from pipeline.privacy.keys import Key
from pipeline.store.announced_state import State
from pipeline.store.human_events import HumanEvent
from pipeline.store.retention import Edges, Kept
from pipeline.store.same_people import SamePeople

# Called within the transaction of a batch, whose rows it sees, with the store; returns more messages.
Tell = Callable[["Store"], Sequence[OutboxMessage]]

# Replaces the raw id of an erased person in the identity table.
TOMBSTONE = "erased"


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Health of the store for operators: backlogs, read offsets and throughput."""

    dead_letters: dict[str, int]  # by reason
    offence_words: dict[str, int]  # that no table of offences knows: number of waiting rows
    undelivered: dict[str, tuple[int, datetime]]  # by topic: number of messages, time of the oldest
    offsets: dict[TopicPartition, int]
    topic_ids: dict[str, str]
    last_ingested_at: datetime | None
    rows_per_s: float | None
    rows: dict[str, int]  # of all batches, by outcome
    newest_incident_at: datetime | None
    daily_share: float = 0.0  # of all rows, that came in on a usual day lately


class Store(Protocol):
    """The open store with its only writer; a context manager, which releases the store at its end."""

    def __enter__(self) -> "Store": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def close(self) -> None:
        """Mark what was read, and release the store."""

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
            Called with the store after the rows are inserted, within the transaction; returns more messages.

        Returns
        -------
        BatchCounts
            Counts of the rows by outcome.

        Raises
        ------
        StaleOffsetsError
            The stored offsets differ from `first_offsets`. Nothing is stored.
        """

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
        """Load a file, or the files of a folder or zip, through a mapping; each file is one transaction.

        `check` sees the places of a file's incidents before any of its rows is stored, and may raise.

        Equal ids mean what `mapping.same_id` says. A file that was loaded before changes nothing, unless its mapping
        was mended: then its rows replace what they gave before. Records that are no incidents pass `decoder` as events
        do; roles of people become new versions of the incidents that the store holds. `harm_days` is the harm of each
        code of the codebook.

        Raises
        ------
        SourceError
            The file is missing or unreadable.
        MappingError
            A column is missing, or the mapping gives an offence code that the codebook lacks.
        """

    def key_new_ids(self) -> None:
        """Replace the ids of incidents and warrants of the batches since the last call by short ids."""

    def batch_number(self) -> int:
        """Return the number of the last batch."""

    def points_since(self, batch_id: int) -> pd.DataFrame:
        """Return the distinct points of the batches after one: lon, lat, incidents."""

    def letters_since(self, batch_id: int) -> pd.DataFrame:
        """Return the waiting dead letters of the files of the batches after one; columns as `dead_letters`."""

    def dead_letters(self) -> pd.DataFrame:
        """Return the waiting dead letters in order of arrival: batch_id, ingested_at, topic … about, value."""

    def waiting_mappings(self) -> list[str]:
        """Return the sorted names of the mappings through which waiting dead letters came."""

    def replay_events(self, decode: Callable[[list[Record]], DecodedBatch], *, ingested_at: datetime) -> BatchCounts:
        """Decode the waiting dead letters that are events again; store those that pass and mark them resolved."""

    def replay_mapped(
        self, mapping: FileMapping, *, decoder: Decoder, harm_days: Mapping[str, float], ingested_at: datetime
    ) -> BatchCounts:
        """Apply the current version of `mapping` again to the waiting dead letters that came through it."""

    # Offsets

    def offsets(self) -> dict[TopicPartition, int]:
        """Return the next offset to read, by topic (or file) and partition."""

    def know_topics(self, topic_ids: Mapping[str, str]) -> None:
        """Record the ids of the topics about to be read; raise SourceError if one was recreated since it was read."""

    def forget_offsets(self, topic: str, partition: int | None = None) -> dict[TopicPartition, int]:
        """Delete and return the offsets of a topic or one partition; with the last offset, also the topic's id."""

    # Live figures, within the transaction of a batch (`commit`: tell)

    def last_batch(self) -> int:
        """Return the number of the last batch."""

    def changed_incidents(self, seen: int) -> pa.Table:
        """Return the latest version of every incident that batches after `seen` brought, by id_hash."""

    def market_events(self) -> tuple[HumanEvent, ...]:
        """Return the decisions on markets in order of recording."""

    def announced_state(self, run_id: str) -> State:
        """Return the state last announced since the run, by kind and id of the place."""

    def keep_announced_state(self, run_id: str, state: State) -> None:
        """Store the announced state; call this within the transaction that stores the announcements."""

    # Decisions of people

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

    def human_events(self) -> pd.DataFrame:
        """Return the human events in recording order: sequence, event_id, kind, actor, subject_kind, … detail."""

    def ledger(self) -> tuple[HumanEvent, ...]:
        """Return the human events in recording order, their details typed."""

    def last_event_at(self) -> datetime | None:
        """Return the clock time of the latest human event; None if there is none."""

    def last_batch_at(self) -> datetime | None:
        """Return the time of the latest batch; None if there is none."""

    def log_mark(self) -> LogMark:
        """Return the mark that the access log had reached when the store was last closed."""

    def is_for_rehearsals(self) -> bool:
        """Return whether the store is one for rehearsals; an empty one is marked as one, which it then stays."""

    # Messages out

    def add_messages(self, messages: Sequence[OutboxMessage], at: datetime) -> None:
        """Write messages that come from no human event or batch, such as results of a run; each is written once."""

    def undelivered(self, at_most: int, topic: str | None = None) -> list[OutboxMessage]:
        """Return at most `at_most` undelivered messages (of `topic`, if given), oldest first."""

    def told_keys(self, topic: str) -> set[str]:
        """Return the keys of the entities of which something on a topic was delivered."""

    def mark_delivered(self, message_ids: Sequence[str], at: datetime) -> None:
        """Mark messages as acknowledged; they are not sent again."""

    def withdraw_messages(self, message_ids: Sequence[str], at: datetime) -> None:
        """Delete the payload of messages that were not delivered; they are never sent."""

    # People

    def resolve_pseudonym(self, person_id: str) -> str | None:
        """Return the raw id behind a pseudonym, or None. Log the access before you call this."""

    def resolve_pseudonyms(self, person_ids: Sequence[str]) -> dict[str, str]:
        """Return the raw ids of those pseudonyms that have one. Log the access before you call this."""

    def pseudonyms(self) -> list[str]:
        """Return the pseudonyms of everybody not erased, sorted."""

    def same_people(self, known_at: datetime = LATEST) -> SamePeople:
        """Return the people with several ids, as known now or at a moment."""

    def is_named(self, raw_person_id: str) -> bool:
        """Return whether a dead letter or a message contains a raw id, even one without an ingested event."""

    def erase_person(self, event: HumanEvent, raw_person_id: str | None = None) -> int:
        """Replace the identity of the event's subject with a tombstone and record the event, in one transaction.

        The pseudonym stays, so that hashes and chains over it still verify, and is never assigned again. The payload
        of dead letters that contain the raw id is deleted, as is that of messages that contain either id or are about
        the person or a letter to the person by a partner's case id; such messages are never sent. A keyed hash of the
        raw id stays, by which texts that still hold it are found. The raw id is the one of the identity and, if given,
        `raw_person_id`: dead letters were never decoded, so they may name a person without an identity.

        Returns
        -------
        int
            Number of dead letters whose payload was deleted.
        """

    def held_about(self, person_ids: Sequence[str], raw_person_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
        """Return what the store holds about the person of these ids by kind. Log the access before you call this.

        Kinds: identity, registered, same_people (which of the ids were joined or parted), custody, warrants, incidents
        (with the person's own role), actions, each in every version; messages to partners about the person, also by a
        case id, and the number of dead_letters that name the person.
        """

    def raw_ids(self) -> list[str]:
        """Return the raw ids of everybody not erased, sorted: for what must not hold any, never to be shown."""

    def erased_ids_in(self, tables: Mapping[str, pd.DataFrame]) -> list[str]:
        """Return the raw ids of erased people that values of tables hold: never to be shown."""

    def retain(
        self, edges: Edges, kept: Kept, now: datetime, event_of: Callable[["pd.Series[int]"], HumanEvent] | None = None
    ) -> pd.DataFrame:
        """Drop what is wholly before the edges, and record the event of the counts, in one transaction.

        An entity goes if every version of it is before its edge and nothing in `kept` stands on it. Dead letters and
        messages are emptied; whom an incident or action names goes before the incident or action does. Without
        `event_of` nothing changes.

        Returns
        -------
        pandas.DataFrame
            By category of `pipeline.store.retention.CATEGORIES`: gone (entities), oldest_left (UTC).
        """

    def copy_to(self, path: Path, key: Key) -> None:
        """Write all that the store holds to a new file at `path`, compact and encrypted with the same key."""

    def rewrite(self, path: Path, key: Key, *, wait_s: float) -> None:
        """Replace the store's file at `path` by a compact copy, which holds nothing that was deleted.

        Raises
        ------
        StoreBusyError
            The copy is in place, and another process held it for longer than `wait_s`.
        """

    def refuse_mentions(self, words: Mapping[str, str | None]) -> None:
        """Raise PersonMentionedError for a field of `words` that names a person by pseudonym or raw id."""

    def redact_words(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with pseudonyms and raw ids redacted in its text columns."""

    # What is known now, regardless of any run

    def latest_known_at(self, now: datetime) -> datetime:
        """Return `now`, or the time of the store's last change if that is later (the writer's clock was ahead)."""

    def versions_about(self, people: Collection[str], also_since: datetime | None = None) -> dict[str, pa.Table]:
        """Return all versions about some people, under all of their ids, by table, as `snapshot_of` takes them.

        Parameters
        ----------
        people : collection of str
            Pseudonyms.
        also_since : datetime, optional
            Incidents from this moment on are returned whoever is in them; None returns no others.
        """

    def place_actions(self, at: datetime) -> pd.DataFrame:
        """Return the actions before `at`, as known at `at` regardless of any run, that name an area.

        Columns action_id, kind, actor, area_id (as the source gave it), notice_id, at, hours, detail; oldest first.
        """

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

    def health(self) -> StoreHealth:
        """Return the backlogs of the store, its read offsets and its throughput."""
